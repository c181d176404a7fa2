#include "record.h"

#include <errno.h>
#include <string.h>

void ff_record(struct ff_record *r, void *what, size_t n)
{
    if (r->error == 0 && !r->is_reading) {
        r->error = ff_buffer_append(&r->bytes, what, n);
    } else if (r->error == 0 && ff_buffer_len(&r->bytes) < n) {
        r->error = -EPROTO;
    } else if (r->error == 0 && n > 0) {
        memcpy(what, ff_buffer_head(&r->bytes), n);
        ff_buffer_consume(&r->bytes, n);
    }
}

void ff_record_buffer(struct ff_record *r, struct ff_buffer *b)
{
    size_t n = ff_buffer_len(b);
    ff_record(r, &n, sizeof(n));
    if (r->error == 0 && r->is_reading) {
        r->error = ff_buffer_len(&r->bytes) < n ? -EPROTO : ff_buffer_reserve(b, n);
        b->end += r->error == 0 ? n : 0;
    }
    if (r->error == 0)
        ff_record(r, ff_buffer_head(b), n);
}
