#include "check.h"
#include "http_target.h"

#include <string.h>

static bool is_host(const char *text)
{
    const uint8_t *p = (const uint8_t *)check_guarded(text, strlen(text));
    return ff_http_is_host(p, p + strlen(text));
}

TEST(every_part_of_a_host_may_be_missing)
{
    static const char *const hosts[] = {"", ":", "a", "a:", ":1", "a:1", "[::]", "[::]:", "[::]:1"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
        CHECK(is_host(hosts[i]));
}

TEST(a_host_that_is_cut_inside_an_address_or_a_triplet_is_none)
{
    static const char *const cut[] = {"[", "[:", "[::", "%", "%4", "a%", "a%4"};
    for (size_t i = 0; i < sizeof(cut) / sizeof(*cut); i++)
        CHECK(!is_host(cut[i]));
}

static bool decodes(const char *from, const char *expected, size_t n)
{
    char copy[100];
    size_t len = strlen(from);
    memcpy(copy, from, len);
    return ff_http_decode_path(check_guarded(from, len), len, copy) == n &&
           memcmp(copy, expected, n) == 0 &&
           ff_http_decode_path(memcpy(copy, from, len), len, copy) == n &&
           memcmp(copy, expected, n) == 0;
}

TEST(percent_encoding_is_undone_and_malformed_triplets_stay)
{
    CHECK(decodes("", "", 0) && decodes("/plain", "/plain", 6) &&
          decodes("/a%20b%2Fc", "/a b/c", 6));
    CHECK(decodes("%00%fF", "\0\xff", 2) && decodes("%", "%", 1) && decodes("%4", "%4", 2));
    CHECK(decodes("%zz%41", "%zzA", 4) && decodes("%%41", "%A", 2) && decodes("a%4g", "a%4g", 4));
    CHECK(decodes("%2541", "%41", 3));
}
