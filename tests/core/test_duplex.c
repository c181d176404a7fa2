#include "check.h"
#include "clock.h"
#include "duplex.h"
#include "exchange.h"
#include "stage.h"
#include "tenure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(length) "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " length "\r\n\r\n"

static void must(bool fact)
{
    if (!fact)
        abort();
}

/* One lane that runs many requests at once; bodies of more than 16 octets are streamed. */
static struct stage *open_stage(void)
{
    struct stage *s = stage_open(32, 0);
    s->at_once = s->d->at_once = 8;
    must(ff_dispatcher_lease(s->d, 0) == 0);
    stage_sit(s, 0);
    s->lane[0]->config.limits.body_buffer = s->lane[0]->config.limits.chunked_buffer = 16;
    return s;
}

/* Lets the master and the lane look once; what the lane has then. */
static enum ff_lane_found next(struct stage *s, struct ff_conn **c)
{
    for (int i = 0; i < 20; i++) {
        enum ff_lane_found found = ff_lane_next(s->lane[0], c);
        if (found)
            return found;
        stage_run_master(s);
        must(ff_lane_poll(s->lane[0]) == 0);
    }
    return FF_LANE_NOTHING;
}

static struct ff_conn *request(struct stage *s, int *client, const char *text)
{
    struct ff_conn *c = NULL;
    *client = stage_connect(s);
    stage_send(*client, text);
    must(next(s, &c) == FF_LANE_REQUEST);
    return c;
}

static void begin_answer(struct stage *s, struct ff_conn *c, int64_t length)
{
    struct ff_work *w = c->work;
    must(ff_http_response_start(&w->response, &w->out, &w->request,
                                ff_exchange_keeps_alive(s->lane[0], c), "200 OK", 6) == 0);
    must(ff_http_response_end_head(&w->response, length, ff_tenure_date(s->lane[0])) == 0);
}

static void answer(struct stage *s, struct ff_conn *c, const char *text)
{
    begin_answer(s, c, (int64_t)strlen(text));
    must(ff_duplex_write(s->lane[0], c, text, strlen(text), true) == 0);
    must(ff_exchange_finish(s->lane[0], c) == 0);
}

static uint8_t news_of(struct ff_conn *c)
{
    uint8_t news = c->work->news;
    c->work->news = 0;
    return news;
}

TEST(requests_run_beside_each_other_and_end_in_any_order)
{
    struct stage *s = open_stage();
    int client[3];
    struct ff_conn *c[3];
    for (int i = 0; i < 3; i++)
        c[i] = request(s, &client[i], GET("/"));
    CHECK(atomic_load(&s->lane[0]->line->running) == 3);
    CHECK(atomic_load(&s->lane[0]->line->busy_since_us) == 0);
    answer(s, c[1], "second");
    CHECK(strstr(stage_read_now(client[1]), "second"));
    answer(s, c[2], "third");
    answer(s, c[0], "first");
    CHECK(strstr(stage_read_now(client[0]), "first") && strstr(stage_read_now(client[2]), "third"));
    CHECK(atomic_load(&s->lane[0]->line->running) == 0 && s->lane[0]->busy == 0);
    for (int i = 0; i < 3; i++)
        close(client[i]);
    stage_close(s);
}

TEST(no_more_is_dealt_than_the_lane_has_places)
{
    struct stage *s = open_stage();
    int client[9];
    struct ff_conn *c[9];
    for (int i = 0; i < 8; i++)
        c[i] = request(s, &client[i], GET("/"));
    client[8] = stage_connect(s);
    stage_send(client[8], GET("/"));
    CHECK(next(s, &c[8]) == FF_LANE_NOTHING && s->d->is_full);
    answer(s, c[3], "done");
    CHECK(next(s, &c[8]) == FF_LANE_REQUEST);
    for (int i = 0; i < 9; i++)
        close(client[i]);
    stage_close(s);
}

