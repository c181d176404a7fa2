#include "check.h"
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char text[64];

static bool takes(struct ff_spool *s, size_t n, const char *expected)
{
    ssize_t got = ff_spool_read(s, text, n);
    return got == (ssize_t)strlen(expected) && memcmp(text, expected, (size_t)got) == 0;
}

TEST(what_is_appended_is_read_in_order)
{
    struct ff_spool s = {0};
    CHECK(ff_spool_len(&s) == 0);
    CHECK(ff_spool_append(&s, "/tmp", "hello ", 6) == 0 &&
          ff_spool_append(&s, "/tmp", "you", 3) == 0);
    CHECK(ff_spool_len(&s) == 9 && takes(&s, 4, "hell") && ff_spool_len(&s) == 5);
    CHECK(ff_spool_append(&s, "/tmp", "!", 1) == 0 && takes(&s, 60, "o you!") && takes(&s, 60, ""));
    ff_spool_close(&s);
    CHECK(!s.is_open && ff_spool_len(&s) == 0);
    ff_spool_close(&s);
}

TEST(the_file_has_no_name_and_is_closed_with_the_spool)
{
    struct ff_spool s = {0};
    char dir[] = "/tmp/fastfork-test-XXXXXX";
    CHECK(mkdtemp(dir) && ff_spool_append(&s, dir, "x", 1) == 0);
    CHECK(rmdir(dir) == 0); /* there is nothing in it */
    int fd = s.fd;
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    ff_spool_close(&s);
    CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
}

TEST(a_disk_that_is_full_changes_nothing)
{
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    struct ff_spool s = {.is_open = true, .is_temporary = true, .fd = full, .at = 3, .end = 7};
    CHECK(full >= 0 && ff_spool_append(&s, "/tmp", "x", 1) == -ENOSPC);
    CHECK(s.at == 3 && s.end == 7);
    ff_spool_close(&s);
}

TEST(without_a_directory_there_is_no_file)
{
    struct ff_spool s = {0};
    CHECK(ff_spool_append(&s, "/nowhere", "x", 1) == -ENOENT && !s.is_open);
    CHECK(ff_spool_append(&s, "/proc", "x", 1) < 0 && !s.is_open);
}

TEST(a_file_that_was_lent_stays_its_owners)
{
    struct ff_spool file = {0}, s = {0};
    CHECK(ff_spool_append(&file, "/tmp", "0123456789", 10) == 0);
    ff_spool_lend(&s, file.fd, 2, 6);
    CHECK(takes(&s, 3, "234") && ff_spool_append(&s, "/tmp", "x", 1) == -EBADF);
    CHECK(ff_spool_keep(&s) == 0);
    ff_spool_close(&file);
    CHECK(takes(&s, 60, "567")); /* its own descriptor */
    ff_spool_close(&s);
}

TEST(a_file_that_became_shorter_is_an_error_and_not_an_end)
{
    struct ff_spool s = {0};
    CHECK(ff_spool_append(&s, "/tmp", "0123456789", 10) == 0 && ftruncate(s.fd, 4) == 0);
    CHECK(ff_spool_read(&s, text, 10) == -EIO);
    ff_spool_close(&s);
}

TEST(it_is_sent_as_far_as_the_socket_takes_it)
{
    struct ff_spool s = {0};
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(ff_spool_append(&s, "/tmp", "0123456789", 10) == 0);
    CHECK(ff_spool_send(&s, pair[0], 4) == 4 && ff_spool_send(&s, pair[0], 60) == 6);
    CHECK(read(pair[1], text, sizeof(text)) == 10 && memcmp(text, "0123456789", 10) == 0);
    static char large[1 << 20];
    CHECK(ff_spool_append(&s, "/tmp", large, sizeof(large)) == 0);
    ssize_t sent = 0, here;
    while ((here = ff_spool_send(&s, pair[0], sizeof(large))) > 0)
        sent += here;
    CHECK(here == -EAGAIN && sent > 0 && ff_spool_len(&s) == sizeof(large) - (size_t)sent);
    ff_spool_close(&s);
    close(pair[0]), close(pair[1]);
}
