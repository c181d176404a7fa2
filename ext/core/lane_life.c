/* How a lane begins, leaves and ends: lane.h. */
#include "clock.h"
#include "lane.h"
#include "tenure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FDS_FOR_APP = 64, LINGER_MS = 2000 };

int ff_lane_open(const struct ff_lane_config *config, struct ff_lane **out)
{
    int r = -ENOMEM;
    struct rlimit files = {.rlim_cur = RLIM_INFINITY};
    struct ff_lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        return r;
    lane->config = *config;
    lane->works.blocks = config->seat.blocks;
    lane->line = &config->seat.page->lane[config->seat.lane];
    lane->poller = lane->wake[0] = lane->wake[1] = -1;
    lane->now_us = ff_clock_us();
    lane->now_ms = lane->now_us / 1000;
    getrlimit(RLIMIT_NOFILE, &files);
    lane->fd_limit = files.rlim_cur > INT32_MAX ? INT32_MAX : (int)files.rlim_cur - 2 * FDS_FOR_APP;
    lane->config.wait_ms[FF_WAIT_LINGER] = LINGER_MS;
    ff_deadlines_init(&lane->deadlines, lane->config.wait_ms);
    if (config->listener_count > 0) {
        r = ff_sharer_open(config->seat.page, config->listeners, config->listener_count,
                           &lane->sharer);
        if (r < 0)
            goto finish;
        lane->config.seat.page = lane->sharer->page;
        r = -ENOMEM;
    }
    lane->conn = calloc((size_t)config->seat.page->conns_max + 1, sizeof(struct ff_conn *));
    if (!lane->conn || (r = ff_poller_open(&lane->poller)) < 0)
        goto finish;
    if (pipe2(lane->wake, O_NONBLOCK | O_CLOEXEC) < 0)
        r = -errno;
    else if ((r = ff_poller_add(lane->poller, lane->wake[0], FF_POLL_IN, FF_LANE_TAG_WAKE)) == 0)
        r = ff_poller_add(lane->poller, config->seat.channel, FF_POLL_IN, FF_LANE_TAG_CHANNEL);
    if (r == 0 && lane->sharer)
        r = ff_sharer_watch(lane->sharer, lane->poller);
    if (r == 0)
        r = ff_flusher_open(config->wait_ms, config->limits.rate, lane->wake[1], &lane->flusher);
    if (r == 0)
        *out = lane, lane = NULL; /* handed over: nothing left to undo */
finish:
    ff_lane_free(lane);
    return r;
}

void ff_lane_go(struct ff_lane *lane)
{
    lane->mode = FF_LANE_LEAVING;
    atomic_store(&lane->line->is_full, 1);
    ff_poller_remove(lane->poller, lane->config.seat.channel);
    if (lane->sharer)
        ff_sharer_unwatch(lane->sharer, lane->poller);
    while (lane->next_deal < lane->deals) /* still QUEUED: the master deals them again */
        ff_sock_close(lane->deal_fd[lane->next_deal++]);
    for (uint32_t id = 1; id <= lane->config.seat.page->conns_max; id++) {
        struct ff_conn *c = lane->conn[id];
        if (c && ff_tenure_rests(c) && ff_tenure_wake(lane, c) && c->phase == FF_PHASE_QUIET)
            ff_tenure_give_back(lane, c);
    }
    ff_lane_ring(lane);
}

void ff_lane_leave(struct ff_lane *lane)
{
    lane->must_leave = true;
    if (write(lane->wake[1], "", 1) < 0)
        return; /* full: it wakes already */
}

void ff_lane_detach(struct ff_lane *lane)
{
    ff_page_detach(lane->config.seat.page);
    if (lane->sharer)
        ff_page_detach(lane->sharer->home);
    ff_blocks_detach(lane->config.seat.blocks, lane->works.blocks_given);
    ff_flusher_detach(lane->flusher);
    lane->mode = FF_LANE_DETACHED;
    lane->events = lane->next_event = 0;
    lane->again = NULL;
    while (lane->next_deal < lane->deals)
        ff_sock_close(lane->deal_fd[lane->next_deal++]);
    for (uint32_t id = 1; id <= lane->config.seat.page->conns_max; id++)
        if (lane->conn[id]) { /* no EPOLL_CTL_DEL: the poller is the parent's, too */
            lane->conn[id]->fd = ff_sock_close(lane->conn[id]->fd);
            if (lane->conn[id]->work) {
                ff_spool_close(&lane->conn[id]->work->content);
                ff_spool_close(&lane->conn[id]->work->file);
            }
        }
    lane->poller = ff_sock_close(lane->poller);
    lane->wake[0] = ff_sock_close(lane->wake[0]);
    lane->wake[1] = ff_sock_close(lane->wake[1]);
    lane->config.seat.channel = ff_sock_close(lane->config.seat.channel);
    lane->config.seat.bell = ff_sock_close(lane->config.seat.bell);
}

void ff_lane_free(struct ff_lane *lane)
{
    if (!lane)
        return;
    ff_flusher_free(lane->flusher); /* first: what it had is ours again */
    for (uint32_t id = 1; lane->conn && id <= lane->config.seat.page->conns_max; id++)
        if (lane->conn[id])
            ff_tenure_drop(lane, lane->conn[id]);
    while (lane->next_deal < lane->deals)
        ff_sock_close(lane->deal_fd[lane->next_deal++]);
    ff_works_close(&lane->works);
    ff_sock_close(lane->wake[0]);
    ff_sock_close(lane->wake[1]);
    ff_sock_close(lane->poller);
    ff_sharer_free(lane->sharer);
    free(lane->conn);
    free(lane);
}
