#include "hub.h"

#include "hub_routes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    READ = 128 * 1024,
    READS_MAX = 4,
    TAKE = 128 * 1024,
    PIPE_SIZE = 256 * 1024,
    HELD_TICK_MS = 50
};

static uint64_t tag_of(uint32_t link, enum ff_hub_pipe pipe)
{
    return FF_HUB_TAG | (uint64_t)pipe << 8 | (uint64_t)link << 16;
}

/* ---- links ---- */

static struct ff_hub_link *new_link(const struct ff_hub *h, uint16_t slot)
{
    struct ff_hub_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->slot = slot;
    for (int k = 0; k < 2; k++) {
        link->in[k].fd = link->out[k].fd = -1;
        link->out[k].limit = h->limit;
    }
    return link;
}

static void free_link(struct ff_hub_link *link)
{
    if (!link)
        return;
    for (int k = 0; k < 2; k++) {
        ff_sock_close(link->in[k].fd);
        ff_sock_close(link->out[k].fd);
        ff_buffer_close(&link->in[k].bytes);
        ff_buffer_close(&link->out[k].bytes);
    }
    ff_buffer_close(&link->patterns);
    ff_buffer_close(&link->names);
    free(link);
}

int ff_hub_open(int poller, struct ff_hub **out)
{
    struct ff_hub *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    h->poller = poller;
    h->limit = 4 << 20;
    h->version = 1;
    h->leader = -1;
    h->request = calloc(FF_HUB_REQUESTS, sizeof(*h->request));
    h->link[FF_HUB_MASTER] = new_link(h, FF_SLOT_MASTER);
    if (!h->request || !h->link[FF_HUB_MASTER]) {
        ff_hub_free(h);
        return -ENOMEM;
    }
    *out = h;
    return 0;
}

void ff_hub_free(struct ff_hub *h)
{
    if (!h)
        return;
    for (uint32_t i = 0; i < FF_HUB_LINKS; i++)
        free_link(h->link[i]);
    free(h->request);
    free(h);
}

/* A pipe of which `ours` is the end that the hub has. */
static int open_pipe(int ours, int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE); /* or as large as this user may have it */
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    if (ours == 0) /* a worker waits for room by itself */
        fcntl(ends[1], F_SETFL, O_NONBLOCK);
    return 0;
}

static int open_pipes(struct ff_hub *h, uint32_t i, struct ff_hub_link *link,
                      int theirs[FF_HUB_PIPES])
{
    for (int k = 0; k < FF_HUB_PIPES; k++) {
        int ours = k < FF_HUB_DOWN ? 0 : 1, ends[2];
        int r = open_pipe(ours, ends);
        if (r < 0)
            return r;
        theirs[k] = ends[!ours];
        *(ours == 0 ? &link->in[k].fd : &link->out[k - FF_HUB_DOWN].fd) = ends[ours];
        if (ours == 0)
            r = ff_poller_add(h->poller, ends[0], FF_POLL_IN, tag_of(i, (enum ff_hub_pipe)k));
        if (r < 0)
            return r;
    }
    return 0;
}

int ff_hub_join(struct ff_hub *h, uint16_t i, uint16_t slot, int ends[FF_HUB_PIPES])
{
    if (i >= FF_HUB_MASTER)
        return -EINVAL;
    ff_hub_leave(h, i);
    for (int k = 0; k < FF_HUB_PIPES; k++)
        ends[k] = -1;
    struct ff_hub_link *link = new_link(h, slot);
    int r = link ? open_pipes(h, i, link, ends) : -ENOMEM;
    if (r < 0) {
        for (int k = 0; k < FF_HUB_PIPES; k++)
            ends[k] = ff_sock_close(ends[k]);
        free_link(link);
        return r;
    }
    link->joined = ++h->joined;
    h->link[i] = link;
    if (i >= h->links)
        h->links = (uint32_t)i + 1;
    return 0;
}

/* ---- the next image ---- */

static void record_link(struct ff_hub_link *link, struct ff_record *r)
{
    struct ff_buffer *own[] = {&link->in[0].bytes,  &link->in[1].bytes, &link->out[0].bytes,
                               &link->out[1].bytes, &link->patterns,    &link->names};
    enum { BUFFERS = sizeof(own) / sizeof(*own) };
    struct ff_hub_link said = *link;
    ff_record(r, &said, sizeof(said));
    if (r->is_reading && r->error == 0) {
        *link = said;
        for (int k = 0; k < BUFFERS; k++)
            *own[k] = (struct ff_buffer){0}; /* it was the other image's */
    }
    for (int k = 0; k < BUFFERS; k++)
        ff_record_buffer(r, own[k]);
}

