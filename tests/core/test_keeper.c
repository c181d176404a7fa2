#include "check.h"
#include "stage.h"
#include "tenure.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

TEST(what_was_queued_for_a_dead_worker_goes_to_another)
{
    struct stage *s = stage_open(64, 2);
    int client[10];
    for (int i = 0; i < 10; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/q"));
    }
    stage_run_master(s);
    CHECK(stage_kill(s, 0) == 0);
    for (int i = 0; i < 10; i++)
        CHECK(strstr(stage_read(s, client[i]), "1 /q"));
    for (int i = 0; i < 10; i++)
        close(client[i]);
    stage_close(s);
}

TEST(who_asks_once_and_then_is_quiet_seldom_speaks)
{
    CHECK(ff_keeper_is_rare(1, FF_RARE_MS));
    CHECK(!ff_keeper_is_rare(1, FF_RARE_MS - 1)); /* it may be about to go on */
    CHECK(!ff_keeper_is_rare(2, FF_RARE_MS));     /* it speaks in bursts */
    CHECK(!ff_keeper_is_rare(0, FF_RARE_MS));     /* nothing is known */
}

TEST(who_seldom_speaks_is_parked_with_its_answer_until_it_speaks_often)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    struct ff_escrow_entry *entry = &s->d->escrow.entry[1];
    stage_send(client, GET("/1"));
    CHECK(strstr(stage_read(s, client), "0 /1"));
    ff_keeper_clear(s->d, 0); /* as if it had been quiet */
    CHECK(entry->list == FF_LIST_PARKED);
    entry->since_ms -= FF_RARE_MS;
    stage_send(client, GET("/2"));
    CHECK(strstr(stage_read(s, client), "0 /2"));
    CHECK(entry->list == FF_LIST_PARKED);
    entry->since_ms = s->d->now_ms + 60000; /* just now, however slow this machine is */
    stage_send(client, GET("/3"));
    CHECK(strstr(stage_read(s, client), "0 /3"));
    CHECK(entry->list == 0);
    close(client);
    stage_close(s);
}

TEST(who_gave_something_back_rings_before_it_waits)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    struct pollfd bell = {.fd = s->d->bell, .events = POLLIN};
    stage_send(client, GET("/1"));
    CHECK(strstr(stage_read(s, client), "0 /1"));
    ff_tenure_wake(s->lane[0], s->lane[0]->conn[1]);
    ff_tenure_give_back(s->lane[0], s->lane[0]->conn[1]);
    CHECK(poll(&bell, 1, 0) == 0);
    CHECK(ff_lane_poll(s->lane[0]) == 0 && poll(&bell, 1, 0) == 1);
    stage_run(s);
    CHECK(s->d->escrow.entry[1].list == FF_LIST_PARKED);
    close(client);
    stage_close(s);
}

TEST(with_no_other_worker_it_waits_for_the_replacement)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, GET("/w"));
    stage_run_master(s);
    CHECK(stage_kill(s, 0) == 0);
    stage_run(s);
    CHECK(s->d->escrow.list[FF_LIST_WAITING].count == 1);
    stage_sit(s, 0);
    CHECK(strstr(stage_read(s, client), "0 /w"));
    close(client);
    stage_close(s);
}

TEST(idle_connections_survive_the_death_of_their_worker)
{
    struct stage *s = stage_open(64, 2);
    int client[20];
    for (int i = 0; i < 20; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/1"));
        CHECK(strstr(stage_read(s, client[i]), "200 OK"));
    }
    CHECK(stage_kill(s, 1) == 0);
    CHECK(s->d->escrow.list[FF_LIST_PARKED].count == 10);
    for (int i = 0; i < 20; i++) {
        stage_send(client[i], GET("/2"));
        CHECK(strstr(stage_read(s, client[i]), "0 /2"));
    }
    for (int i = 0; i < 20; i++)
        close(client[i]);
    stage_close(s);
}

TEST(a_running_request_is_dealt_again_when_its_worker_dies)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/hold"));
    stage_run(s);
    CHECK(s->held[0] != NULL);
    CHECK(stage_kill(s, 0) == 0);
    stage_run(s);
    CHECK(s->held[1] != NULL && s->d->stats.replayed == 1);
    close(client);
    stage_close(s);
}

TEST(what_was_closed_but_not_told_is_found_by_its_word)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    /* the lane answers and closes, the list of returns is lost, as if it died between the stores */
    struct ff_conn *c;
    stage_run_master(s);
    CHECK(ff_lane_wait(s->lane[0]) == 0 && ff_lane_next(s->lane[0], &c) == 1);
    ff_word_set(&s->d->page->conn[1], ff_word_with(c->word, FF_CLOSED));
    CHECK(stage_kill(s, 0) == 0);
    CHECK(s->d->escrow.list[0].count == 0 && s->d->stats.closed == 1);
    close(client);
    stage_close(s);
}

