#include "sharer.h"

#include "conntable.h"
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ff_sharer_open(struct ff_page *home, const int *listeners, size_t n, struct ff_sharer **out)
{
    int r = n <= FF_SHARER_LISTENERS ? -ENOMEM : -EINVAL;
    struct ff_sharer *s = r == -EINVAL ? NULL : calloc(1, sizeof(*s));
    if (!s || (r = ff_page_open(home->conns_max, &s->page)) < 0)
        goto finish;
    memcpy(s->listener, listeners, n * sizeof(*listeners));
    s->listeners = n;
    s->home = home;
    *out = s, s = NULL; /* handed over: nothing left to undo */
finish:
    ff_sharer_free(s);
    return r;
}

void ff_sharer_free(struct ff_sharer *s)
{
    if (s)
        ff_page_free(s->page);
    free(s);
}

int ff_sharer_watch(struct ff_sharer *s, int poller)
{
    int r = 0;
    for (size_t i = 0; i < s->listeners && r == 0 && !s->is_watching; i++)
        r = ff_poller_add(poller, s->listener[i], FF_POLL_IN | FF_POLL_SHARED, ff_sharer_tag(i));
    s->is_watching = r == 0;
    return r;
}

void ff_sharer_unwatch(struct ff_sharer *s, int poller)
{
    for (size_t i = 0; i < s->listeners && s->is_watching; i++)
        ff_poller_remove(poller, s->listener[i]);
    s->is_watching = false;
}

static uint32_t take_id(struct ff_sharer *s)
{
    uint32_t id = s->first_free;
    if (id)
        s->first_free = s->page->conn[id].next_returned;
    else if (s->touched < s->page->conns_max)
        id = ++s->touched;
    return id;
}

void ff_sharer_release(struct ff_sharer *s, uint32_t id)
{
    s->page->conn[id].next_returned = s->first_free;
    s->first_free = id;
}

int ff_sharer_accept(struct ff_sharer *s, size_t listener, uint16_t lane,
                     struct ff_deal deals[FF_SHARER_BATCH], int fds[FF_SHARER_BATCH])
{
    int n = 0;
    while (n < FF_SHARER_BATCH) {
        struct ff_peer peer;
        uint32_t id = take_id(s);
        int r = id ? ff_sock_accept(s->listener[listener], &fds[n], &peer) : -ENFILE;
        if (r < 0) {
            if (id)
                ff_sharer_release(s, id);
            return n > 0 || r == -EAGAIN ? n : r;
        }
        struct ff_conn_line *line = &s->page->conn[id];
        uint64_t generation = ff_word_generation(atomic_load(&line->word)) + 1;
        ff_conn_line_begin(line, &peer, (uint8_t)listener);
        deals[n] = (struct ff_deal){.id = id, .word = ff_word(FF_QUEUED, lane, generation)};
        ff_word_set(line, deals[n++].word);
    }
    return n;
}
