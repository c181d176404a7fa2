#include "works.h"

#include "page.h"

#include <stdlib.h>
#include <string.h>

enum { SPARES_MAX = 16, SPARE_BYTES_MAX = 64 * 1024, LARGE_MAX = 2 * 1024 * 1024 };

void ff_works_lend(struct ff_works *works, struct ff_conn *c)
{
    if (c->work)
        return;
    c->work = works->spare;
    if (c->work)
        works->spare = c->work->next, works->spares--;
    else
        c->work = calloc(1, sizeof(*c->work));
    if (!c->work)
        return;
    struct ff_work *w = c->work;
    if (w->block == 0 && works->blocks_given < FF_BLOCKS_OWN)
        w->block = ++works->blocks_given;
    if (w->block > 0)
        ff_buffer_borrow(&w->in, works->blocks + (size_t)(w->block - 1) * FF_BLOCK, FF_BLOCK);
}

/* Keeps no more than a spare work may have; what held a body is kept once for all. */
static void shrink(struct ff_works *works, struct ff_buffer *b)
{
    ff_buffer_clear(b);
    if (b->is_lent || b->cap <= SPARE_BYTES_MAX)
        return;
    if (b->cap <= LARGE_MAX && b->cap > works->large.cap) {
        ff_buffer_close(&works->large);
        works->large = *b;
        *b = (struct ff_buffer){0};
    }
    ff_buffer_close(b);
}

void ff_works_take_back(struct ff_works *works, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    c->work = NULL;
    if (!w)
        return;
    shrink(works, &w->in);
    shrink(works, &w->out);
    ff_spool_close(&w->content);
    ff_spool_close(&w->file);
    w->body_at = w->body_len = 0;
    if (works->spares >= SPARES_MAX && w->block == 0) { /* one with a block is kept for its block */
        ff_buffer_close(&w->in);
        ff_buffer_close(&w->out);
        free(w);
        return;
    }
    w->next = works->spare;
    works->spare = w;
    works->spares++;
}

void ff_works_make_room(struct ff_works *works, struct ff_buffer *in, size_t n)
{
    size_t len = ff_buffer_len(in);
    if (ff_buffer_room(in) >= n)
        return;
    if (works->large.cap < len || works->large.cap - len < n) {
        (void)ff_buffer_reserve(in, n);
        return;
    }
    struct ff_buffer large = works->large;
    works->large = (struct ff_buffer){0};
    memcpy(large.data, ff_buffer_head(in), len);
    large.end = len;
    ff_buffer_close(in);
    *in = large;
}

void ff_works_close(struct ff_works *works)
{
    for (struct ff_work *w = works->spare, *next; w; w = next) {
        next = w->next;
        ff_buffer_close(&w->in);
        ff_buffer_close(&w->out);
        free(w);
    }
    ff_buffer_close(&works->large);
}