TEST(garbage_in_the_page_costs_no_foreign_connection)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/"));
    CHECK(strstr(stage_read(s, client), "0 /"));
    atomic_store(&s->d->page->lane[1].returned,
                 1); /* lane 1 claims to have closed lane 0's connection */
    atomic_store(&s->d->page->conn[1].next_returned, 0xffffffff);
    ff_keeper_collect(s->d);
    atomic_store(&s->d->page->lane[1].returned, 7);
    atomic_store(&s->d->page->conn[7].next_returned, 7); /* a loop */
    ff_keeper_collect(s->d);
    stage_send(client, GET("/still"));
    CHECK(strstr(stage_read(s, client), "0 /still"));
    close(client);
    stage_close(s);
}

TEST(a_stale_copy_in_the_channel_can_never_be_claimed)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/s"));
    stage_run_master(s);
    CHECK(ff_escrow_take(&s->d->escrow, 1, 0,
                         FF_QUEUED)); /* taken back while the message is on its way */
    ff_escrow_move(&s->d->escrow, 1, FF_LIST_WAITING, 0);
    s->d->cursor = 1;
    CHECK(strstr(stage_read(s, client), "1 /s"));
    CHECK(s->answered[0] == 0 && s->lane[0]->conn[1] == NULL);
    close(client);
    stage_close(s);
}

TEST(a_parked_client_that_leaves_is_closed)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, GET("/"));
    stage_read(s, client);
    stage_kill(s, 0);
    CHECK(s->d->escrow.list[FF_LIST_PARKED].count == 1);
    close(client);
    stage_run(s);
    CHECK(s->d->escrow.list[FF_LIST_PARKED].count == 0 && s->d->stats.closed == 1);
    stage_close(s);
}

TEST(parked_and_lingering_connections_end_in_time)
{
    struct stage *s = stage_open(8, 1);
    int parked = stage_connect(s), lingering = stage_connect(s);
    stage_send(parked, GET("/"));
    stage_read(s, parked);
    stage_send(lingering, "nonsense\r\n\r\n");
    stage_read(s, lingering);
    stage_kill(s, 0);
    CHECK(s->d->escrow.list[FF_LIST_PARKED].count == 1 &&
          s->d->escrow.list[FF_LIST_LINGER].count == 1);
    CHECK(ff_keeper_next(s->d) <= s->d->now_ms + FF_LINGER_MS);
    s->d->now_ms += FF_LINGER_MS;
    ff_keeper_expire(s->d);
    CHECK(s->d->escrow.list[FF_LIST_LINGER].count == 0);
    s->d->now_ms += 75000;
    ff_keeper_expire(s->d);
    CHECK(s->d->escrow.list[FF_LIST_PARKED].count == 0);
    CHECK(ff_keeper_next(s->d) == INT64_MAX);
    close(parked), close(lingering);
    stage_close(s);
}

TEST(a_lingering_client_that_talks_on_is_cut_at_the_bound)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    static char noise[4096];
    stage_send(client, "nonsense\r\n\r\n");
    stage_read(s, client);
    for (int i = 0; i < 200 && s->d->stats.closed == 0; i++) {
        if (send(client, noise, sizeof(noise), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            break;
        stage_run_master(s);
    }
    stage_run_master(s);
    CHECK(s->d->stats.closed == 1);
    close(client);
    stage_close(s);
}

TEST(a_death_among_many_connections_is_recovered_in_parts)
{
    enum { N = 100 };
    struct stage *s = stage_open(256, 2);
    int client[N], late;
    for (int i = 0; i < N; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/"));
        CHECK(strstr(stage_read(s, client[i]), "200 OK"));
    }
    for (int i = 0; i < N; i += 4) /* closed, and the master has not heard of it */
        close(client[i]), client[i] = -1;
    CHECK(ff_lane_wait(s->lane[0]) == 0 && ff_lane_next(s->lane[0], &(struct ff_conn *){0}) == 0);
    late = stage_connect(s);
    stage_send(late, GET("/late"));
    s->d->part_us = 0; /* one at a time */
    CHECK(stage_kill(s, 0) == 0);
    CHECK(s->d->stats.accepted == N + 1); /* the master went on in between */
    CHECK(s->d->escrow.list[0].count == 0 && s->d->stats.closed >= N / 4);
    for (int i = 0; i < N; i++) {
        if (client[i] < 0)
            continue;
        stage_send(client[i], GET("/again"));
        CHECK(strstr(stage_read(s, client[i]), "1 /again"));
        close(client[i]);
    }
    CHECK(strstr(stage_read_now(late), "1 /late"));
    close(late);
    stage_close(s);
}
