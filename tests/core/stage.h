/* stage: a dispatcher and its lanes in one process, with real sockets, so that every order of
 * events can be played. Freeing a lane leaves words and descriptors as SIGKILL does: that is how
 * a worker dies here. */
#ifndef FF_STAGE_H
#define FF_STAGE_H

#include "dispatcher.h"
#include "keeper.h"
#include "lane.h"
#include "recovery.h"

enum { STAGE_LANES = 4 };

struct stage {
    struct ff_dispatcher *d;
    int listener;
    uint16_t port;
    struct ff_lane *lane[STAGE_LANES];
    struct ff_conn *held[STAGE_LANES]; /* a request for /hold: the application does not come back */
    int answered[STAGE_LANES];
    int64_t wait_ms[FF_DEADLINE_CLASSES];
    enum ff_proxy_mode proxy; /* for lanes that sit down from now on; nobody is believed at first */
    struct ff_networks relays;
    uint32_t at_once;     /* for lanes that sit down from now on */
    uint64_t spool;       /* the same; 0 at first: bodies beyond 64 KiB are streamed */
    bool is_from_outside; /* what ends workers from now on; else their own doing */
};

/* Opens the dispatcher for `conns` connections and `lanes` ready lanes, each in a slot of its own.
 */
struct stage *stage_open(uint32_t conns, int lanes);
void stage_close(struct stage *s);

/* A worker takes its seat at `lane` (again), or dies. */
void stage_sit(struct stage *s, int lane);
int stage_kill(struct stage *s, int lane);

/* Lets all sides work until nothing has happened for a while, or once. Requests are answered with
 * the lane's number and the target: "0 /path"; a POST also with its body; /large with 900 KiB;
 * /hold not at all. */
void stage_run(struct stage *s);
void stage_step(struct stage *s);
void stage_run_master(struct stage *s);

/* Lets the application come back from /hold, and answer. */
void stage_finish(struct stage *s, int lane);

/* A client: connects; sends; runs the stage and reads what came (a static NUL-terminated text;
 * "" if nothing). */
int stage_connect(struct stage *s);
void stage_send(int client, const char *text);
const char *stage_read(struct stage *s, int client);
const char *stage_read_now(int client);

/* Has the server ended the connection? */
bool stage_is_ended(struct stage *s, int client);

#endif
