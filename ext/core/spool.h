/* spool: octets of a file that wait to be read or sent, one after the other: of a temporary one
 * without a name, or of somebody else's.
 *
 * Runs in:  lane, flusher; one thread at a time.
 * Blocks:   never for a client. A disk is waited for, as for any file; mostly its cache takes all.
 * Owns:     its descriptor, unless it was lent one. A zeroed struct is empty; close accepts it. */
#ifndef FF_SPOOL_H
#define FF_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ff_spool {
    uint64_t at, end; /* octets of the file, at..end, that wait */
    int fd;           /* if it is open */
    bool is_open;
    bool is_temporary; /* made here: only to this is anything appended */
    bool is_lent;      /* its descriptor is somebody else's: close leaves it open */
};

static inline uint64_t ff_spool_len(const struct ff_spool *s)
{
    return s->end - s->at;
}

/* Adds `n` octets; the first ones make a file in the directory `dir`, which nobody else can open.
 * 0, or -errno, and nothing changed: -ENOSPC when the disk is full. */
int ff_spool_append(struct ff_spool *s, const char *dir, const void *bytes, size_t n);

/* Lends it `n` octets of `file` from `at` on, until it is closed, or keeps a descriptor of its own.
 * It must be empty. */
void ff_spool_lend(struct ff_spool *s, int file, uint64_t at, uint64_t n);

/* Makes it outlive the one who lent. 0 or -errno (-EMFILE). */
int ff_spool_keep(struct ff_spool *s);

/* Takes at most `n` octets out, fewer only at the end. Their number, -errno, or -EIO when the file
 * is shorter than it was. */
ssize_t ff_spool_read(struct ff_spool *s, void *to, size_t n);

/* Sends at most `n` octets to the socket `to`. As ff_spool_read; also -EAGAIN. */
ssize_t ff_spool_send(struct ff_spool *s, int to, size_t n);

/* Forgets what waits, and gives the file up. */
void ff_spool_close(struct ff_spool *s);

#endif
