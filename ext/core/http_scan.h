/* http_scan: the octets that HTTP allows where, and how to run over many of them quickly.
 *
 * Runs in:  anywhere. Pure.
 * Blocks:   never.
 * Owns:     nothing. No scan reads `end` or behind it, so a page may end there.
 *
 * Each scan with SSE2 has a scalar twin: it finishes the last 15 octets and serves other machines.
 * FF_SCALAR leaves only the twin, so that tests can hold both to the same answers. */
#ifndef FF_HTTP_SCAN_H
#define FF_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__) && !defined(FF_SCALAR)
#include <emmintrin.h>
#define FF_SCAN_SSE2 1
#else
#define FF_SCAN_SSE2 0
#endif

enum {
    FF_OCTET_TOKEN = 1,  /* tchar, RFC 9110 5.6.2 */
    FF_OCTET_VALUE = 2,  /* HTAB SP VCHAR obs-text, RFC 9110 5.5 */
    FF_OCTET_TARGET = 4, /* visible ASCII but "#": a superset of RFC 3986, as browsers send it */
    FF_OCTET_PATH = 8,   /* the same without "?" */
    FF_OCTET_HOST = 16,  /* reg-name of RFC 3986 3.2.2 without "%" and the "," that joins fields */
    FF_OCTET_HEX = 32,
    FF_OCTET_UNDERSCORE = 64
};

/* clang-format off */
static const uint8_t ff_http_octet[256] = {
      0,   0,   0,   0,   0,   0,   0,   0,   0,   2,   0,   0,   0,   0,   0,   0, /* 0_ */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* 1_ */
      2,  31,  14,   3,  31,  15,  31,  31,  30,  30,  31,  31,  14,  31,  31,  14, /* 2_ */
     63,  63,  63,  63,  63,  63,  63,  63,  63,  63,  14,  30,  14,  30,  14,   6, /* 3_ */
     14,  63,  63,  63,  63,  63,  63,  31,  31,  31,  31,  31,  31,  31,  31,  31, /* 4_ */
     31,  31,  31,  31,  31,  31,  31,  31,  31,  31,  31,  14,  14,  14,  15,  95, /* 5_ */
     15,  63,  63,  63,  63,  63,  63,  31,  31,  31,  31,  31,  31,  31,  31,  31, /* 6_ */
     31,  31,  31,  31,  31,  31,  31,  31,  31,  31,  31,  14,  15,  14,  31,   0, /* 7_ */
      2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2, /* 8_ */
      2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2, /* 9_ */
      2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2, /* a_ */
      2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2, /* b_ */
      2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2, /* c_ */
      2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2, /* d_ */
      2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2, /* e_ */
      2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2,   2, /* f_ */
};
/* clang-format on */

static inline bool ff_http_is_octet(uint8_t c, unsigned classes)
{
    return (ff_http_octet[c] & classes) != 0;
}

/* The value of an octet that is FF_OCTET_HEX. */
static inline unsigned ff_http_hex(uint8_t c)
{
    return c <= '9' ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10;
}

/* Each scan gives the first octet from `p` on that is not of its class, or `end`. */
static inline const uint8_t *ff_http_scan(const uint8_t *p, const uint8_t *end, unsigned classes)
{
    while (p < end && ff_http_is_octet(*p, classes))
        p++;
    return p;
}

static inline const uint8_t *ff_http_skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

static inline const uint8_t *ff_http_skip_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (uint8_t)(*p - '0') <= 9)
        p++;
    return p;
}

static inline const uint8_t *ff_http_trim_space(const uint8_t *p, const uint8_t *end)
{
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return end;
}

#if FF_SCAN_SSE2
static inline __m128i ff_http_load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i ff_http_at_most(__m128i v, char limit)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(limit)), v);
}

