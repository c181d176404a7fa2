/* handover: a dispatcher for the next image of its process.
 *
 * Runs in:  master, before and after it executes itself.
 * Blocks:   never.
 * Owns:     nothing.
 *
 * What users call stands in dispatcher.h: ff_dispatcher_write, _read, _survive and _layout. */
#ifndef FF_HANDOVER_H
#define FF_HANDOVER_H

#include "dispatcher.h"

/* What a dispatcher is made around: memory, new or not, and the bell. */
struct ff_inheritance {
    uint32_t conns_max;
    int page_fd, blocks_fd, bell;
};

/* Takes the descriptors, also when it fails. 0 or -errno. */
int ff_dispatcher_make(const struct ff_inheritance *from, int64_t keep_alive_ms, int64_t silence_ms,
                       struct ff_dispatcher **out);

#endif
