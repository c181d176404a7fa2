#include "check.h"
#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection whose answer is in `framing`, and of which `out` waits. Its descriptor is -1 if
 * there is none. */
static struct ff_conn connect_to(int type, int *peer, struct ff_work *work, const char *out,
                                 enum ff_http_framing framing)
{
    int ends[2] = {-1, -1};
    *work = (struct ff_work){.response = {.framing = framing}};
    if (ff_buffer_append(&work->out, out, strlen(out)) == 0)
        (void)socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends);
    *peer = ends[1];
    return (struct ff_conn){.fd = ends[0], .work = work};
}

TEST(a_chunk_leaves_with_what_is_before_and_behind_it_in_one_piece)
{
    int peer;
    struct ff_work work;
    struct ff_conn c = connect_to(SOCK_SEQPACKET, &peer, &work, "3\r\n", FF_FRAMING_CHUNKED);
    struct ff_conn_more more = ff_conn_part(&c, "abc", 3);
    CHECK(ff_conn_send(&c, &more) == 0 && !ff_conn_is_more(&more) && !ff_conn_has_output(&c));
    char got[32];
    CHECK(recv(peer, got, sizeof(got), 0) == 8 && memcmp(got, "3\r\nabc\r\n", 8) == 0);
    CHECK(c.sent == 8 && work.is_begun);
    close(peer), close(c.fd);
    ff_buffer_close(&work.out);
}

TEST(a_body_of_known_length_has_nothing_behind_it)
{
    int peer;
    struct ff_work work;
    struct ff_conn c = connect_to(SOCK_SEQPACKET, &peer, &work, "", FF_FRAMING_LENGTH);
    struct ff_conn_more more = ff_conn_part(&c, "abc", 3);
    CHECK(ff_conn_send(&c, &more) == 0 && !ff_conn_is_more(&more));
    char got[32];
    CHECK(recv(peer, got, sizeof(got), 0) == 3 && memcmp(got, "abc", 3) == 0);
    close(peer), close(c.fd);
    ff_buffer_close(&work.out);
}

TEST(what_does_not_go_out_at_once_is_left_to_be_sent_octet_by_octet_in_order)
{
    enum { SIZE = 3 * 1024 * 1024 };
    int peer;
    struct ff_work work;
    struct ff_conn c = connect_to(SOCK_STREAM, &peer, &work, "300000\r\n", FF_FRAMING_CHUNKED);
    char *body = malloc(SIZE), *got = malloc(SIZE + 10);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 7919 >> 8);
    struct ff_conn_more more = ff_conn_part(&c, body, SIZE);
    size_t n = 0;
    unsigned full = 0;
    while (n < SIZE + 10) {
        int r = ff_conn_has_output(&c) || ff_conn_is_more(&more) ? ff_conn_send(&c, &more) : 0;
        CHECK(r == 0 || r == -EAGAIN);
        full += r == -EAGAIN;
        ssize_t some = recv(peer, got + n, 7001, 0);
        n += some > 0 ? (size_t)some : 0;
    }
    CHECK(full > 0 && !ff_conn_is_more(&more) && c.sent == SIZE + 10);
    CHECK(memcmp(got, "300000\r\n", 8) == 0 && memcmp(got + 8, body, SIZE) == 0);
    CHECK(memcmp(got + 8 + SIZE, "\r\n", 2) == 0);
    CHECK(recv(peer, got, 1, 0) == -1);
    free(body), free(got);
    close(peer), close(c.fd);
    ff_buffer_close(&work.out);
}
