/* progress: how far a connection has come with its request, told so that its death can be read
 * afterwards.
 *
 * Runs in:  the lane that owns the connection writes; the master reads, once the lane is dead.
 * Blocks:   never.
 * Owns:     nothing.
 *
 * A base says what had been received and sent when the last answer was out, and where the octets
 * behind it lie. There are two: the spare one is written in full, then one store of the progress
 * word makes it the base. What has been read and answered since is asked from the kernel
 * (rescue.h), and taken from here only for unix sockets, where the kernel does not count. */
#ifndef FF_PROGRESS_H
#define FF_PROGRESS_H

#include "page.h"

enum {
    FF_PROGRESS_SECOND = 1,  /* base[1] holds, not base[0] */
    FF_PROGRESS_BEGUN = 2,   /* the application was called */
    FF_PROGRESS_UNSAFE = 4,  /* it must not be called a second time for this */
    FF_PROGRESS_CLOSING = 8, /* the connection ends with the planned answer */
    FF_PROGRESS_SENT = 16,   /* octets of the answer may be out that were not planned */
    FF_PROGRESS_READ = 32,   /* octets may have been received that were not told */
    FF_PROGRESS_RAW = 64,    /* it is no HTTP: no request of it can be told, or refused */
    FF_PROGRESS_PLAN_SHIFT = 32
};

/* Which requests may be run a second time. */
enum ff_replay { FF_REPLAY_OFF, FF_REPLAY_SAFE, FF_REPLAY_IDEMPOTENT };

/* What holds now. */
struct ff_base *ff_progress_base(struct ff_conn_line *line);

/* What will hold when the planned answer is out. */
struct ff_base *ff_progress_spare(struct ff_conn_line *line);

/* Says where the octets that are read next will lie. Only while nothing has been read behind the
 * base. */
void ff_progress_lend(struct ff_conn_line *line, uint32_t block);

/* The application has the connection as it is, without HTTP. */
void ff_progress_raw(struct ff_conn_line *line);

/* The application is called; `received` octets have come in all. */
void ff_progress_begin(struct ff_conn_line *line, uint64_t received, bool is_unsafe);

/* Where the kernel does not count: octets are about to be read / `received` have come in all. */
void ff_progress_read(struct ff_conn_line *line);
void ff_progress_tell(struct ff_conn_line *line, uint64_t received);

/* It must not be called a second time for this. */
void ff_progress_forbid(struct ff_conn_line *line);

/* A part of an answer is about to be sent. */
void ff_progress_send(struct ff_conn_line *line);

/* Octets were taken that no answer belongs to; `next` holds: one store. */
void ff_progress_move(struct ff_conn_line *line, struct ff_base next);

/* An answer of `n` octets is about to be sent in whole; `next` holds when it is out. */
void ff_progress_plan(struct ff_conn_line *line, struct ff_base next, uint32_t n, bool is_closing);

/* What was planned is out: one store. */
void ff_progress_commit(struct ff_conn_line *line);

#endif
