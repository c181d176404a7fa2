/* conntable: who owns a connection: one atomic word each, in the shared page.
 *
 * Runs in:  master and lanes, at the same time.
 * Blocks:   never.
 * Owns:     nothing.
 *
 * A word is {state, lane, turn, generation}. Whoever wins the compare-and-swap of a word owns the
 * connection; who loses drops its copy and goes on. The generation goes up on every deal, so a
 * lane can only ever claim what it was dealt last, whatever stale messages or events it still
 * holds. Of a connection that rests half read the word has a turn, too, another one each time: who
 * copies its octets and then claims the word knows that nobody has touched them in between. */
#ifndef FF_CONNTABLE_H
#define FF_CONNTABLE_H

#include "page.h"

enum ff_state {
    FF_FREE,    /* no connection */
    FF_QUEUED,  /* dealt: in the lane's channel or just received; the master may take it back */
    FF_READING, /* the lane: works on its input */
    FF_HALF,    /* the lane: waits for the rest of a head or body; the master may take it back */
    FF_RUNNING, /* the lane: the application has it */
    FF_IDLE,    /* the lane: hot between requests, nothing buffered; the master may take it back */
    FF_FLUSH,   /* the lane: the response is going out to a slow reader */
    FF_PARKED,  /* the master: waits to be readable, or to be dealt */
    FF_LINGER,  /* the master: half-closed, read to its end, then closed */
    FF_CLOSED   /* the lane has shut it down; the master closes its copy */
};

enum { FF_GENERATION_BITS = 32 };

static inline uint64_t ff_word(enum ff_state state, uint16_t lane, uint64_t generation)
{
    return (uint64_t)state | (uint64_t)lane << 8 | generation << 32;
}

static inline enum ff_state ff_word_state(uint64_t word)
{
    return (enum ff_state)(word & 0xff);
}

static inline uint16_t ff_word_lane(uint64_t word)
{
    return (uint16_t)(word >> 8 & 0xffff);
}

static inline uint64_t ff_word_generation(uint64_t word)
{
    return word >> 32;
}

/* The same owner and generation in another state. */
static inline uint64_t ff_word_with(uint64_t word, enum ff_state state)
{
    return (word & ~(uint64_t)0xff0000ff) | (uint64_t)state;
}

/* The same owner and generation, half read, for the `turn`-th time. */
static inline uint64_t ff_word_half(uint64_t word, uint8_t turn)
{
    return ff_word_with(word, FF_HALF) | (uint64_t)turn << 24;
}

/* Takes ownership: from exactly `from` to `to`; false when somebody else was first. */
static inline bool ff_word_claim(struct ff_conn_line *line, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong(&line->word, &from, to);
}

/* The owner moves on; what it wrote before is seen by whoever claims next. */
static inline void ff_word_set(struct ff_conn_line *line, uint64_t word)
{
    atomic_store_explicit(&line->word, word, memory_order_release);
}

/* Makes the line new for a connection that has just been accepted. */
void ff_conn_line_begin(struct ff_conn_line *line, const struct ff_peer *peer, uint8_t listener);

/* Tells the master that the lane gave `id` up (word CLOSED, LINGER or PARKED). A list through
 * the conn lines instead of a ring: it holds as many as a lane can have by construction, and has
 * no index that a crash could leave half-way. */
void ff_return_push(struct ff_page *page, uint16_t lane, uint32_t id);

/* Takes the whole list: its first id, 0 if none. Walk it with ff_return_next. */
uint32_t ff_return_take(struct ff_page *page, uint16_t lane);

/* The id after `id`, 0 at the end. Read it before `id` is freed. */
uint32_t ff_return_next(struct ff_page *page, uint32_t id);

#endif
