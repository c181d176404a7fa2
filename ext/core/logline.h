/* logline: lines of a log, gathered and appended to a file that many processes write.
 *
 * Runs in:  a lane with its own one; the master with another.
 * Blocks:   only as a disk does. Never for the reader of a pipe, a terminal or a socket: what
 *           can't be written is lost, and counted.
 * Owns:     its buffer; the descriptor is borrowed.
 *
 * Lines of several writers never mix: a write holds whole lines only, and no more octets than the
 * kernel keeps together. After a torn write (the disk filled up in the middle) the next one
 * begins on a line of its own. */
#ifndef FF_LOGLINE_H
#define FF_LOGLINE_H

#include "buffer.h"

#include <stdint.h>

enum { FF_LOGLINE_GATHER = 16384 }; /* octets that wait at most */

/* How octets are shown that could end a line or a quoted text: \x0a or \u000a. */
enum ff_logline_style { FF_LOGLINE_TEXT, FF_LOGLINE_JSON };

struct ff_logline {
    int fd;
    bool is_file, is_socket;
    bool is_torn;   /* the last write ended inside a line */
    bool is_broken; /* no memory for the line that is being made */
    size_t begin;   /* where that line begins in `text` */
    struct ff_buffer text;
    uint64_t lost; /* lines, in all */
};

/* Looks what `fd` is. */
void ff_logline_open(struct ff_logline *log, int fd);

/* Forgets what is gathered, and gives the memory back. */
void ff_logline_close(struct ff_logline *log);

/* Add to the line: octets as they are; octets that somebody else chose; a number; microseconds as
 * seconds. */
void ff_logline_add(struct ff_logline *log, const char *octets, size_t n);
void ff_logline_escape(struct ff_logline *log, const char *octets, size_t n,
                       enum ff_logline_style style);
void ff_logline_number(struct ff_logline *log, uint64_t number);
void ff_logline_seconds(struct ff_logline *log, int64_t us);

/* Ends the line. It is written with those before it, now if there are many. */
void ff_logline_end(struct ff_logline *log);

/* Drops the line that is being made. */
void ff_logline_drop(struct ff_logline *log);

/* Writes what is gathered. */
void ff_logline_flush(struct ff_logline *log);

#endif
