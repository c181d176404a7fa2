#include "inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ff_partial *take_partial(struct ff_inbox *in, uint16_t link)
{
    for (struct ff_partial **p = &in->partial; *p; p = &(*p)->next)
        if ((*p)->link == link) {
            struct ff_partial *found = *p;
            *p = found->next;
            return found;
        }
    return NULL;
}

/* Adds a part to its message. 1: that is whole now; 0; or -ENOMEM. */
static int add_part(struct ff_inbox *in, const struct ff_frame *f, const char *part)
{
    struct ff_partial *p = take_partial(in, f->link);
    if (f->offset == 0) {
        free(p);
        p = malloc(sizeof(*p) + f->total);
        if (!p)
            return -ENOMEM;
        *p = (struct ff_partial){.link = f->link, .total = f->total};
    }
    if (!p || p->got != f->offset || p->total != f->total) { /* a part was dropped on the way */
        free(p);
        return 0;
    }
    memcpy(p->bytes + p->got, part, ff_frame_part(f));
    p->got += ff_frame_part(f);
    if (p->got == p->total) {
        in->done = p;
        return 1;
    }
    p->next = in->partial;
    in->partial = p;
    return 0;
}

int ff_inbox_next(struct ff_inbox *in, struct ff_message *out)
{
    int n;
    free(in->done);
    in->done = NULL;
    while ((n = ff_frame_read(ff_buffer_head(&in->bytes), ff_buffer_len(&in->bytes), &out->frame)) >
           0) {
        out->topic = ff_buffer_head(&in->bytes) + sizeof(out->frame);
        out->bytes = out->topic + out->frame.topic_size;
        /* consumed, but the octets stay where they are until more are added */
        in->bytes.start += (size_t)n;
        bool is_whole = out->frame.offset == 0 && ff_frame_is_last(&out->frame);
        int r = is_whole ? 1 : add_part(in, &out->frame, out->bytes);
        if (r > 0 && !is_whole)
            out->bytes = in->done->bytes;
        if (r != 0)
            return r;
    }
    ff_buffer_consume(&in->bytes, 0);
    return n;
}

void ff_inbox_close(struct ff_inbox *in)
{
    struct ff_partial *p = in->partial, *next;
    for (; p; p = next) {
        next = p->next;
        free(p);
    }
    free(in->done);
    ff_buffer_close(&in->bytes);
    *in = (struct ff_inbox){0};
}