TEST(what_comes_during_a_request_wakes_nobody_and_is_not_lost)
{
    struct stage *s = open_stage();
    int client;
    struct ff_conn *c = request(s, &client, GET("/1")), *other;
    stage_send(client, GET("/2"));
    CHECK(next(s, &other) == FF_LANE_NOTHING && c->watched == 0);
    answer(s, c, "one");
    CHECK(next(s, &c) == FF_LANE_REQUEST);
    answer(s, c, "two");
    CHECK(strstr(stage_read_now(client), "two"));
    close(client);
    stage_close(s);
}

TEST(pipelined_requests_are_listed_when_the_one_before_ends)
{
    struct stage *s = open_stage();
    int client;
    struct ff_conn *c = request(s, &client, GET("/1") GET("/2"));
    answer(s, c, "one");
    CHECK(s->lane[0]->again == c);
    CHECK(ff_lane_next(s->lane[0], &c) == FF_LANE_REQUEST && s->lane[0]->again == NULL);
    answer(s, c, "two");
    close(client);
    stage_close(s);
}

TEST(content_is_asked_for_and_told)
{
    struct stage *s = open_stage();
    struct ff_lane *lane = s->lane[0];
    char text[64];
    int client;
    struct ff_conn *c = request(s, &client, POST("32") "0123456789"), *told = NULL;
    CHECK(ff_exchange_read(lane, c, text, sizeof(text)) == 10);
    CHECK(ff_duplex_want_input(lane, c) == 0);
    CHECK(next(s, &told) == FF_LANE_NOTHING);
    stage_send(client, "abcdefghijklmnopqrstuv");
    CHECK(next(s, &told) == FF_LANE_NEWS && told == c && news_of(c) == FF_NEWS_INPUT);
    CHECK(ff_exchange_read(lane, c, text, sizeof(text)) == 22 && memcmp(text, "abc", 3) == 0);
    CHECK(ff_conn_has_whole_body(c));
    answer(s, c, "ok");
    close(client);
    stage_close(s);
}

