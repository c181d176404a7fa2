#include "logline.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ESCAPED_MAX = 6 }; /* octets that one becomes: \u000a */

void ff_logline_open(struct ff_logline *log, int fd)
{
    struct stat status;
    bool is_known = fstat(fd, &status) == 0;
    *log = (struct ff_logline){.fd = fd};
    log->is_file = is_known && S_ISREG(status.st_mode);
    log->is_socket = is_known && S_ISSOCK(status.st_mode);
}

void ff_logline_close(struct ff_logline *log)
{
    ff_buffer_close(&log->text);
    log->begin = 0;
}

/* ---- making a line ---- */

/* Room for `n` octets more, or NULL and the line is broken. */
static char *reserve(struct ff_logline *log, size_t n)
{
    if (!log->is_broken && ff_buffer_reserve(&log->text, n) < 0)
        log->is_broken = true;
    return log->is_broken ? NULL : ff_buffer_tail(&log->text);
}

void ff_logline_add(struct ff_logline *log, const char *octets, size_t n)
{
    char *to = reserve(log, n);
    if (!to)
        return;
    memcpy(to, octets, n);
    log->text.end += n;
}

void ff_logline_escape(struct ff_logline *log, const char *octets, size_t n,
                       enum ff_logline_style style)
{
    static const char hex[] = "0123456789abcdef";
    char *to = reserve(log, n * ESCAPED_MAX);
    if (!to)
        return;
    for (size_t i = 0; i < n; i++) {
        unsigned char octet = (unsigned char)octets[i];
        if (octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\') {
            *to++ = (char)octet;
            continue;
        }
        *to++ = '\\';
        if (octet == '"' || octet == '\\') {
            *to++ = (char)octet;
            continue;
        }
        *to++ = style == FF_LOGLINE_JSON ? 'u' : 'x';
        if (style == FF_LOGLINE_JSON)
            *to++ = '0', *to++ = '0';
        *to++ = hex[octet >> 4];
        *to++ = hex[octet & 15];
    }
    log->text.end = (size_t)(to - log->text.data);
}

/* The decimal digits of `number`, at least `least` of them. */
static void add_digits(struct ff_logline *log, uint64_t number, size_t least)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[sizeof(digits) - ++n] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 || n < least);
    ff_logline_add(log, digits + sizeof(digits) - n, n);
}

void ff_logline_number(struct ff_logline *log, uint64_t number)
{
    add_digits(log, number, 1);
}

void ff_logline_seconds(struct ff_logline *log, int64_t us)
{
    uint64_t whole = us > 0 ? (uint64_t)us : 0;
    add_digits(log, whole / 1000000, 1);
    ff_logline_add(log, ".", 1);
    add_digits(log, whole % 1000000, 6);
}

void ff_logline_end(struct ff_logline *log)
{
    ff_logline_add(log, "\n", 1);
    if (log->is_broken) {
        log->lost++;
        ff_logline_drop(log);
    }
    log->begin = log->text.end;
    if (ff_buffer_len(&log->text) >= FF_LOGLINE_GATHER)
        ff_logline_flush(log);
}

void ff_logline_drop(struct ff_logline *log)
{
    log->text.end = log->begin;
    log->is_broken = false;
}

/* ---- writing ---- */

/* How many octets of whole lines go into the next write: one line at least. */
static size_t portion(const struct ff_logline *log)
{
    const char *head = ff_buffer_head(&log->text), *end;
    size_t n = ff_buffer_len(&log->text);
    if (log->is_file || n <= PIPE_BUF)
        return n;
    end = memrchr(head, '\n', PIPE_BUF);
    if (!end)
        end = memchr(head, '\n', n);
    return end ? (size_t)(end - head) + 1 : n;
}

/* What the kernel took, 0 if nothing. */
static size_t put(const struct ff_logline *log, const char *octets, size_t n)
{
    ssize_t took;
    struct pollfd room = {.fd = log->fd, .events = POLLOUT};
    if (!log->is_file && !log->is_socket && poll(&room, 1, 0) != 1)
        return 0; /* also for those that may not be made non-blocking */
    do
        took = log->is_socket ? send(log->fd, octets, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                              : write(log->fd, octets, n);
    while (took < 0 && errno == EINTR);
    return took > 0 ? (size_t)took : 0;
}

static uint64_t count_lines(const char *octets, size_t n)
{
    uint64_t lines = 0;
    for (const char *end = octets + n; (octets = memchr(octets, '\n', (size_t)(end - octets)));)
        lines++, octets++;
    return lines;
}

void ff_logline_flush(struct ff_logline *log)
{
    while (ff_buffer_len(&log->text) > 0) {
        size_t n = portion(log), took = 0;
        const char *head = ff_buffer_head(&log->text);
        if (log->is_torn && put(log, "\n", 1) == 1)
            log->is_torn = false;
        if (!log->is_torn)
            took = put(log, head, n);
        log->lost += count_lines(head + took, n - took);
        if (took > 0 && took < n && head[took - 1] != '\n')
            log->is_torn = true;
        ff_buffer_consume(&log->text, n);
    }
    log->begin = log->text.end;
}