static int watch_link(struct ff_hub *h, uint32_t i)
{
    struct ff_hub_link *link = h->link[i];
    int r = 0;
    for (int k = 0; k < 2 && r == 0; k++) {
        if (link->in[k].fd >= 0)
            r = ff_poller_add(h->poller, link->in[k].fd,
                              link->in[k].is_held ? FF_POLL_NONE : FF_POLL_IN,
                              tag_of(i, (enum ff_hub_pipe)k));
        if (r == 0 && link->is_polled[k])
            r = ff_poller_add(h->poller, link->out[k].fd, FF_POLL_OUT,
                              tag_of(i, (enum ff_hub_pipe)(FF_HUB_DOWN + k)));
    }
    return r;
}

static void record_numbered(struct ff_hub *h, uint32_t i, struct ff_record *r)
{
    bool is_there = h->link[i] != NULL;
    ff_record(r, &is_there, sizeof(is_there));
    if (!is_there || r->error != 0)
        return;
    if (!h->link[i])
        h->link[i] = new_link(h, 0);
    if (!h->link[i]) {
        r->error = -ENOMEM;
        return;
    }
    record_link(h->link[i], r);
    if (r->is_reading && r->error == 0)
        r->error = watch_link(h, i);
}

void ff_hub_record(struct ff_hub *h, struct ff_record *r)
{
    ff_record(r, &h->links, sizeof(h->links));
    ff_record(r, &h->joined, sizeof(h->joined));
    ff_record(r, &h->version, sizeof(h->version));
    ff_record(r, &h->dirty, sizeof(h->dirty));
    ff_record(r, &h->held, sizeof(h->held));
    ff_record(r, &h->leader, sizeof(h->leader));
    ff_record(r, &h->across, sizeof(h->across));
    ff_record(r, &h->free_request, sizeof(h->free_request));
    ff_record(r, &h->requests, sizeof(h->requests));
    ff_record(r, &h->passed, sizeof(h->passed));
    ff_record(r, &h->dropped, sizeof(h->dropped));
    if (h->links > FF_HUB_MASTER || h->requests > FF_HUB_REQUESTS) {
        h->links = h->requests = 0;
        r->error = -EPROTO;
    }
    ff_record(r, h->request, h->requests * sizeof(*h->request));
    for (uint32_t i = 0; i < h->links; i++)
        record_numbered(h, i, r);
    ff_record_buffer(r, &h->link[FF_HUB_MASTER]->out[0].bytes);
}

/* ---- reading ---- */

static void hold(struct ff_hub *h, uint32_t i, int k, bool on)
{
    struct ff_hub_in *in = &h->link[i]->in[k];
    if (in->is_held == on)
        return;
    in->is_held = on;
    h->held += on ? 1 : UINT32_MAX;
    if (in->fd >= 0)
        ff_poller_change(h->poller, in->fd, on ? FF_POLL_NONE : FF_POLL_IN,
                         tag_of(i, (enum ff_hub_pipe)k));
}

static void stop_reading(struct ff_hub *h, uint32_t i, int k)
{
    struct ff_hub_in *in = &h->link[i]->in[k];
    hold(h, i, k, false);
    if (in->fd >= 0)
        ff_poller_remove(h->poller, in->fd);
    in->fd = ff_sock_close(in->fd);
    ff_buffer_close(&in->bytes);
}

/* Passes on the frames that are there in full. False if it has to wait, or what came is no frame.
 */
static bool pass_on(struct ff_hub *h, uint32_t i, int k, bool may_wait)
{
    struct ff_hub_in *in = &h->link[i]->in[k];
    struct ff_frame frame;
    int n;
    while ((n = ff_frame_read(ff_buffer_head(&in->bytes), ff_buffer_len(&in->bytes), &frame)) > 0) {
        const char *topic = ff_buffer_head(&in->bytes) + sizeof(frame);
        frame.link = (uint16_t)i;
        frame.slot = h->link[i]->slot;
        bool is_waited_for = may_wait && (k == FF_HUB_BULK || h->policy == FF_OVERFLOW_BLOCK);
        if (!ff_hub_route(h, &frame, topic, topic + frame.topic_size, is_waited_for)) {
            hold(h, i, k, true);
            return false;
        }
        h->passed += frame.kind <= FF_FRAME_REPLY && ff_frame_is_last(&frame);
        ff_buffer_consume(&in->bytes, (size_t)n);
    }
    if (n < 0)
        stop_reading(h, i, k);
    return n == 0;
}

