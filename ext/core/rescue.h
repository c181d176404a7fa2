/* rescue: what becomes of a connection whose worker died while it had it.
 *
 * Runs in:  master.
 * Blocks:   never.
 * Owns:     nothing.
 *
 * What the worker had read and written is asked from the kernel (TCP_INFO, SIOCINQ): a worker can
 * die between a system call and the store that would tell of it. The decision is a pure function of
 * those facts. */
#ifndef FF_RESCUE_H
#define FF_RESCUE_H

#include "progress.h"

enum ff_rescue {
    FF_RESCUE_PARK,   /* nothing was under way: it lives on */
    FF_RESCUE_REPLAY, /* dealt again, with the octets that were read */
    FF_RESCUE_REFUSE, /* nothing was answered and it can't be replayed: 502 */
    FF_RESCUE_CUT,    /* an answer is half out, or nothing can be known */
    FF_RESCUE_END     /* the last answer is out: only the close was missing */
};

enum { FF_DEATHS_MAX = 3 };

struct ff_rescue_facts {
    bool is_known;             /* the kernel could tell: an open TCP connection */
    bool is_poison;            /* it has met too many deaths to be dealt again */
    bool may_replay;           /* replay is not off */
    uint64_t progress;         /* the word of progress.h */
    struct ff_base base, next; /* the base that holds, and the planned one */
    uint64_t received, sent;   /* by the worker, in all */
};

/* What to do, and which base holds from now on (`facts->base` or `facts->next`); with REPLAY the
 * octets `holds->rx` .. `facts->received` must be at hand, else REFUSE. */
enum ff_rescue ff_rescue_decide(const struct ff_rescue_facts *facts, const struct ff_base **holds);

/* Is a request given up at a death that it may be to blame for (`is_to_blame`: it ran alone, and
 * nobody outside ended the worker), after `deaths` earlier ones, `blamed` of which it may be to
 * blame for? At the second of those; of others, which say nothing of it, only FF_DEATHS_MAX are
 * borne. */
bool ff_rescue_is_poison(unsigned deaths, unsigned blamed, bool is_to_blame);

/* Fills what is known of the connection: `received` and `sent`, from the kernel if it is TCP. Of a
 * unix socket only what the worker told, and only if it was neither reading nor sending. */
void ff_rescue_ask(int fd, const struct ff_conn_line *line, struct ff_rescue_facts *facts);

#endif
