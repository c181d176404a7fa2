/* flusher: sends the rest of answers to slow readers, while the lane runs other requests.
 *
 * Runs in:  worker, a thread of its own beside its lane's; that starts with the first connection.
 * All calls here are the lane's. Blocks:   never, but for the mutex; ff_flusher_free waits for the
 * thread. Owns:     its thread, and each connection with its work from ff_flusher_give until
 *           ff_flusher_take gives it back. Meanwhile nobody else touches them. */
#ifndef FF_FLUSHER_H
#define FF_FLUSHER_H

#include "conn.h"

struct ff_flusher;

/* Opens one for a lane that is woken by an octet written to `wake`. 0 or -errno. */
int ff_flusher_open(const int64_t wait_ms[FF_DEADLINE_CLASSES], uint32_t rate, int wake,
                    struct ff_flusher **out);

/* Hands over a connection whose output waits for its client. No poller may watch it, and no
 * deadline be set. 0, or -errno when there is no thread: then it stays the lane's. */
int ff_flusher_give(struct ff_flusher *f, struct ff_conn *c);

/* Gives one connection back, or NULL. `*result`: 0 when its output is out, -ETIMEDOUT when the
 * client read too slowly, or another -errno of a broken connection. */
struct ff_conn *ff_flusher_take(struct ff_flusher *f, int *result);

/* In a forked child, which has no such thread: drops the descriptors. */
void ff_flusher_detach(struct ff_flusher *f);

/* Ends the thread; the connections that it had are the lane's again, as they are. Accepts NULL. */
void ff_flusher_free(struct ff_flusher *f);

#endif
