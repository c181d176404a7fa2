/* record: values as octets, for the next image of the same process; described once, for writing
 * and for reading.
 *
 * Runs in:  master, before and after it executes itself.
 * Blocks:   never.
 * Owns:     what was written. Whoever reads lends it the octets (ff_buffer_borrow).
 *
 * The first error stays: what follows does nothing, so that only the end has to be looked at. */
#ifndef FF_RECORD_H
#define FF_RECORD_H

#include "buffer.h"

#include <stdint.h>

struct ff_record {
    struct ff_buffer bytes;
    bool is_reading;
    int error; /* 0, -ENOMEM, or -EPROTO: what is read ends too early */
};

/* Writes `n` octets of `what`, or reads them into it. */
void ff_record(struct ff_record *r, void *what, size_t n);

/* The same for what a buffer holds; when reading it must be empty. */
void ff_record_buffer(struct ff_record *r, struct ff_buffer *b);

#endif
