#include "poller.h"

#include <errno.h>
#include <sys/epoll.h>

int ff_poller_open(int *out)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return -errno;
    *out = fd;
    return 0;
}

static int control(int poller, int op, int fd, uint32_t events, uint64_t tag)
{
    struct epoll_event e = {.data.u64 = tag};
    if (events & FF_POLL_IN)
        e.events |= EPOLLIN;
    if (events & FF_POLL_OUT)
        e.events |= EPOLLOUT;
    if (events & FF_POLL_HUP)
        e.events |= EPOLLRDHUP;
    if (events & FF_POLL_ONCE)
        e.events |= EPOLLONESHOT;
    if (events & FF_POLL_SHARED)
        e.events |= EPOLLEXCLUSIVE;
    return epoll_ctl(poller, op, fd, &e) < 0 ? -errno : 0;
}

int ff_poller_add(int poller, int fd, uint32_t events, uint64_t tag)
{
    return control(poller, EPOLL_CTL_ADD, fd, events, tag);
}

int ff_poller_change(int poller, int fd, uint32_t events, uint64_t tag)
{
    return control(poller, EPOLL_CTL_MOD, fd, events, tag);
}

int ff_poller_remove(int poller, int fd)
{
    return control(poller, EPOLL_CTL_DEL, fd, 0, 0);
}

int ff_poller_wait(int poller, struct ff_poller_event *out, int timeout_ms)
{
    struct epoll_event e[FF_POLLER_BATCH];
    int n = epoll_wait(poller, e, FF_POLLER_BATCH, timeout_ms);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        out[i].tag = e[i].data.u64;
        out[i].events = 0;
        if (e[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
            out[i].events |= FF_POLL_IN;
        if (e[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            out[i].events |= FF_POLL_OUT;
        if (e[i].events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP))
            out[i].events |= FF_POLL_HUP;
    }
    return n;
}