static void take_in(struct ff_hub *h, uint32_t i, int k, int reads, bool may_wait)
{
    struct ff_hub_in *in = &h->link[i]->in[k];
    while (reads-- > 0 && in->fd >= 0 && ff_buffer_reserve(&in->bytes, READ) == 0) {
        ssize_t n = read(in->fd, ff_buffer_tail(&in->bytes), READ);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            stop_reading(h, i, k);
            return;
        }
        in->bytes.end += (size_t)n;
        if (!pass_on(h, i, k, may_wait) || n < READ / 2)
            return;
    }
}

void ff_hub_leave(struct ff_hub *h, uint16_t i)
{
    struct ff_hub_link *link = h->link[i];
    if (!link)
        return;
    for (int k = 0; k < 2; k++) {
        hold(h, i, k, false);
        /* as much as the pipe can hold: a child of the worker may go on writing */
        if (pass_on(h, i, k, false))
            take_in(h, i, k, 1 + (1 << 20) / READ, false);
        stop_reading(h, i, k);
        if (link->is_polled[k])
            ff_poller_remove(h->poller, link->out[k].fd);
        h->dropped += link->out[k].dropped;
    }
    h->dirty -= link->is_dirty;
    h->link[i] = NULL;
    free_link(link);
    ff_hub_forget(h, i);
}

void ff_hub_event(struct ff_hub *h, const struct ff_poller_event *event)
{
    uint32_t i = (uint32_t)(event->tag >> 16), k = event->tag >> 8 & 0xff;
    struct ff_hub_link *link = i < FF_HUB_LINKS ? h->link[i] : NULL;
    if (!link)
        return; /* it left in the same pass */
    if (k < FF_HUB_DOWN)
        take_in(h, i, (int)k, READS_MAX, true);
    else
        ff_hub_touch(h, i);
}

/* ---- writing ---- */

static void write_out(struct ff_hub *h, uint32_t i, int k)
{
    struct ff_hub_link *link = h->link[i];
    struct ff_outbox *out = &link->out[k];
    int r = out->fd >= 0 ? ff_outbox_write(out, h->now_ms) : 0;
    if (r < 0 && r != -EAGAIN) { /* nobody will read it: its worker has ended */
        ff_buffer_close(&out->bytes);
        out->begun = 0;
    }
    if ((r == -EAGAIN) == link->is_polled[k])
        return;
    link->is_polled[k] = r == -EAGAIN;
    if (link->is_polled[k])
        ff_poller_add(h->poller, out->fd, FF_POLL_OUT,
                      tag_of(i, (enum ff_hub_pipe)(FF_HUB_DOWN + k)));
    else
        ff_poller_remove(h->poller, out->fd);
}

static void write_all(struct ff_hub *h)
{
    for (uint32_t i = 0; i < h->links && h->dirty > 0; i++) {
        struct ff_hub_link *link = h->link[i];
        if (!link || !link->is_dirty)
            continue;
        link->is_dirty = false;
        h->dirty--;
        write_out(h, i, 0);
        write_out(h, i, 1);
    }
}

/* Tries again what had to wait. Whether something went on. */
static bool go_on(struct ff_hub *h)
{
    bool has_moved = false;
    for (uint32_t i = 0; i < h->links && h->held > 0; i++)
        for (int k = 0; k < 2 && h->link[i]; k++)
            if (h->link[i]->in[k].is_held) {
                size_t before = ff_buffer_len(&h->link[i]->in[k].bytes);
                hold(h, i, k, false);
                pass_on(h, i, k, true);
                has_moved = has_moved || ff_buffer_len(&h->link[i]->in[k].bytes) < before;
            }
    return has_moved;
}

void ff_hub_flush(struct ff_hub *h)
{
    do
        write_all(h);
    while (h->held > 0 && go_on(h));
}

int ff_hub_take(struct ff_hub *h, struct ff_inbox *in)
{
    struct ff_outbox *mail = &h->link[FF_HUB_MASTER]->out[0];
    int r = ff_outbox_take(mail, &in->bytes, TAKE, h->now_ms);
    if (r == 0 && h->held > 0)
        ff_hub_flush(h);
    return r;
}

int64_t ff_hub_next(const struct ff_hub *h)
{
    return h->held > 0 ? h->now_ms + HELD_TICK_MS : INT64_MAX;
}

uint64_t ff_hub_dropped(const struct ff_hub *h)
{
    uint64_t dropped = h->dropped;
    for (uint32_t i = 0; i < FF_HUB_LINKS; i++)
        if (h->link[i])
            dropped += h->link[i]->out[0].dropped + h->link[i]->out[1].dropped;
    return dropped;
}
