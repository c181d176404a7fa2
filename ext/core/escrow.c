#include "escrow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int ff_escrow_open(struct ff_escrow *e, struct ff_page *page)
{
    memset(e, 0, sizeof(*e));
    e->entry = calloc((size_t)page->conns_max + 1, sizeof(*e->entry));
    if (!e->entry)
        return -ENOMEM;
    e->page = page;
    return 0;
}

static void record_entry(struct ff_escrow_entry *entry, struct ff_record *r)
{
    ff_record(r, entry, sizeof(*entry));
    if (!r->is_reading) {
        ff_record(r, entry->bytes, entry->bytes_len);
        return;
    }
    entry->bytes = NULL; /* it was the other image's */
    entry->is_watched = false;
    if (r->error != 0 || entry->bytes_len == 0)
        return;
    entry->bytes = malloc(entry->bytes_len);
    r->error = entry->bytes ? 0 : -ENOMEM;
    ff_record(r, entry->bytes, entry->bytes_len);
}

void ff_escrow_record(struct ff_escrow *e, struct ff_record *r)
{
    ff_record(r, &e->touched, sizeof(e->touched));
    if (e->touched > e->page->conns_max) {
        e->touched = 0;
        r->error = -EPROTO;
    }
    ff_record(r, e->list, sizeof(e->list));
    ff_record(r, e->held, sizeof(e->held));
    for (uint32_t id = 1; id <= e->touched; id++) {
        record_entry(&e->entry[id], r);
        if (r->error < 0)
            e->touched = id - 1; /* what was not read is nobody's */
    }
}

void ff_escrow_close(struct ff_escrow *e)
{
    for (uint32_t id = 1; id <= e->touched; id++)
        if (e->entry[id].list != FF_LIST_FREE)
            ff_escrow_release(e, id, false);
    free(e->entry);
    memset(e, 0, sizeof(*e));
}

static void set_held(struct ff_escrow *e, uint16_t list)
{
    uint64_t bit = (uint64_t)1 << list % 64;
    if (list < FF_LANES_MAX)
        e->held[list / 64] =
            e->list[list].count > 0 ? e->held[list / 64] | bit : e->held[list / 64] & ~bit;
}

static void unlink_entry(struct ff_escrow *e, uint32_t id)
{
    struct ff_escrow_entry *entry = &e->entry[id];
    struct ff_escrow_list *list = &e->list[entry->list];
    *(entry->prev ? &e->entry[entry->prev].next : &list->first) = entry->next;
    *(entry->next ? &e->entry[entry->next].prev : &list->last) = entry->prev;
    list->count--;
    set_held(e, entry->list);
}

static void append_entry(struct ff_escrow *e, uint32_t id, uint16_t list_number, int64_t now_ms)
{
    struct ff_escrow_entry *entry = &e->entry[id];
    struct ff_escrow_list *list = &e->list[list_number];
    entry->list = list_number;
    entry->since_ms = now_ms;
    entry->next = 0;
    entry->prev = list->last;
    *(list->last ? &e->entry[list->last].next : &list->first) = id;
    list->last = id;
    list->count++;
    set_held(e, list_number);
}

bool ff_escrow_has_room(const struct ff_escrow *e)
{
    return e->list[FF_LIST_FREE].first != 0 || e->touched < e->page->conns_max;
}

uint32_t ff_escrow_admit(struct ff_escrow *e, int fd, const struct ff_peer *peer, uint8_t listener,
                         int64_t now_ms)
{
    uint32_t id = e->list[FF_LIST_FREE].last; /* the one freed last: its memory is warm */
    if (id)
        unlink_entry(e, id);
    else
        id = ++e->touched;
    struct ff_conn_line *line = &e->page->conn[id];
    ff_conn_line_begin(line, peer, listener);
    e->entry[id].fd = fd;
    e->entry[id].drained = 0;
    e->entry[id].replayed = e->entry[id].bytes_rx = 0;
    e->entry[id].requests = 0;
    e->entry[id].moves = 0;
    e->entry[id].is_watched = false;
    ff_word_set(line, ff_word(FF_PARKED, 0, e->entry[id].generation));
    append_entry(e, id, FF_LIST_WAITING, now_ms);
    return id;
}

uint64_t ff_escrow_deal(struct ff_escrow *e, uint32_t id, uint16_t lane, int64_t now_ms)
{
    struct ff_escrow_entry *entry = &e->entry[id];
    entry->generation = (entry->generation + 1) & (((uint64_t)1 << FF_GENERATION_BITS) - 1);
    uint64_t word = ff_word(FF_QUEUED, lane, entry->generation);
    ff_escrow_move(e, id, lane, now_ms);
    ff_word_set(&e->page->conn[id], word);
    return word;
}

void ff_escrow_move(struct ff_escrow *e, uint32_t id, uint16_t list, int64_t now_ms)
{
    unlink_entry(e, id);
    append_entry(e, id, list, now_ms);
}

void ff_escrow_wait_first(struct ff_escrow *e, uint32_t id, int64_t now_ms)
{
    struct ff_escrow_list *list = &e->list[FF_LIST_WAITING];
    uint32_t second = list->first;
    ff_escrow_move(e, id, FF_LIST_WAITING, now_ms);
    if (!second)
        return;
    struct ff_escrow_entry *entry = &e->entry[id];
    list->last = entry->prev; /* from the end of the list to its beginning */
    e->entry[list->last].next = 0;
    entry->prev = 0;
    entry->next = second;
    e->entry[second].prev = id;
    list->first = id;
}

bool ff_escrow_take(struct ff_escrow *e, uint32_t id, uint16_t lane, enum ff_state state)
{
    uint64_t generation = e->entry[id].generation;
    return e->entry[id].list == lane &&
           ff_word_claim(&e->page->conn[id], ff_word(state, lane, generation),
                         ff_word(FF_PARKED, 0, generation));
}

bool ff_escrow_is_in(const struct ff_escrow *e, uint32_t id, uint16_t list)
{
    return id > 0 && id <= e->touched && e->entry[id].list == list;
}

void ff_escrow_forget_bytes(struct ff_escrow *e, uint32_t id)
{
    free(e->entry[id].bytes);
    e->entry[id].bytes = NULL;
    e->entry[id].bytes_len = 0;
}

void ff_escrow_release(struct ff_escrow *e, uint32_t id, bool is_shut)
{
    struct ff_escrow_entry *entry = &e->entry[id];
    /* a worker may hold a copy: close alone would send no FIN */
    if (!is_shut)
        shutdown(entry->fd, SHUT_RDWR);
    ff_escrow_forget_bytes(e, id);
    entry->fd = ff_sock_close(entry->fd);
    ff_word_set(&e->page->conn[id], ff_word(FF_FREE, 0, entry->generation));
    ff_escrow_move(e, id, FF_LIST_FREE, 0);
}
