/* counter: counts allocations of the process that preloads it (LD_PRELOAD).
 *
 * With PYTHONMALLOC=malloc each object of Python's is one. ff_allocations() says how many there
 * were; ctypes finds it. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static _Atomic long allocations;

long ff_allocations(void)
{
    return atomic_load(&allocations);
}

void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_realloc(old, size);
}
