#include "check.h"
#include "logline.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static char seen[1 << 20];

/* What stands in the file, as a text. */
static const char *content(int fd)
{
    ssize_t n = pread(fd, seen, sizeof(seen) - 1, 0);
    seen[n > 0 ? n : 0] = 0;
    return seen;
}

static void add(struct ff_logline *log, const char *text)
{
    ff_logline_add(log, text, strlen(text));
}

static void line(struct ff_logline *log, const char *text)
{
    add(log, text);
    ff_logline_end(log);
}

TEST(lines_are_gathered_and_written_at_once)
{
    struct ff_logline log;
    int fd = memfd_create("log", 0);
    ff_logline_open(&log, fd);
    line(&log, "one");
    line(&log, "two");
    CHECK(strcmp(content(fd), "") == 0);
    ff_logline_flush(&log);
    CHECK(strcmp(content(fd), "one\ntwo\n") == 0 && log.lost == 0);
    ff_logline_close(&log);
    close(fd);
}

TEST(many_lines_do_not_wait)
{
    struct ff_logline log;
    int fd = memfd_create("log", 0);
    ff_logline_open(&log, fd);
    for (int i = 0; i < FF_LOGLINE_GATHER / 4 + 1; i++)
        line(&log, "abc");
    CHECK(strlen(content(fd)) == FF_LOGLINE_GATHER);
    ff_logline_close(&log);
    close(fd);
}

TEST(numbers_and_seconds_are_decimal)
{
    struct ff_logline log;
    int fd = memfd_create("log", 0);
    static const int64_t us[] = {0, 7, 1234567, 60000000, -5};
    ff_logline_open(&log, fd);
    ff_logline_number(&log, 0);
    add(&log, " ");
    ff_logline_number(&log, UINT64_MAX);
    for (size_t i = 0; i < sizeof(us) / sizeof(*us); i++)
        add(&log, " "), ff_logline_seconds(&log, us[i]);
    ff_logline_end(&log);
    ff_logline_flush(&log);
    CHECK(strcmp(content(fd), "0 18446744073709551615 0.000000 0.000007 1.234567 60.000000 "
                              "0.000000\n") == 0);
    ff_logline_close(&log);
    close(fd);
}

TEST(octets_of_others_can_end_neither_a_text_nor_a_line)
{
    struct ff_logline log;
    int fd = memfd_create("log", 0);
    static const char bad[] = "a\"\\\n\x7f\xe9\0~";
    ff_logline_open(&log, fd);
    ff_logline_escape(&log, bad, sizeof(bad) - 1, FF_LOGLINE_TEXT);
    ff_logline_end(&log);
    ff_logline_escape(&log, bad, sizeof(bad) - 1, FF_LOGLINE_JSON);
    ff_logline_end(&log);
    ff_logline_flush(&log);
    CHECK(strcmp(content(fd), "a\\\"\\\\\\x0a\\x7f\\xe9\\x00~\n"
                              "a\\\"\\\\\\u000a\\u007f\\u00e9\\u0000~\n") == 0);
    ff_logline_close(&log);
    close(fd);
}

TEST(a_dropped_line_leaves_those_before_it)
{
    struct ff_logline log;
    int fd = memfd_create("log", 0);
    ff_logline_open(&log, fd);
    line(&log, "one");
    add(&log, "tw");
    ff_logline_drop(&log);
    line(&log, "three");
    ff_logline_flush(&log);
    CHECK(strcmp(content(fd), "one\nthree\n") == 0 && log.lost == 0);
    ff_logline_close(&log);
    close(fd);
}

TEST(a_full_disk_loses_lines_and_counts_them)
{
    struct ff_logline log;
    int fd = open("/dev/full", O_WRONLY);
    ff_logline_open(&log, fd);
    line(&log, "one");
    line(&log, "two");
    ff_logline_flush(&log);
    CHECK(log.lost == 2 && ff_buffer_len(&log.text) == 0);
    ff_logline_close(&log);
    close(fd);
}

TEST(a_line_that_the_disk_has_half_does_not_run_into_the_next)
{
    struct ff_logline log;
    int fd = memfd_create("log", 0);
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){.rlim_cur = 6, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    ff_logline_open(&log, fd);
    line(&log, "one");
    line(&log, "two");
    line(&log, "three");
    ff_logline_flush(&log);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(strcmp(content(fd), "one\ntw") == 0 && log.lost == 2);
    line(&log, "four");
    ff_logline_flush(&log);
    CHECK(strcmp(content(fd), "one\ntw\nfour\n") == 0 && log.lost == 2);
    ff_logline_close(&log);
    close(fd);
}

/* Writes `lines` long lines to `fd`, which nobody reads, and drains `reader`: whole lines only,
 * and each that is not there is counted. */
static void stall(int fd, int reader)
{
    struct ff_logline log;
    char text[1000];
    enum { LINES = 2000 };
    memset(text, 'x', sizeof(text));
    ff_logline_open(&log, fd);
    for (int i = 0; i < LINES; i++) {
        ff_logline_add(&log, text, sizeof(text));
        ff_logline_end(&log);
    }
    ff_logline_flush(&log);
    size_t got = 0;
    fcntl(reader, F_SETFL, O_NONBLOCK);
    for (ssize_t n; (n = read(reader, seen, sizeof(seen))) > 0;)
        got += (size_t)n;
    CHECK(log.lost > 0 && got > 0);
    CHECK(got / (sizeof(text) + 1) + log.lost == LINES);
    ff_logline_close(&log);
}

TEST(a_stalled_reader_of_a_pipe_holds_nobody_up)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    stall(ends[1], ends[0]);
    close(ends[0]), close(ends[1]);
}

TEST(a_stalled_reader_of_a_socket_holds_nobody_up)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    stall(ends[1], ends[0]);
    close(ends[0]), close(ends[1]);
}

TEST(a_reader_that_has_ended_loses_lines)
{
    struct ff_logline log;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    CHECK(pipe(ends) == 0);
    close(ends[0]);
    ff_logline_open(&log, ends[1]);
    line(&log, "one");
    ff_logline_flush(&log);
    CHECK(log.lost == 1);
    ff_logline_close(&log);
    close(ends[1]);
}
