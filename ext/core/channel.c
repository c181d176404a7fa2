#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(FF_CHANNEL_BATCH * sizeof(int))];
};

int ff_channel_open(int *send_end, int *receive_end)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    *send_end = ends[0];
    *receive_end = ends[1];
    return 0;
}

static int send_message(int send_end, const struct msghdr *message)
{
    if (sendmsg(send_end, message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return 0;
    switch (errno) {
    case ENOBUFS:
    case ENOMEM:
    /* unix(7): more descriptors in flight than RLIMIT_NOFILE; passes as queues drain */
    case ETOOMANYREFS:
        return -EAGAIN;
    default:
        return -errno;
    }
}

int ff_channel_send(int send_end, const struct ff_deal *deals, const int *fds, size_t n)
{
    union control control = {0}; /* its padding goes to the kernel, too */
    struct iovec payload = {.iov_base = (void *)deals, .iov_len = n * sizeof(*deals)};
    struct msghdr message = {.msg_iov = &payload,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(header), fds, n * sizeof(int));
    return send_message(send_end, &message);
}

int ff_channel_tell(int send_end, enum ff_notice notice)
{
    struct ff_deal deal = {.word = notice};
    struct iovec payload = {.iov_base = &deal, .iov_len = sizeof(deal)};
    struct msghdr message = {.msg_iov = &payload, .msg_iovlen = 1};
    return send_message(send_end, &message);
}

/* Copies the descriptors that came with `message` to `fds`; how many. All control data is walked:
 * padding lets the kernel deliver more than one asked for. */
static size_t collect(struct msghdr *message, int *fds)
{
    size_t n = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
            if (n < FF_CHANNEL_BATCH)
                fds[n++] = fd;
            else
                close(fd);
        }
    }
    return n;
}

int ff_channel_receive(int receive_end, struct ff_deal *deals, int *fds)
{
    union control control;
    struct iovec payload = {.iov_base = deals, .iov_len = FF_CHANNEL_BATCH * sizeof(*deals)};
    struct msghdr message = {.msg_iov = &payload,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(receive_end, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (got == 0)
        return 0;
    size_t n = (size_t)got / sizeof(*deals), given = collect(&message, fds);
    if ((size_t)got % sizeof(*deals) != 0 || given > n) {
        while (given > 0)
            close(fds[--given]);
        return -EPROTO;
    }
    for (size_t i = given; i < n;
         i++) /* MSG_CTRUNC: the kernel dropped the rest without an error */
        fds[i] = -1;
    return (int)n;
}
