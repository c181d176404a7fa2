/* recovery: the death of a worker: each of its connections goes where it belongs.
 *
 * Runs in:  master, on the dispatcher's state.
 * Blocks:   never.
 * Owns:     nothing of its own. */
#ifndef FF_RECOVERY_H
#define FF_RECOVERY_H

#include "dispatcher.h"

/* The process that sat at the `n` lanes is gone. What it had queued waits for another lane, what
 * was idle is parked, a request that it was working on is dealt again with the octets that it had
 * read, or answered 502 (504 if it has timed out), or cut (rescue.h decides; d->rescued tells). If
 * the process ended `by_itself`, and not by a signal from outside, a request that ran alone may be
 * to blame. The channel is emptied and the page line reset for the next process. Goes on in parts,
 * with passes of the master in between. The number of requests lost. */
int ff_recovery_run(struct ff_dispatcher *d, const uint16_t *lanes, size_t n, bool by_itself);

#endif
