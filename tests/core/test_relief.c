#include "check.h"
#include "stage.h"

#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* `n` connections that were answered once, dealt in turn. */
static void open_idle(struct stage *s, int *client, int n)
{
    for (int i = 0; i < n; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/"));
        if (i % 8 < 7 && i < n - 1)
            continue;
        for (int k = 0; k < STAGE_LANES; k++) /* full lanes, by a slow machine, would keep none */
            atomic_store(&s->d->page->lane[k].service_us, 0);
        stage_run(s);
    }
    for (int i = 0; i < n; i++)
        if (!strstr(stage_read_now(client[i]), "200 OK"))
            abort();
}

static void close_all(const int *client, int n)
{
    for (int i = 0; i < n; i++)
        close(client[i]);
}

/* A second lane, that could serve if it had room. */
static void open_full(struct stage *s)
{
    if (ff_dispatcher_lease(s->d, 1) != 1)
        abort();
    atomic_store(&s->d->page->lane[1].running, FF_WINDOW_MAX);
    ff_dispatcher_ready(s->d, 1);
}

TEST(idle_connections_of_a_busy_lane_are_served_by_another)
{
    struct stage *s = stage_open(64, 2);
    int client[10];
    open_idle(s, client, 10);
    stage_send(client[0], GET("/hold"));
    stage_run(s);
    CHECK(s->held[0] != NULL);
    s->d->busy_us = 1;
    for (int i = 2; i < 10; i += 2) { /* they were lane 0's */
        stage_send(client[i], GET("/moved"));
        CHECK(strstr(stage_read(s, client[i]), "1 /moved"));
    }
    CHECK(s->d->stats.taken >= 4);
    close_all(client, 10);
    stage_close(s);
}

TEST(hot_connections_spread_over_a_lane_that_came_later)
{
    struct stage *s = stage_open(64, 1);
    int client[12];
    open_idle(s, client, 12);
    CHECK(ff_dispatcher_lease(s->d, 1) == 1);
    stage_sit(s, 1);
    for (int round = 0; round < 40 && s->d->escrow.list[1].count < 4; round++) {
        for (int i = 0; i < 12; i++)
            stage_send(client[i], GET("/"));
        stage_run(s);
        for (int i = 0; i < 12; i++)
            CHECK(strstr(stage_read_now(client[i]), "200 OK"));
    }
    CHECK(s->d->escrow.list[0].count <= 8 && s->d->escrow.list[1].count >= 4);
    CHECK(s->answered[1] > 0);
    close_all(client, 12);
    stage_close(s);
}

TEST(a_busy_lane_keeps_what_it_has_while_no_other_could_serve_it)
{
    struct stage *s = stage_open(64, 1);
    int client[4];
    open_idle(s, client, 4);
    stage_send(client[0], GET("/hold"));
    stage_run(s);
    s->d->busy_us = 1;
    stage_run(s);
    CHECK(s->d->stats.taken == 0 && s->d->escrow.list[0].count == 4);
    CHECK(ff_keeper_next(s->d) > s->d->now_ms + 50); /* and nothing ticks for it */
    CHECK(ff_dispatcher_lease(s->d, 1) == 1);        /* a worker that has not loaded yet */
    stage_run(s);
    CHECK(s->d->stats.taken == 0);
    stage_sit(s, 1);
    stage_send(client[1], GET("/moved"));
    CHECK(strstr(stage_read(s, client[1]), "1 /moved"));
    CHECK(s->d->stats.taken == 3);
    close_all(client, 4);
    stage_close(s);
}

TEST(what_is_queued_behind_a_busy_lane_is_dealt_again)
{
    struct stage *s = stage_open(64, 2);
    int holder = stage_connect(s), client[2];
    stage_send(holder, GET("/hold"));
    stage_run(s);
    for (int i = 0; i < 2;
         i++) { /* the second one is lane 0's turn: it queues behind the request */
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/q"));
        stage_run(s);
    }
    s->d->busy_us = 1;
    for (int i = 0; i < 2; i++)
        CHECK(strstr(stage_read(s, client[i]), "1 /q"));
    CHECK(atomic_load(&s->d->page->lane[0].claimed) == s->d->lane[0]->dealt);
    close(holder);
    close_all(client, 2);
    stage_close(s);
}

TEST(a_busy_lane_gets_nothing_while_another_has_credit)
{
    struct stage *s = stage_open(64, 2);
    int holder = stage_connect(s);
    stage_send(holder, GET("/hold"));
    stage_run(s);
    s->d->busy_us = 1;
    for (int i = 0; i < 6; i++) {
        int client = stage_connect(s);
        stage_send(client, GET("/new"));
        CHECK(strstr(stage_read(s, client), "1 /new"));
        close(client);
    }
    CHECK(s->d->lane[0]->dealt_in_all == 1);
    close(holder);
    stage_close(s);
}