static inline __m128i ff_http_equal(__m128i v, char c)
{
    return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

static inline unsigned ff_http_mask(__m128i v)
{
    return (unsigned)_mm_movemask_epi8(v);
}
#endif

/* FF_OCTET_VALUE; clears `*ascii` when an octet above 0x7f was run over. */
static inline const uint8_t *ff_http_scan_value(const uint8_t *p, const uint8_t *end, bool *ascii)
{
    unsigned high = 0;
#if FF_SCAN_SSE2
    for (; end - p >= 16; p += 16) {
        __m128i v = ff_http_load(p);
        __m128i control = _mm_andnot_si128(ff_http_equal(v, '\t'), ff_http_at_most(v, 0x1f));
        unsigned stop = ff_http_mask(_mm_or_si128(control, ff_http_equal(v, 0x7f)));
        if (stop) {
            unsigned up_to_it = stop ^ (stop - 1);
            *ascii = *ascii && (high | (ff_http_mask(v) & up_to_it)) == 0;
            return p + __builtin_ctz(stop);
        }
        high |= ff_http_mask(v);
    }
#endif
    for (; p < end && ff_http_is_octet(*p, FF_OCTET_VALUE); p++)
        high |= *p & 0x80u;
    *ascii = *ascii && high == 0;
    return p;
}

#if FF_SCAN_SSE2
static inline unsigned ff_http_mask_outside_target(__m128i v)
{
    __m128i low = ff_http_at_most(v, 0x20), hash = ff_http_equal(v, '#');
    __m128i high = _mm_or_si128(v, ff_http_equal(v, 0x7f)); /* the sign bit is all that counts */
    return ff_http_mask(_mm_or_si128(_mm_or_si128(low, hash), high));
}
#endif

/* FF_OCTET_PATH; sets `*encoded` when a "%" was run over. */
static inline const uint8_t *ff_http_scan_path(const uint8_t *p, const uint8_t *end, bool *encoded)
{
    unsigned percent = 0;
#if FF_SCAN_SSE2
    for (; end - p >= 16; p += 16) {
        __m128i v = ff_http_load(p);
        unsigned stop = ff_http_mask_outside_target(v) | ff_http_mask(ff_http_equal(v, '?'));
        unsigned here = ff_http_mask(ff_http_equal(v, '%'));
        if (stop) {
            unsigned up_to_it = stop ^ (stop - 1);
            *encoded = *encoded || (percent | (here & up_to_it)) != 0;
            return p + __builtin_ctz(stop);
        }
        percent |= here;
    }
#endif
    for (; p < end && ff_http_is_octet(*p, FF_OCTET_PATH); p++)
        percent |= *p == '%';
    *encoded = *encoded || percent != 0;
    return p;
}

/* FF_OCTET_TARGET. */
static inline const uint8_t *ff_http_scan_query(const uint8_t *p, const uint8_t *end)
{
#if FF_SCAN_SSE2
    for (; end - p >= 16; p += 16) {
        unsigned stop = ff_http_mask_outside_target(ff_http_load(p));
        if (stop)
            return p + __builtin_ctz(stop);
    }
#endif
    return ff_http_scan(p, end, FF_OCTET_TARGET);
}

#if FF_SCAN_SSE2
/* Of FF_OCTET_HOST what nearly all hosts consist of: letters, digits, "-" and ".". */
static inline unsigned ff_http_mask_outside_plain_host(__m128i v)
{
    __m128i letter = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    __m128i other = ff_http_at_most(_mm_sub_epi8(v, _mm_set1_epi8('-')), '9' - '-');
    __m128i plain = _mm_or_si128(ff_http_at_most(letter, 'z' - 'a'),
                                 _mm_andnot_si128(ff_http_equal(v, '/'), other));
    return ff_http_mask(plain) ^ 0xffff;
}
#endif

/* FF_OCTET_HOST. */
static inline const uint8_t *ff_http_scan_host(const uint8_t *p, const uint8_t *end)
{
#if FF_SCAN_SSE2
    unsigned stop = 0;
    for (; stop == 0 && end - p >= 16; p += stop ? __builtin_ctz(stop) : 16)
        stop = ff_http_mask_outside_plain_host(ff_http_load(p));
    if (stop == 0 && end - p >= 8) { /* the first 8 and the last 8, which may overlap */
        __m128i first = _mm_loadl_epi64((const __m128i *)(const void *)p);
        __m128i last = _mm_loadl_epi64((const __m128i *)(const void *)(end - 8));
        stop = ff_http_mask_outside_plain_host(_mm_unpacklo_epi64(first, last));
        if (stop == 0)
            return end;
        p = stop & 0xff ? p + __builtin_ctz(stop) : end - (16 - __builtin_ctz(stop));
    }
#endif
    return ff_http_scan(p, end, FF_OCTET_HOST);
}

/* The first ":" or octet up to " " from `p` on, or `end`: the end of a name, if it is one. */
static inline const uint8_t *ff_http_scan_name(const uint8_t *p, const uint8_t *end)
{
#if FF_SCAN_SSE2
    for (; end - p >= 16; p += 16) {
        __m128i v = ff_http_load(p);
        unsigned stop = ff_http_mask(_mm_or_si128(ff_http_at_most(v, ' '), ff_http_equal(v, ':')));
        if (stop)
            return p + __builtin_ctz(stop);
    }
#endif
    while (p < end && *p > ' ' && *p != ':')
        p++;
    return p;
}

#endif
