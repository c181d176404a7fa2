/* clock: the only unit that reads a clock; every other one is told the time.
 *
 * Runs in:  anywhere.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_CLOCK_H
#define FF_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC, coarse: cheap (4 ns), up to a scheduler tick (1 to 10 ms)
 * behind. */
int64_t ff_clock_ms(void);

/* Microseconds of CLOCK_MONOTONIC, exact. */
int64_t ff_clock_us(void);

/* Seconds since 1970, for the Date field only: no deadline may depend on it. */
int64_t ff_clock_wall_s(void);

#endif