TEST(a_slow_lane_gets_one_and_the_next_waits_in_the_backlog)
{
    struct stage *s = stage_open(64, 1);
    int client[5], ready[FF_POLLER_BATCH];
    atomic_store(&s->d->page->lane[0].service_us, 50000);
    for (int i = 0; i < 5; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/"));
    }
    ff_dispatcher_wait(s->d, 0, ready);
    CHECK(s->d->stats.accepted == 1 && !s->d->is_listening);
    stage_run(s); /* each finish rings */
    CHECK(s->answered[0] == 5);
    close_all(client, 5);
    stage_close(s);
}

TEST(new_connections_are_accepted_although_others_always_wait)
{
    struct stage *s = stage_open(64, 1);
    int client[8], newcomer;
    open_idle(s, client, 8);
    atomic_store(&s->d->page->lane[0].service_us, 50000);
    ff_lane_leave(s->lane[0]);
    ff_lane_wait(s->lane[0]); /* its connections go to the master, and a new worker sits down */
    stage_kill(s, 0);
    stage_sit(s, 0);
    atomic_store(&s->d->page->lane[0].service_us, 50000);
    for (int i = 0; i < 8; i++)
        stage_send(client[i], GET("/again"));
    newcomer = stage_connect(s);
    stage_send(newcomer, GET("/new"));
    for (int i = 0; i < 8 && s->d->stats.accepted == 8; i++)
        stage_step(s);
    CHECK(s->d->stats.accepted == 9 && s->d->escrow.list[FF_LIST_WAITING].count > 2);
    close(newcomer);
    close_all(client, 8);
    stage_close(s);
}

TEST(a_lane_that_claims_nothing_loses_everything_until_it_answers_a_ping)
{
    struct stage *s = stage_open(64, 2);
    int idle[2], client[8], ready[FF_POLLER_BATCH];
    open_idle(s, idle, 2);
    struct ff_lane *stopped = s->lane[0];
    s->lane[0] = NULL; /* as by SIGSTOP */
    s->d->stuck_us = 1000;
    for (int i = 0; i < 8; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/s"));
    }
    for (int i = 0; i < 8; i++)
        CHECK(strstr(stage_read(s, client[i]), "1 /s"));
    stage_send(idle[0], GET("/idle"));
    CHECK(strstr(stage_read(s, idle[0]), "1 /idle"));
    CHECK(s->d->lane[0]->is_stuck && s->d->escrow.list[0].count == 0);
    s->lane[0] = stopped; /* SIGCONT: it finds stale events and a ping */
    s->d->stuck_us = 60000000;
    stage_run(s);
    ff_dispatcher_wait(s->d, 0, ready);
    CHECK(s->answered[0] == 1); /* nothing stale was claimed */
    for (int i = 0; i < 4; i++) {
        stage_send(client[i], GET("/back"));
        close(client[i]);
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/back"));
        CHECK(strstr(stage_read(s, client[i]), "/back"));
    }
    CHECK(!s->d->lane[0]->is_stuck && s->answered[0] > 1);
    close_all(idle, 2);
    close_all(client, 8);
    stage_close(s);
}

TEST(connections_that_linger_are_parked_and_come_back_with_their_next_request)
{
    struct stage *s = stage_open(64, 2);
    int client[6];
    s->lane[0]->deadlines.after_ms[FF_WAIT_PARK] = s->lane[1]->deadlines.after_ms[FF_WAIT_PARK] = 1;
    open_idle(s, client, 6);
    for (int i = 0; i < 2; i++)
        ff_lane_wait(s->lane[i]); /* the deadlines are past */
    stage_run(s);
    CHECK(s->d->escrow.list[FF_LIST_PARKED].count == 6);
    CHECK(atomic_load(&s->lane[0]->line->connections) == 0);
    for (int i = 0; i < 6; i++) {
        stage_send(client[i], GET("/p"));
        CHECK(strstr(stage_read(s, client[i]), "/p"));
    }
    close_all(client, 6);
    stage_close(s);
}

