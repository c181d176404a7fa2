/* page: the shared memory that master and workers see at the same address.
 *
 * Runs in:  master (maps it before any fork), workers (inherit it).
 * Blocks:   never.
 * Owns:     the mapping, in the process that opened it. One writer per field; fields with different
 *           writers stand in different cache lines.
 *
 * The master trusts nothing in here with its own safety: what it needs to stay whole
 * (descriptors, owners, lists) stands in its private memory (escrow), and every id read from
 * here is checked against its bounds. */
#ifndef FF_PAGE_H
#define FF_PAGE_H

#include "histogram.h"
#include "sock.h"

#include <stdatomic.h>

/* Blocks of a lane's shared memory: what it reads lies in its own; the master puts what is to be
 * replayed into the others. */
enum { FF_BLOCK = 16384, FF_BLOCKS_OWN = 64, FF_BLOCKS_REPLAY = 64 };
enum { FF_BLOCKS = FF_BLOCKS_OWN + FF_BLOCKS_REPLAY };

enum { FF_REFUSAL_KINDS_MAX = 16 };

enum { FF_LANES_MAX = 512, FF_CONNS_MAX = 1 << 20 };

struct ff_lane_line {
    /* written by the lane */
    _Alignas(64) _Atomic uint32_t claimed; /* connections claimed from the channel */
    _Atomic uint32_t running;              /* requests claimed or in the application */
    _Atomic int64_t busy_since_us; /* when the application got its request; 0: it has none */
    /* when its answer last went on, at first the same; 0: it has none, or waits for its client */
    _Atomic int64_t progress_us;
    _Atomic uint32_t service_us;  /* how long requests take, a moving average */
    _Atomic uint32_t beats;       /* pings answered */
    _Atomic uint32_t connections; /* connections that the lane holds a descriptor of */
    _Atomic uint32_t is_full;     /* no descriptors left, or leaving: deal nothing */
    _Atomic uint64_t requests;    /* answered */
    _Atomic uint64_t lines_lost;  /* of its access log, that could not be written */
    /* written by the master: deals sent through the channel, never counted back */
    _Alignas(64) _Atomic uint32_t sent;
    /* by the master: this worker is ended for its request of that number, from 1; 0: for none */
    _Atomic uint64_t condemned;
    /* pushed by the lane, emptied by the master: the list's first id, 0: none */
    _Alignas(64) _Atomic uint32_t returned;
    /* by the lane, of each request: how long it took, and how long it had waited before. They go on
     * when another process takes the lane over. */
    _Alignas(64) struct ff_histogram took, waited;
    /* by the lane: how often it answered in the application's place, by kind (http_response.h) */
    _Atomic uint32_t refusals[FF_REFUSAL_KINDS_MAX];
};

/* What had been received and sent, in all, when the last answer was out: progress.h. */
struct ff_base {
    uint64_t rx, tx;
    uint32_t at;            /* offset of the octets behind rx in their block */
    _Atomic uint32_t block; /* the lane's block that they lie in, from 1; 0: in none */
};

struct ff_conn_line {
    _Alignas(64) _Atomic uint64_t word; /* state, owner, generation: conntable.h */
    _Atomic uint32_t next_returned;     /* the next id in a lane's list of returned connections */
    uint32_t requests;                  /* answered so far; written by the owner */
    struct ff_peer peer;                /* of the socket; with the listener written at accept */
    uint8_t listener;
    uint8_t is_rare;       /* its client seldom speaks; by the master, before it deals */
    struct ff_peer client; /* who speaks: the peer, or whom it named (proxy.h); by the owner */
    uint16_t head_at; /* when the head of its request began, in 0.1 s of the clock, modulo; same */
    uint32_t arrived_us; /* when the master heard of it last: the low bits of the clock */
    /* written by the owner, and by the master when the lane that owned it is dead */
    _Alignas(64) struct ff_base base[2];
    _Atomic uint64_t progress;
    uint64_t begun_rx; /* received in all, as far as it was told: when the application was called */
};

struct ff_page {
    uint32_t conns_max;         /* ids are 1..conns_max; 0 means none */
    _Atomic uint32_t is_ending; /* the server stops: every answer says that it is the last one */
    /* the master sleeps until a lane has room: ring the bell */
    _Alignas(64) _Atomic uint32_t all_full;
    _Atomic uint32_t
        share; /* connections of a lane when all hold the same; 0: it does not matter */
    /* how often it woke up and looked at what the lanes did, from 1: a ring before it has looked
     * again is a ring too many */
    _Atomic uint64_t looks;
    struct ff_lane_line lane[FF_LANES_MAX];
    struct ff_conn_line conn[]; /* conns_max + 1 */
};

/* Maps a page for `conns_max` connections (at most FF_CONNS_MAX): the one that `fd` has from an
 * image of this process before, or a zeroed one, which `fd` then has (shared.h; open: none). Memory
 * that is never touched costs nothing. 0, -EINVAL or -errno. */
int ff_page_map(int fd, uint32_t conns_max, struct ff_page **out);
int ff_page_open(uint32_t conns_max, struct ff_page **out);

void ff_page_free(struct ff_page *page);

/* Maps FF_BLOCKS blocks for each of FF_LANES_MAX lanes, side by side, so that a process that is
 * forked before a lane is leased finds them too. `fd` as above. Memory that is never touched costs
 * nothing. 0 or -errno; free accepts NULL. */
int ff_blocks_map(int fd, char **out);
void ff_blocks_free(char *blocks);

/* The blocks of one lane. */
static inline char *ff_blocks_of(char *blocks, uint16_t lane)
{
    return blocks + (size_t)lane * FF_BLOCKS * FF_BLOCK;
}

/* In a forked child that must not touch it: puts private memory in its place, at the same address.
 */
void ff_page_detach(struct ff_page *page);

/* The same for a lane's blocks, of which the first `used` keep what is in them. */
void ff_blocks_detach(char *blocks, size_t used);

/* Adds to a counter that only the caller writes: cheaper than an atomic addition. */
static inline void ff_page_count(_Atomic uint32_t *counter, uint32_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

#endif
