#include "buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 512 };

/* Moving to the front is only worth it while what was consumed pays for the octets that move;
 * otherwise a buffer that is drained slowly would be moved again and again. */
static int is_worth_moving(const struct ff_buffer *b, size_t n)
{
    size_t len = ff_buffer_len(b);
    return !b->is_lent && b->start > 0 && len <= b->start && b->cap - len >= n;
}

/* Goes on in `cap` bytes of its own. */
static int move_to(struct ff_buffer *b, size_t cap)
{
    size_t len = ff_buffer_len(b);
    char *data = malloc(cap);
    if (!data)
        return -ENOMEM;
    if (len > 0)
        memcpy(data, b->data + b->start, len);
    ff_buffer_close(b);
    *b = (struct ff_buffer){.data = data, .end = len, .cap = cap};
    return 0;
}

int ff_buffer_reserve(struct ff_buffer *b, size_t n)
{
    size_t len = ff_buffer_len(b);
    if (ff_buffer_room(b) >= n)
        return 0;
    if (is_worth_moving(b, n)) {
        memmove(b->data, b->data + b->start, len);
        b->start = 0, b->end = len;
        return 0;
    }
    if (n > SIZE_MAX / 2 - len)
        return -ENOMEM;
    size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap * 2;
    if (cap < len + n)
        cap = len + n;
    return move_to(b, cap);
}

int ff_buffer_own(struct ff_buffer *b)
{
    return b->is_lent ? move_to(b, b->cap) : 0;
}

int ff_buffer_append(struct ff_buffer *b, const void *bytes, size_t n)
{
    int r = ff_buffer_reserve(b, n);
    if (r < 0 || n == 0)
        return r;
    memcpy(b->data + b->end, bytes, n);
    b->end += n;
    return 0;
}

void ff_buffer_consume(struct ff_buffer *b, size_t n)
{
    b->start += n;
    if (b->start == b->end)
        ff_buffer_clear(b);
}

void ff_buffer_clear(struct ff_buffer *b)
{
    b->start = b->end = 0;
}

void ff_buffer_close(struct ff_buffer *b)
{
    if (!b->is_lent)
        free(b->data);
    *b = (struct ff_buffer){0};
}

void ff_buffer_borrow(struct ff_buffer *b, char *data, size_t cap)
{
    ff_buffer_close(b);
    *b = (struct ff_buffer){.data = data, .cap = cap, .is_lent = true};
}
