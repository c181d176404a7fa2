/* hub: the middle of the bus: passes frames from workers to workers by their headers.
 *
 * Runs in:  master. Its descriptors stand in the dispatcher's poller, under FF_HUB_TAG.
 * Blocks:   never.
 * Owns:     its ends of the pipes of every link, and what waits in them.
 *
 * A link is a worker's connection to the hub, four pipes: what it says (up), what it says in parts
 * (bulk: the hub stops reading it while a receiver is behind), what it is told (down), and the
 * answers that it waits for (replies: read by who asked, whatever its handlers do). The master has
 * a link without pipes: what is said to it waits until it is taken out. The hub believes a worker
 * nothing but what it says: who it is follows from the pipe.
 *
 * The bridge is a process with a link like a worker's, behind which other servers are. It is told
 * every publication but its own, which names are responded to here, and requests that nobody here
 * responds to. */
#ifndef FF_HUB_H
#define FF_HUB_H

#include "inbox.h"
#include "outbox.h"
#include "page.h"
#include "poller.h"
#include "record.h"

enum {
    FF_HUB_TAG = 5,
    FF_HUB_BRIDGE = FF_LANES_MAX, /* links of workers are numbered as their first lanes */
    FF_HUB_MASTER,
    FF_HUB_LINKS
};

/* A reader that has taken nothing for so long is not waited for. */
enum { FF_HUB_DEAF_MS = 1000 };

enum ff_hub_pipe { FF_HUB_UP, FF_HUB_BULK, FF_HUB_DOWN, FF_HUB_REPLIES, FF_HUB_PIPES };

struct ff_hub_in {
    int fd;       /* -1: none, or what came was no frame */
    bool is_held; /* a receiver is behind */
    struct ff_buffer bytes;
};

struct ff_hub_link {
    struct ff_hub_in in[2];      /* FF_HUB_UP, FF_HUB_BULK */
    struct ff_outbox out[2];     /* down, replies */
    bool is_dirty, is_polled[2]; /* something was added; the poller waits for room */
    uint16_t slot;
    uint32_t joined; /* the later, the higher */
    bool is_ready, is_candidate;
    struct ff_buffer patterns, names; /* each with its length before it */
    uint32_t working;                 /* requests that it has not answered */
    uint32_t bulk_to;                 /* id of the request whose parts it sends */
};

struct ff_hub_request {
    uint16_t from, to; /* links; FF_HUB_LINKS: gone */
    uint16_t round;
    uint32_t id, next_free; /* as the asking worker calls it */
};

struct ff_hub_route {
    uint32_t version; /* of the patterns it was made for */
    uint8_t size;
    char topic[FF_FRAME_TOPIC_MAX];
    uint64_t links[FF_HUB_LINKS / 64 + 1];
};

enum { FF_HUB_ROUTES = 256, FF_HUB_REQUESTS = 1 << 16 };

struct ff_hub {
    int poller;
    int64_t now_ms;
    size_t limit; /* octets that wait for one worker */
    enum ff_overflow policy;
    uint32_t links, joined; /* highest link but the master's, plus one; links made so far */
    struct ff_hub_link *link[FF_HUB_LINKS]; /* NULL: none */
    uint32_t version;
    uint32_t dirty, held; /* how many are */
    uint32_t turn;
    int leader;      /* link; -1: none */
    uint32_t across; /* publications that the bridge should have got */
    uint32_t requests, free_request;
    struct ff_hub_request *request;
    uint64_t passed;  /* messages that it passed on */
    uint64_t dropped; /* at links that are gone, or that nobody wanted */
    struct ff_hub_route route[FF_HUB_ROUTES];
};

/* 0 or -errno. `poller` is borrowed. Free accepts NULL. */
int ff_hub_open(int poller, struct ff_hub **out);
void ff_hub_free(struct ff_hub *h);

/* For the next image of this process: all links with what waits in them, and all requests that are
 * on their way; of the master's own link only its mail. Reading wants a new hub. */
void ff_hub_record(struct ff_hub *h, struct ff_record *r);

/* Makes link `i` for a worker of `slot`, after the last one there has left; gives the worker's
 * ends, which are the caller's: by enum ff_hub_pipe. 0 or -errno. */
int ff_hub_join(struct ff_hub *h, uint16_t i, uint16_t slot, int ends[FF_HUB_PIPES]);

/* The worker is gone: what it had said in full is passed on, who asked it is told. */
void ff_hub_leave(struct ff_hub *h, uint16_t i);

/* Something happened that has the tag FF_HUB_TAG. */
void ff_hub_event(struct ff_hub *h, const struct ff_poller_event *event);

/* The master says something: passed on at once. As ff_outbox_add. */
int ff_hub_say(struct ff_hub *h, struct ff_frame *frame, const void *topic, const void *part);

/* Writes what was added since, and goes on with what was held. */
void ff_hub_flush(struct ff_hub *h);

/* When to flush again although nothing happens; INT64_MAX: never. */
int64_t ff_hub_next(const struct ff_hub *h);

/* Whether something waits for the master. */
static inline bool ff_hub_has_mail(struct ff_hub *h)
{
    return ff_buffer_len(&h->link[FF_HUB_MASTER]->out[0].bytes) > 0;
}

/* Moves some of it to `in`, and goes on with what was held. 0 or -ENOMEM. */
int ff_hub_take(struct ff_hub *h, struct ff_inbox *in);

/* Messages that reached nobody, or not all, for want of room or of a reader. */
uint64_t ff_hub_dropped(const struct ff_hub *h);

#endif
