/* escrow: the master's own copy of every connection: its descriptor, its owner, its place in a
 * list.
 *
 * Runs in:  master.
 * Blocks:   never.
 * Owns:     the descriptors given to ff_escrow_admit, until ff_escrow_release.
 *
 * Private memory: a worker that scribbles over the shared page can't make the master touch a
 * descriptor that is not that connection's. Every connection is in exactly one list: a lane's,
 * or one of the master's. */
#ifndef FF_ESCROW_H
#define FF_ESCROW_H

#include "conntable.h"
#include "record.h"

enum {
    FF_LIST_FREE = FF_LANES_MAX, /* ids without a connection */
    FF_LIST_WAITING,             /* something to say, no lane yet; oldest first */
    FF_LIST_SUSPECT,             /* as WAITING, for a worker of its own: it may have killed one */
    FF_LIST_PARKED,              /* in the master's poller until readable; longest quiet first */
    FF_LIST_SILENT,              /* parked, but has not said anything yet; oldest first */
    FF_LIST_HALF,                /* as PARKED, with a part of a request; longest quiet first */
    FF_LIST_LINGER,              /* half-closed, being read to the end; oldest first */
    FF_LISTS
};

struct ff_escrow_entry {
    int64_t since_ms;    /* when it came into its list */
    uint64_t generation; /* survives the connection: ids are used again, generations are not */
    int fd;              /* -1: no connection */
    uint32_t prev, next; /* ids, 0 at the ends */
    char *bytes; /* what another lane had read, to be dealt with the connection; NULL: nothing */
    uint64_t bytes_rx; /* rx of the base that they stand behind */
    uint64_t replayed; /* rx of the base it was replayed from after a death, plus one; 0: never */
    uint8_t deaths, blamed; /* of workers in that request; those that it may be to blame for */
    uint32_t bytes_len;
    uint32_t requests; /* answered, when it spoke after it had been parked */
    uint8_t moves;     /* how often lanes that live lost it with those octets */
    bool is_watched;   /* the master's poller knows the descriptor */
    uint16_t list;
    uint16_t drained; /* LINGER: KiB read and dropped */
};

struct ff_escrow_list {
    uint32_t first, last, count;
};

struct ff_escrow {
    struct ff_page *page;          /* borrowed */
    struct ff_escrow_entry *entry; /* page->conns_max + 1 */
    uint32_t touched; /* ids up to here have been used: the free list grows only as needed */
    struct ff_escrow_list list[FF_LISTS];
    uint64_t held[FF_LANES_MAX / 64]; /* by lane, a bit each: it has connections */
};

/* The first lane from `lane` on that has connections; FF_LANES_MAX when there is none. */
static inline size_t ff_escrow_holder(const struct ff_escrow *e, size_t lane)
{
    for (size_t i = lane / 64; i < FF_LANES_MAX / 64; i++) {
        uint64_t bits = e->held[i] & (i == lane / 64 ? ~(uint64_t)0 << lane % 64 : ~(uint64_t)0);
        if (bits)
            return i * 64 + (size_t)__builtin_ctzll(bits);
    }
    return FF_LANES_MAX;
}

/* 0 or -ENOMEM. */
int ff_escrow_open(struct ff_escrow *e, struct ff_page *page);

/* For the next image of this process: all that is known, but what the poller knows. Reading wants a
 * new escrow over the same page. */
void ff_escrow_record(struct ff_escrow *e, struct ff_record *r);

/* Closes every connection. Accepts the zeroed struct. */
void ff_escrow_close(struct ff_escrow *e);

/* May another connection be admitted? */
bool ff_escrow_has_room(const struct ff_escrow *e);

/* Takes a new connection into WAITING and gives its id; there must be room. */
uint32_t ff_escrow_admit(struct ff_escrow *e, int fd, const struct ff_peer *peer, uint8_t listener,
                         int64_t now_ms);

/* Makes `lane` the owner under a new generation; gives the word that the deal carries. */
uint64_t ff_escrow_deal(struct ff_escrow *e, uint32_t id, uint16_t lane, int64_t now_ms);

/* Moves an entry that the master owns to the end of `list`. */
void ff_escrow_move(struct ff_escrow *e, uint32_t id, uint16_t list, int64_t now_ms);

/* As ff_escrow_move, but to the front of WAITING: it has waited already. */
void ff_escrow_wait_first(struct ff_escrow *e, uint32_t id, int64_t now_ms);

/* Takes `id` back from `lane` if its word still says `state`: word PARKED, no longer the lane's.
 * The caller moves it on. False when the lane was faster, or it is not the lane's at all. */
bool ff_escrow_take(struct ff_escrow *e, uint32_t id, uint16_t lane, enum ff_state state);

/* Is `id` a connection that stands in `list`? Any number is allowed. */
bool ff_escrow_is_in(const struct ff_escrow *e, uint32_t id, uint16_t list);

/* Forgets the octets that were to be replayed. */
void ff_escrow_forget_bytes(struct ff_escrow *e, uint32_t id);

/* Closes the connection and frees the id; shuts it down first unless a lane has done that
 * already. */
void ff_escrow_release(struct ff_escrow *e, uint32_t id, bool is_shut);

#endif
