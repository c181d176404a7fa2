/* crash: points at which a test build dies by chance, between the stores of the connection
 * protocol.
 *
 * Runs in:  lanes of test builds (FF_CRASH_POINTS); elsewhere it is nothing.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_CRASH_H
#define FF_CRASH_H

#ifdef FF_CRASH_POINTS
/* SIGKILLs this process with the chance 1 / FASTFORK_CRASH (an environment variable; unset: never).
 */
void ff_crash_point(void);
#else
static inline void ff_crash_point(void)
{
}
#endif

#endif
