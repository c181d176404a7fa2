/* link: a worker's side of the bus: it says, it hears, it asks.
 *
 * Runs in:  worker. say, ask and await in any thread, hear in one.
 * Blocks:   hear (unless its pipe was made non-blocking), await and room, as long as they are told;
 * say only with a message of more than one part, until the hub has taken it.
 * Owns:     its ends of the pipes (hub.h), a thread once there is need of it.
 *
 * What is said after a pause goes out at once. What is said soon after that waits for more, at
 * most FF_LINK_GATHER_US: then the thread writes it. */
#ifndef FF_LINK_H
#define FF_LINK_H

#include "inbox.h"
#include "outbox.h"

enum { FF_LINK_GATHER_US = 100, FF_LINK_GATHER = 32 * 1024 };

/* Ids of requests for whose answer no thread waits: the caller makes them. */
#define FF_LINK_LATER UINT32_C(0x80000000)

struct ff_link;

/* One who waits for an answer; stands in a list of the link while it does. */
struct ff_asker {
    struct ff_asker *next;
    uint32_t id;
    bool is_answered;
    struct ff_frame frame; /* REPLY or FAIL */
    char *bytes;           /* frame.total of them, for the caller to free */
};

/* An answer for which no thread waits. */
struct ff_answer {
    struct ff_answer *next;
    struct ff_frame frame;
    char bytes[]; /* frame.total of them */
};

/* Takes the four ends, by enum ff_hub_pipe; also if it fails. 0 or -errno. */
int ff_link_open(const int ends[4], size_t limit, enum ff_overflow policy, struct ff_link **out);
void ff_link_free(struct ff_link *l);

/* Says `frame` (kind, flags, topic_size, to, id) with `n` octets. With `now` nothing waits for
 * more. 0; -EAGAIN: too much waits already; -EMSGSIZE; -errno. */
int ff_link_say(struct ff_link *l, struct ff_frame *frame, const void *topic, const void *bytes,
                size_t n, bool now);

/* Counts a message that was not said for want of room, as say does itself unless the policy is to
 * block. The hub is told. */
void ff_link_lose(struct ff_link *l);

/* Waits until the hub takes more, at most `timeout_ms`. 0 or -errno (-EINTR, -ETIMEDOUT). */
int ff_link_room(struct ff_link *l, int timeout_ms);

/* Waits for something that was said to us; messages are then in ff_link_inbox. 0: the hub is
 * gone; 1; -errno (-EINTR; -EAGAIN, if the pipe is non-blocking). */
int ff_link_hear(struct ff_link *l);
struct ff_inbox *ff_link_inbox(struct ff_link *l);

/* As say, for a request; `asker` stays where it is until forget. */
int ff_link_ask(struct ff_link *l, struct ff_asker *asker, struct ff_frame *frame,
                const void *topic, const void *bytes, size_t n);

/* Waits for the answer until `until_us` (INT64_MAX: any time). 0, -ETIMEDOUT, -EINTR, -EPIPE. Who
 * waits reads for all: after it, and before it is called again, look for ff_link_answer. -EINTR
 * also says that there is one. */
int ff_link_await(struct ff_link *l, struct ff_asker *asker, int64_t until_us);
void ff_link_forget(struct ff_link *l, struct ff_asker *asker);

/* Reads the answers that are there. 0: the hub is gone; 1; -errno. */
int ff_link_collect(struct ff_link *l);

/* Gives the next answer to a request with an id from FF_LINK_LATER on, for the caller to free;
 * NULL: there is none. */
struct ff_answer *ff_link_answer(struct ff_link *l);

/* The pipe that something said to us comes through, and the one of answers (non-blocking). */
int ff_link_fd(const struct ff_link *l, bool of_answers);

#endif
