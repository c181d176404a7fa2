/* channel: hands connections from the dispatcher to one lane: descriptors with their ids and words.
 *
 * Runs in:  dispatcher (send side), lane (receive side).
 * Blocks:   never. -EAGAIN means "full" when sending, "empty" when receiving.
 * Owns:     nothing. Sending borrows the descriptors; receiving gives new ones, close-on-exec. */
#ifndef FF_CHANNEL_H
#define FF_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

/* 16 descriptors in one message cost 0.56 µs each, one alone 3.1 µs. */
enum { FF_CHANNEL_BATCH = 16 };

struct ff_deal {
    uint64_t word; /* the ownership word to claim from */
    uint32_t id;
    uint32_t replay; /* octets to go on with: block << 16 | number of them; 0: none */
};

/* Gives both ends of a new channel (SOCK_SEQPACKET: messages keep their borders). 0 or -errno. */
int ff_channel_open(int *send_end, int *receive_end);

/* Sends `n` (1..FF_CHANNEL_BATCH) deals with their descriptors in one message: all or none. 0;
 * -EAGAIN when the lane's queue is full or the user has too many descriptors in flight; -EPIPE
 * when no receiver is left. */
int ff_channel_send(int send_end, const struct ff_deal *deals, const int *fds, size_t n);

/* What a deal with id 0 and no descriptor says, in the place of its word. */
enum ff_notice {
    FF_NOTICE_PING, /* answer: count a beat and ring */
    FF_NOTICE_LEAVE /* give your connections back, finish what runs, and end */
};

/* Sends a notice. As ff_channel_send. */
int ff_channel_tell(int send_end, enum ff_notice notice);

/* Receives one message into arrays of FF_CHANNEL_BATCH. How many deals came; 0 when the sending
 * end is closed; -EAGAIN; -EPROTO for a message that is not ours (its descriptors are closed). A
 * descriptor that the kernel could not install (the process is out of them) is -1. */
int ff_channel_receive(int receive_end, struct ff_deal *deals, int *fds);

#endif