TEST(a_pass_takes_back_a_bounded_number)
{
    struct stage *s = stage_open(512, 1);
    enum { N = 300 };
    int client[N];
    open_idle(s, client, N);
    CHECK(s->d->escrow.list[0].count > FF_RELIEF_MAX);
    open_full(s);
    atomic_store(&s->lane[0]->line->busy_since_us, 1);
    s->d->busy_us = 1;
    ff_dispatcher_tick(s->d);
    ff_keeper_relieve(s->d);
    CHECK(s->d->stats.taken == FF_RELIEF_MAX);
    ff_keeper_relieve(s->d);
    ff_keeper_relieve(s->d);
    CHECK(s->d->escrow.list[0].count == 0 && s->d->escrow.list[FF_LIST_PARKED].count == N);
    close_all(client, N);
    stage_close(s);
}

TEST(a_stuck_lane_is_asked_again_when_what_was_asked_is_taken_out_of_its_channel)
{
    struct stage *s = stage_open(512, 1);
    enum { N = 200 };
    int client[N], other;
    open_idle(s, client, N);
    struct ff_lane *stopped = s->lane[0];
    s->lane[0] = NULL;
    s->d->stuck_us = 1000;
    other = stage_connect(s);
    stage_send(other, GET("/s"));
    stage_run(s); /* more than one pass: the second one empties the channel again */
    CHECK(s->d->lane[0]->is_stuck && s->d->escrow.list[0].count == 0);
    s->lane[0] = stopped;
    s->d->stuck_us = 60000000;
    CHECK(strstr(stage_read(s, other), "0 /s"));
    close_all(client, N);
    close(other);
    stage_close(s);
}

TEST(nothing_ticks_when_nothing_could_be_taken_back)
{
    struct stage *s = stage_open(8, 1);
    CHECK(ff_keeper_next(s->d) == INT64_MAX);
    int client = stage_connect(s);
    stage_send(client, GET("/hold"));
    stage_run(s);
    CHECK(ff_keeper_next(s->d) > s->d->now_ms + 50); /* only the running one */
    close(client);
    stage_close(s);
}

/* Two connections at lane 0: a request that does not come back, and `first`, a part of one. */
static int open_half(struct stage *s, int *holder, const char *first)
{
    int client = stage_connect(s);
    stage_send(client, first);
    stage_run(s);
    *holder = stage_connect(s);
    s->d->cursor = 0;
    stage_send(*holder, GET("/hold"));
    stage_run(s);
    if (!s->held[0] || s->d->escrow.list[0].count != 2)
        abort();
    s->d->busy_us = 1;
    return client;
}