TEST(content_that_ends_too_early_or_is_broken_is_told_as_trouble)
{
    static const struct {
        const char *more;
        int trouble;
    } table[] = {{"", -ECONNRESET}, {"zz\r\n", -EPROTO}};
    for (size_t i = 0; i < 2; i++) {
        struct stage *s = open_stage();
        int client;
        struct ff_conn *c = request(
                           s, &client,
                           "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "20\r\n0123456789abcdef0123456789abcdef\r\n"),
                       *told = NULL;
        char text[64];
        CHECK(ff_exchange_read(s->lane[0], c, text, sizeof(text)) == 32);
        CHECK(ff_duplex_want_input(s->lane[0], c) == 0);
        stage_send(client, table[i].more);
        if (!*table[i].more)
            shutdown(client, SHUT_WR);
        CHECK(next(s, &told) == FF_LANE_NEWS && news_of(c) == FF_NEWS_INPUT);
        CHECK(c->work->trouble == table[i].trouble);
        CHECK(ff_duplex_want_input(s->lane[0], c) == table[i].trouble);
        ff_exchange_abort(s->lane[0], c, 400);
        CHECK(strstr(stage_read_now(client), " 400 "));
        close(client);
        stage_close(s);
    }
}

TEST(a_client_that_sends_no_more_of_a_body_is_given_up)
{
    struct stage *s = open_stage();
    struct ff_lane *lane = s->lane[0];
    char text[64];
    int client;
    struct ff_conn *c = request(s, &client, POST("32") "0123456789"), *told = NULL;
    CHECK(ff_exchange_read(lane, c, text, sizeof(text)) == 10);
    CHECK(ff_duplex_want_input(lane, c) == 0 && ff_lane_due_ms(lane) <= 60001);
    lane->now_ms += 60001;
    ff_duplex_expire(lane, c);
    CHECK(ff_lane_next(lane, &told) == FF_LANE_NEWS && c->work->trouble == -ETIMEDOUT);
    ff_exchange_abort(lane, c, 408);
    CHECK(strstr(stage_read_now(client), " 408 "));
    close(client);
    stage_close(s);
}

TEST(the_end_of_a_client_is_told_to_who_asked)
{
    struct stage *s = open_stage();
    int client;
    struct ff_conn *c = request(s, &client, GET("/")), *told = NULL;
    CHECK(ff_duplex_want_end(s->lane[0], c) == 0);
    stage_send(client, GET("/more")); /* that is no end */
    CHECK(next(s, &told) == FF_LANE_NOTHING);
    shutdown(client, SHUT_WR);
    CHECK(next(s, &told) == FF_LANE_NEWS && told == c && news_of(c) == FF_NEWS_END);
    answer(s, c, "still heard");
    CHECK(strstr(stage_read_now(client), "still heard"));
    close(client);
    stage_close(s);
}

TEST(a_slow_reader_makes_the_writer_wait_until_there_is_room)
{
    struct stage *s = open_stage();
    struct ff_lane *lane = s->lane[0];
    static char part[256 * 1024];
    size_t all = 0, got = 0;
    int client;
    struct ff_conn *c = request(s, &client, GET("/")), *told = NULL;
    begin_answer(s, c, -1);
    do
        all += ff_duplex_write(lane, c, part, sizeof(part), false) == 0 ? sizeof(part) : 1u << 30;
    while (ff_duplex_want_room(lane, c) == 1 && all < 64u << 20);
    CHECK(ff_buffer_len(&c->work->out) <= sizeof(part) + FF_DUPLEX_HIGH);
    CHECK(c->watched == FF_POLL_OUT && next(s, &told) == FF_LANE_NOTHING);
    while (!told && got < all) {
        got += (size_t)recv(client, part, sizeof(part), 0);
        if (next(s, &told) != FF_LANE_NEWS)
            told = NULL;
    }
    CHECK(told == c && news_of(c) == FF_NEWS_ROOM && ff_duplex_want_room(lane, c) == 1);
    ff_exchange_abort(lane, c, 500);
    close(client);
    stage_close(s);
}

TEST(a_reader_that_stops_is_given_up)
{
    struct stage *s = open_stage();
    struct ff_lane *lane = s->lane[0];
    static char part[256 * 1024];
    int client;
    struct ff_conn *c = request(s, &client, GET("/")), *told = NULL;
    begin_answer(s, c, -1);
    while (ff_duplex_want_room(lane, c) == 1)
        CHECK(ff_duplex_write(lane, c, part, sizeof(part), false) == 0);
    lane->now_ms += 60001;
    ff_duplex_expire(lane, c);
    CHECK(ff_lane_next(lane, &told) == FF_LANE_NEWS && c->work->trouble == -ETIMEDOUT);
    CHECK(ff_duplex_write(lane, c, part, 1, false) == -ETIMEDOUT);
    CHECK(ff_buffer_len(&c->work->out) == 0);
    ff_exchange_abort(lane, c, 500);
    close(client);
    stage_close(s);
}

TEST(a_request_that_ends_has_no_news_any_more)
{
    struct stage *s = open_stage();
    int client;
    struct ff_conn *c = request(s, &client, GET("/")), *told = NULL;
    CHECK(ff_duplex_want_end(s->lane[0], c) == 0);
    shutdown(client, SHUT_WR);
    stage_run_master(s);
    CHECK(ff_lane_poll(s->lane[0]) == 0);
    ff_duplex_event(s->lane[0], c, FF_POLL_HUP);
    CHECK(s->lane[0]->again == c);
    answer(s, c, "ok");
    CHECK(s->lane[0]->again == NULL && next(s, &told) == FF_LANE_NOTHING);
    close(client);
    stage_close(s);
}

TEST(a_tunnel_passes_octets_both_ways_until_it_is_closed)
{
    struct stage *s = open_stage();
    struct ff_lane *lane = s->lane[0];
    char text[64];
    int client;
    struct ff_conn *c = request(s, &client, GET("/") "early"), *told = NULL;
    CHECK(ff_duplex_tunnel(lane, c) == 0);
    CHECK(ff_duplex_push(lane, c, "hello", 5) == 0);
    CHECK(strcmp(stage_read_now(client), "hello") == 0);
    CHECK(ff_exchange_read(lane, c, text, sizeof(text)) == 5 && memcmp(text, "early", 5) == 0);
    CHECK(ff_duplex_want_input(lane, c) == 0);
    stage_send(client, "late");
    CHECK(next(s, &told) == FF_LANE_NEWS && news_of(c) == FF_NEWS_INPUT);
    CHECK(ff_exchange_read(lane, c, text, sizeof(text)) == 4 && memcmp(text, "late", 4) == 0);
    CHECK(ff_duplex_want_input(lane, c) == 0);
    shutdown(client, SHUT_WR);
    CHECK(next(s, &told) == FF_LANE_NEWS && news_of(c) == FF_NEWS_INPUT);
    CHECK(c->work->body_len == 0 && c->is_ended);
    CHECK(ff_duplex_push(lane, c, "bye", 3) == 0);
    ff_duplex_close(lane, c);
    CHECK(strcmp(stage_read_now(client), "bye") == 0 && stage_is_ended(s, client));
    close(client);
    stage_close(s);
}

TEST(who_wants_more_at_once_costs_no_call_and_who_does_not_is_not_woken_again)
{
    struct stage *s = open_stage();
    struct ff_lane *lane = s->lane[0];
    char text[64];
    int client;
    struct ff_conn *c = request(s, &client, GET("/")), *told = NULL;
    CHECK(ff_duplex_tunnel(lane, c) == 0 && ff_duplex_want_input(lane, c) == 0);
    stage_send(client, "one");
    CHECK(next(s, &told) == FF_LANE_NEWS && news_of(c) == FF_NEWS_INPUT);
    CHECK(c->watched == FF_POLL_IN); /* as before: the poller was not told anything */
    CHECK(ff_exchange_read(lane, c, text, sizeof(text)) == 3);
    CHECK(ff_duplex_want_input(lane, c) == 0 && c->watched == FF_POLL_IN);
    stage_send(client, "two");
    CHECK(next(s, &told) == FF_LANE_NEWS && news_of(c) == FF_NEWS_INPUT);
    stage_send(client, "three");
    CHECK(next(s, &told) == FF_LANE_NOTHING && c->watched == 0);
    CHECK(ff_exchange_read(lane, c, text, sizeof(text)) == 3);
    CHECK(ff_duplex_want_input(lane, c) == 0);
    CHECK(next(s, &told) == FF_LANE_NEWS && news_of(c) == FF_NEWS_INPUT);
    CHECK(ff_exchange_read(lane, c, text, sizeof(text)) == 5 && memcmp(text, "three", 5) == 0);
    ff_duplex_close(lane, c);
    close(client);
    stage_close(s);
}

TEST(a_worker_dies_with_many_requests_and_each_is_run_again)
{
    struct stage *s = open_stage();
    int client[3];
    for (int i = 0; i < 3; i++)
        request(s, &client[i], GET("/"));
    stage_kill(s, 0);
    stage_sit(s, 0);
    for (int i = 0; i < 3; i++) {
        struct ff_conn *c = NULL;
        CHECK(next(s, &c) == FF_LANE_REQUEST);
        answer(s, c, "again");
    }
    for (int i = 0; i < 3; i++) {
        CHECK(strstr(stage_read_now(client[i]), "again"));
        close(client[i]);
    }
    stage_close(s);
}

TEST(idle_connections_go_back_when_a_loop_leaves_and_what_runs_is_finished)
{
    struct stage *s = open_stage();
    struct ff_lane *lane = s->lane[0];
    int client;
    struct ff_conn *c = request(s, &client, GET("/"));
    ff_lane_leave(lane);
    CHECK(next(s, &(struct ff_conn *){NULL}) == FF_LANE_NOTHING && lane->mode == FF_LANE_LEAVING);
    answer(s, c, "last");
    CHECK(ff_lane_poll(lane) == -ESHUTDOWN);
    close(client);
    stage_close(s);
}
