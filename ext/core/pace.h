/* pace: does a client keep us waiting for too long: not at all, or on average?
 *
 * Runs in:  lane. Pure.
 * Blocks:   never.
 * Owns:     nothing.
 *
 * A client has a credit of time, at most `grace_us`. Waiting for it takes from the credit, octets
 * that move give some back, by the rate that is asked for. So a stall ends when the grace is over,
 * and whoever is slower than the rate ends a little later; our own time costs nothing. */
#ifndef FF_PACE_H
#define FF_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* How often to look within one grace: what moved just before a stall counts for the time before it
 * only, so a stall is seen at most this part of the grace too late. */
enum { FF_PACE_LOOKS = 8 };

struct ff_pace_rule {
    int64_t grace_us; /* 0: no limit */
    uint32_t per_s;   /* octets; 0: any octet gives the whole credit back */
};

/* A zeroed one has not begun. */
struct ff_pace {
    int64_t credit_us, since_us;
    uint64_t seen; /* octets that have moved, in all, when we looked last */
};

/* We begin to wait at `now_us` (not 0); `octets` have moved so far. */
static inline void ff_pace_wait(struct ff_pace *pace, const struct ff_pace_rule *rule,
                                int64_t now_us, uint64_t octets)
{
    if (pace->since_us == 0)
        *pace = (struct ff_pace){.credit_us = rule->grace_us, .seen = octets};
    pace->since_us = now_us;
}

/* The time that `moved` octets may take. */
static inline int64_t ff_pace_time_for(const struct ff_pace_rule *rule, uint64_t moved)
{
    uint64_t most = (uint64_t)rule->grace_us;
    if (moved == 0)
        return 0;
    if (rule->per_s == 0 || moved > most) /* at a million octets a second, or fewer */
        return rule->grace_us;
    uint64_t time_us = moved * 1000000 / rule->per_s;
    return (int64_t)(time_us < most ? time_us : most);
}

/* We waited until `now_us`, and `octets` have moved. May the client go on? */
static inline bool ff_pace_goes_on(struct ff_pace *pace, const struct ff_pace_rule *rule,
                                   int64_t now_us, uint64_t octets)
{
    pace->credit_us -= now_us - pace->since_us;
    pace->credit_us += ff_pace_time_for(rule, octets - pace->seen);
    if (pace->credit_us > rule->grace_us)
        pace->credit_us = rule->grace_us;
    pace->since_us = now_us;
    pace->seen = octets;
    return rule->grace_us == 0 || pace->credit_us > 0;
}

#endif