TEST(half_a_request_at_a_busy_lane_is_completed_by_another)
{
    static const char *const firsts[] = {
        "G", "GET /half HT", "GET /half HTTP/1.1\r\nHost: x\r\n",
        "POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"};
    static const char *const rests[] = {"ET /half HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "TP/1.1\r\nHost: x\r\n\r\n", "\r\n", "cd"};
    int ready[FF_POLLER_BATCH];
    for (int i = 0; i < 4; i++) {
        struct stage *s = stage_open(8, 2);
        int holder, client = open_half(s, &holder, firsts[i]);
        ff_dispatcher_wait(s->d, 0, ready);
        CHECK(s->d->escrow.list[FF_LIST_HALF].count == 1 && s->d->escrow.list[0].count == 1);
        stage_send(client, rests[i]);
        CHECK(strstr(stage_read(s, client), i < 3 ? "1 /half" : "1 /half abcd"));
        stage_send(client, GET("/next"));
        CHECK(strstr(stage_read(s, client), "1 /next"));
        stage_finish(s, 0); /* it finds that it has lost the other one */
        stage_run(s);
        CHECK(strstr(stage_read_now(holder), "0 /hold"));
        close(client);
        close(holder);
        stage_close(s);
    }
}

TEST(a_head_that_dribbles_from_lane_to_lane_has_one_time_out)
{
    int ready[FF_POLLER_BATCH];
    struct stage *s = stage_open(8, 2);
    int holder, client = open_half(s, &holder, "GET /half HT");
    ff_dispatcher_wait(s->d, 0, ready);
    CHECK(s->d->escrow.list[FF_LIST_HALF].count == 1);
    stage_send(client, "TP/1.1\r\n");
    CHECK(stage_read(s, client)[0] == '\0' && s->lane[1]->conn[1]);
    s->d->page->conn[1].head_at = (uint16_t)(s->d->page->conn[1].head_at - 610); /* of 60 s */
    stage_send(client, "X");
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 408 "));
    stage_finish(s, 0);
    stage_run(s);
    close(client);
    close(holder);
    stage_close(s);
}

TEST(half_a_request_that_was_taken_back_ends_in_time)
{
    struct stage *s = stage_open(8, 2);
    int holder, client = open_half(s, &holder, "GET / HTTP/1.1\r\n");
    s->d->half_ms = 1;
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 408 "));
    close(client);
    close(holder);
    stage_close(s);
}

TEST(half_a_request_is_not_taken_back_for_ever)
{
    struct stage *s = stage_open(8, 1);
    int holder, client = open_half(s, &holder, "GET /slow HTTP/1.1\r\nHost: x\r\n");
    open_full(s);
    int ready[FF_POLLER_BATCH];
    uint64_t taken = 0;
    for (int i = 0; i < 20; i++) {
        ff_dispatcher_wait(s->d, 0, ready);
        stage_finish(s, 0);
        CHECK(strstr(stage_read(s, holder), "0 /hold"));
        stage_send(client, "A: b\r\n");
        stage_run(s);
        CHECK(s->d->stats.taken - taken <= 2);
        taken = s->d->stats.taken;
        stage_send(holder, GET("/hold"));
        stage_run(s);
        CHECK(s->held[0]);
    }
    stage_finish(s, 0);
    stage_send(client, "\r\n");
    CHECK(strstr(stage_read(s, client), "0 /slow"));
    CHECK(s->d->escrow.entry[1].moves == 8);
    close(client);
    close(holder);
    stage_close(s);
}

TEST(a_stale_copy_of_a_connection_is_no_copy_of_the_next_one_with_its_id)
{
    struct stage *s = stage_open(1, 2); /* there is one id */
    struct ff_lane *stopped = s->lane[0];
    int ready[FF_POLLER_BATCH], first = stage_connect(s), second;
    stage_send(first, GET("/1"));
    CHECK(strstr(stage_read(s, first), "0 /1")); /* lane 0 has a copy, in its poller */
    s->lane[0] = NULL;
    CHECK(ff_escrow_take(&s->d->escrow, 1, 0, FF_IDLE));
    ff_keeper_park(s->d, 1);
    close(first);
    stage_run(s);
    CHECK(s->d->escrow.list[FF_LIST_FREE].count == 1);
    second = stage_connect(s);
    stage_send(second, GET("/2"));
    CHECK(strstr(stage_read(s, second), "1 /2"));
    s->lane[0] =
        stopped; /* it finds that its copy has ended, and reads a page that speaks of another */
    stage_run(s);
    ff_dispatcher_wait(s->d, 0, ready);
    stage_send(second, GET("/3"));
    CHECK(strstr(stage_read(s, second), "1 /3"));
    CHECK(atomic_load(&stopped->line->connections) == 0 && s->d->stats.closed == 1);
    close(second);
    stage_close(s);
}

TEST(a_lane_whose_channel_is_full_can_be_told_to_leave)
{
    struct stage *s = stage_open(64, 2);
    struct ff_lane *stopped = s->lane[0];
    int client[4];
    s->lane[0] = NULL;
    for (int i = 0; i < 4; i++) { /* two of them are for the lane that is stopped */
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/q"));
        stage_run(s);
    }
    while (ff_channel_tell(s->d->lane[0]->send_end, FF_NOTICE_PING) == 0)
        continue;
    ff_dispatcher_leave(s->d, 0);
    for (int i = 0; i < 4; i++)
        CHECK(strstr(stage_read(s, client[i]), "1 /q") || i % 2 == 1);
    CHECK(s->answered[1] == 4);
    s->lane[0] = stopped;
    while (ff_lane_wait(stopped) == 0)
        CHECK(ff_lane_next(stopped, &(struct ff_conn *){0}) == FF_LANE_NOTHING);
    CHECK(stopped->mode == FF_LANE_LEAVING && s->d->escrow.list[0].count == 0);
    close_all(client, 4);
    stage_close(s);
}

TEST(a_lane_of_which_nothing_is_heard_is_asked_and_loses_all_when_it_does_not_answer)
{
    struct stage *s = stage_open(8, 2);
    struct ff_lane *stopped = s->lane[0];
    int client = stage_connect(s), ready[FF_POLLER_BATCH];
    stage_send(client, "GET /half HTTP/1.1\r\n");
    stage_run(s);
    s->d->quiet_us = 1;
    stage_run(s);
    CHECK(atomic_load(&stopped->line->beats) > 0 && s->d->escrow.list[0].count == 1);
    s->lane[0] = NULL; /* as by SIGSTOP, and nobody says anything */
    s->d->stuck_us = 1000;
    for (int i = 0; i < 100 && s->d->escrow.list[0].count > 0; i++)
        ff_dispatcher_wait(s->d, 10, ready);
    CHECK(s->d->escrow.list[FF_LIST_HALF].count == 1);
    stage_send(client, "Host: x\r\n\r\n");
    CHECK(strstr(stage_read(s, client), "1 /half"));
    s->lane[0] = stopped;
    close(client);
    stage_close(s);
}
