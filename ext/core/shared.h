/* shared: memory that processes share, behind a descriptor that outlives the image of a process.
 *
 * Runs in:  master (maps it before any fork), and its next image.
 * Blocks:   never.
 * Owns:     nothing: descriptor and mapping are the caller's. */
#ifndef FF_SHARED_H
#define FF_SHARED_H

#include <stddef.h>

/* Gives a descriptor of memory without a size yet; `name` shows in /proc. 0 or -errno. */
int ff_shared_open(const char *name, int *out);

/* Maps `size` octets of `fd`, zeroed when they are new; of nothing but this process and its
 * children when `fd` is -1. Memory that is never touched costs nothing. 0 or -errno. */
int ff_shared_map(int fd, size_t size, void **out);

#endif
