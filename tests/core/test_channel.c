#include "channel.h"
#include "check.h"
#include "sock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    int send_end, receive_end;
};

static struct pair open_pair(void)
{
    struct pair p;
    if (ff_channel_open(&p.send_end, &p.receive_end) < 0)
        abort();
    return p;
}

static void close_pair(struct pair p)
{
    ff_sock_close(p.send_end);
    ff_sock_close(p.receive_end);
}

/* Sends `n` deals that all carry `fd`. */
static int send_n(const struct pair *p, int fd, size_t n)
{
    struct ff_deal deals[FF_CHANNEL_BATCH] = {{0}};
    int fds[FF_CHANNEL_BATCH];
    for (size_t i = 0; i < n; i++)
        deals[i].id = (uint32_t)i + 1, deals[i].word = i << 8, fds[i] = fd;
    return ff_channel_send(p->send_end, deals, fds, n);
}

TEST(a_batch_arrives_whole_and_in_order_with_close_on_exec)
{
    struct pair p = open_pair();
    struct ff_deal deals[FF_CHANNEL_BATCH];
    int fds[FF_CHANNEL_BATCH];
    CHECK(send_n(&p, p.send_end, FF_CHANNEL_BATCH) == 0);
    CHECK(ff_channel_receive(p.receive_end, deals, fds) == FF_CHANNEL_BATCH);
    for (uint32_t i = 0; i < FF_CHANNEL_BATCH; i++) {
        CHECK(deals[i].id == i + 1 && deals[i].word == (uint64_t)i << 8);
        CHECK(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
        close(fds[i]);
    }
    close_pair(p);
}

TEST(batches_keep_their_borders)
{
    struct pair p = open_pair();
    struct ff_deal deals[FF_CHANNEL_BATCH];
    int fds[FF_CHANNEL_BATCH];
    CHECK(send_n(&p, p.send_end, 3) == 0 && send_n(&p, p.send_end, 1) == 0);
    CHECK(ff_channel_receive(p.receive_end, deals, fds) == 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    CHECK(ff_channel_receive(p.receive_end, deals, fds) == 1);
    close(fds[0]);
    CHECK(ff_channel_receive(p.receive_end, deals, fds) == -EAGAIN);
    close_pair(p);
}

TEST(a_full_queue_says_again_and_an_emptied_one_takes_more)
{
    struct pair p = open_pair();
    struct ff_deal deals[FF_CHANNEL_BATCH];
    int fds[FF_CHANNEL_BATCH], r, sent = 0;
    while ((r = send_n(&p, p.send_end, 1)) == 0)
        sent++;
    CHECK(r == -EAGAIN && sent > 64);
    for (int i = 0; i < sent; i++) {
        CHECK(ff_channel_receive(p.receive_end, deals, fds) == 1);
        close(fds[0]);
    }
    CHECK(send_n(&p, p.send_end, 1) == 0);
    close_pair(p);
}

TEST(the_closed_end_is_seen_after_what_was_queued)
{
    struct pair p = open_pair();
    struct ff_deal deals[FF_CHANNEL_BATCH];
    int fds[FF_CHANNEL_BATCH];
    CHECK(send_n(&p, p.receive_end, 2) == 0);
    p.send_end = ff_sock_close(p.send_end);
    CHECK(ff_channel_receive(p.receive_end, deals, fds) == 2);
    close(fds[0]), close(fds[1]);
    CHECK(ff_channel_receive(p.receive_end, deals, fds) == 0);
    close_pair(p);
}

TEST(a_lost_receiver_is_an_error_not_a_signal)
{
    struct pair p = open_pair();
    p.receive_end = ff_sock_close(p.receive_end);
    CHECK(send_n(&p, p.send_end, 1) == -EPIPE);
    close_pair(p);
}

TEST(a_descriptor_that_does_not_fit_is_marked_and_the_deal_still_known)
{
    struct pair p = open_pair();
    struct ff_deal deals[FF_CHANNEL_BATCH];
    int fds[FF_CHANNEL_BATCH];
    struct rlimit was, none;
    int top = dup(0);
    CHECK(send_n(&p, p.send_end, 3) == 0);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was, none.rlim_cur = (rlim_t)top + 1; /* every number below is taken */
    setrlimit(RLIMIT_NOFILE, &none);
    int n = ff_channel_receive(p.receive_end, deals, fds);
    setrlimit(RLIMIT_NOFILE, &was);
    CHECK(n == 3);
    for (uint32_t i = 0; i < 3; i++)
        CHECK(deals[i].id == i + 1 && fds[i] == -1);
    close(top);
    close_pair(p);
}

TEST(a_message_of_another_shape_is_refused_and_leaks_nothing)
{
    struct pair p = open_pair();
    struct ff_deal deals[FF_CHANNEL_BATCH];
    int fds[FF_CHANNEL_BATCH];
    CHECK(send(p.send_end, "hello", 5, 0) == 5);
    CHECK(ff_channel_receive(p.receive_end, deals, fds) == -EPROTO);
    close_pair(p);
}
