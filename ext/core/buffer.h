/* buffer: bytes waiting to be read from the front and added at the back.
 *
 * Runs in:  anywhere; one thread at a time.
 * Blocks:   never.
 * Owns:     its memory. A zeroed struct is a valid empty buffer; close accepts it. */
#ifndef FF_BUFFER_H
#define FF_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct ff_buffer {
    char *data;
    size_t start, end, cap; /* the bytes are data[start..end) */
    bool is_lent;           /* somebody else's memory: never moved in, never freed */
};

static inline size_t ff_buffer_len(const struct ff_buffer *b)
{
    return b->end - b->start;
}

static inline char *ff_buffer_head(const struct ff_buffer *b)
{
    return b->data + b->start;
}

static inline char *ff_buffer_tail(const struct ff_buffer *b)
{
    return b->data + b->end;
}

static inline size_t ff_buffer_room(const struct ff_buffer *b)
{
    return b->cap - b->end;
}

/* Makes room for `n` more bytes at the tail. 0 or -ENOMEM; on failure nothing changed. */
int ff_buffer_reserve(struct ff_buffer *b, size_t n);

/* Adds `n` bytes. 0 or -ENOMEM; on failure nothing changed. */
int ff_buffer_append(struct ff_buffer *b, const void *bytes, size_t n);

/* Forgets the first `n` bytes; an empty buffer starts over at offset 0. */
void ff_buffer_consume(struct ff_buffer *b, size_t n);

/* Forgets everything and keeps the memory. */
void ff_buffer_clear(struct ff_buffer *b);

/* Gives the memory back; the buffer is empty and usable again. */
void ff_buffer_close(struct ff_buffer *b);

/* Moves to memory of its own, if it is in somebody else's. 0 or -ENOMEM. */
int ff_buffer_own(struct ff_buffer *b);

/* Starts over, empty, in `cap` bytes of the caller's. When they don't suffice, the buffer moves to
 * memory of its own. */
void ff_buffer_borrow(struct ff_buffer *b, char *data, size_t cap);

#endif
