#include "check.h"
#include "exchange.h"
#include "stage.h"
#include "tenure.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define PLAN(n) ((uint64_t)(n) << FF_PROGRESS_PLAN_SHIFT)

TEST(the_decision_follows_from_what_was_read_written_and_planned)
{
    enum { B = FF_PROGRESS_BEGUN, U = FF_PROGRESS_UNSAFE, C = FF_PROGRESS_CLOSING };
    enum { RAW = FF_PROGRESS_RAW };
    static const struct {
        const char *what;
        uint64_t progress, received, sent; /* the base stands at 1000 and 500, the next at 1100 */
        bool is_poison, may_replay;
        enum ff_rescue rescue;
        bool is_next;
    } table[] = {
        {"nothing read", 0, 1000, 500, 0, 1, FF_RESCUE_PARK, 0},
        {"half a head", 0, 1040, 500, 0, 1, FF_RESCUE_REPLAY, 0},
        {"half a head, replay off", 0, 1040, 500, 0, 0, FF_RESCUE_REPLAY, 0},
        {"a safe request runs", B, 1100, 500, 0, 1, FF_RESCUE_REPLAY, 0},
        {"it is poison", B, 1100, 500, 1, 1, FF_RESCUE_REFUSE, 0},
        {"replay is off", B, 1100, 500, 0, 0, FF_RESCUE_REFUSE, 0},
        {"an unsafe request runs", B | U, 1100, 500, 0, 1, FF_RESCUE_REFUSE, 0},
        {"an answer is planned, not sent", B | PLAN(80), 1100, 500, 0, 1, FF_RESCUE_REPLAY, 0},
        {"it is half out", B | PLAN(80), 1100, 520, 0, 1, FF_RESCUE_CUT, 0},
        {"it is out", B | PLAN(80), 1100, 580, 0, 1, FF_RESCUE_PARK, 1},
        {"an unsafe one is out", B | U | PLAN(80), 1100, 580, 0, 1, FF_RESCUE_PARK, 1},
        {"out, with the next one behind", B | PLAN(80), 1130, 580, 0, 1, FF_RESCUE_REPLAY, 1},
        {"out, and it was the last", B | C | PLAN(80), 1100, 580, 0, 1, FF_RESCUE_END, 0},
        {"a stream is under way", B, 1100, 580, 0, 1, FF_RESCUE_CUT, 0},
        {"more is out than planned", B | PLAN(80), 1100, 590, 0, 1, FF_RESCUE_CUT, 0},
        {"it is no HTTP", B | RAW, 1100, 500, 0, 1, FF_RESCUE_CUT, 0},
        {"no HTTP, and nothing said", B | RAW, 1000, 500, 0, 1, FF_RESCUE_CUT, 0},
        {"the page is garbage", B, 900, 400, 0, 1, FF_RESCUE_CUT, 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct ff_rescue_facts facts = {.is_known = true,
                                        .is_poison = table[i].is_poison,
                                        .may_replay = table[i].may_replay,
                                        .progress = table[i].progress,
                                        .base = {.rx = 1000, .tx = 500},
                                        .next = {.rx = 1100, .tx = 580},
                                        .received = table[i].received,
                                        .sent = table[i].sent};
        const struct ff_base *holds;
        enum ff_rescue rescue = ff_rescue_decide(&facts, &holds);
        if (rescue != table[i].rescue)
            fprintf(stderr, "%s: %d\n", table[i].what, rescue);
        CHECK(rescue == table[i].rescue);
        if (rescue < FF_RESCUE_CUT)
            CHECK(holds == (table[i].is_next ? &facts.next : &facts.base));
        facts.is_known = false;
        CHECK(ff_rescue_decide(&facts, &holds) == FF_RESCUE_CUT);
    }
}

TEST(the_second_death_that_a_request_may_be_to_blame_for_is_its_last_one)
{
    static const struct {
        const char *what;
        unsigned deaths, blamed; /* before */
        bool is_to_blame, is_poison;
    } table[] = {
        {"the first death, of its own doing perhaps", 0, 0, 1, 0},
        {"the second one", 1, 1, 1, 1},
        {"the first, from outside or in company", 0, 0, 0, 0},
        {"its own after one from outside", 1, 0, 1, 0},
        {"from outside after its own", 1, 1, 0, 0},
        {"its own, one from outside, its own", 2, 1, 1, 1},
        {"the third from outside", 2, 0, 0, 0},
        {"the fourth: it costs too much, whoever it is", 3, 0, 0, 1},
        {"the fourth, and the first of its own", 3, 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        bool is_poison =
            ff_rescue_is_poison(table[i].deaths, table[i].blamed, table[i].is_to_blame);
        if (is_poison != table[i].is_poison)
            fprintf(stderr, "%s: %d\n", table[i].what, is_poison);
        CHECK(is_poison == table[i].is_poison);
    }
}

TEST(a_get_whose_workers_are_killed_from_outside_is_run_again_three_times)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    s->is_from_outside = true;
    stage_send(client, GET("/hold"));
    for (int deaths = 0; deaths < 3; deaths++) {
        stage_run(s);
        CHECK(s->held[0] && stage_kill(s, 0) == 0);
        stage_sit(s, 0);
    }
    stage_run(s);
    CHECK(s->held[0] && stage_kill(s, 0) == 1);
    stage_sit(s, 0);
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 502 "));
    close(client);
    stage_close(s);
}

TEST(a_get_that_killed_nobody_but_was_running_is_answered_by_another)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/before"));
    CHECK(strstr(stage_read(s, client), "0 /before"));
    stage_send(client, GET("/hold"));
    stage_run(s);
    CHECK(s->held[0] && stage_kill(s, 0) == 0);
    CHECK(s->d->rescues == 1 && strcmp(s->d->rescued[0].line, "GET /hold HTTP/1.1") == 0);
    stage_run(s);
    CHECK(s->held[1]);
    CHECK(stage_kill(s, 1) == 1); /* twice: it may be the killer itself */
    stage_sit(s, 0);
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 502 "));
    CHECK(stage_is_ended(s, client));
    close(client);
    stage_close(s);
}

TEST(a_post_that_was_running_is_never_run_again)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
    stage_run(s);
    CHECK(s->held[0] && stage_kill(s, 0) == 1);
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 502 "));
    CHECK(!s->held[1] && s->d->stats.refused == 1);
    close(client);
    stage_close(s);
}

TEST(a_request_that_timed_out_is_answered_504_and_never_run_again)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s), ready[FF_POLLER_BATCH];
    s->d->timeout_us = 10000;
    stage_send(client, GET("/hold"));
    stage_run(s);
    CHECK(s->held[0]);
    CHECK(ff_dispatcher_wait(s->d, 5000, ready) == 0); /* it comes back for that */
    CHECK(s->d->lane[0]->is_timed_out && !s->d->lane[1]->is_timed_out);
    CHECK(stage_kill(s, 0) == 1);
    CHECK(!s->d->lane[0]->is_timed_out);
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 504 "));
    CHECK(!s->held[1] && s->d->stats.refused == 1);
    close(client);
    stage_close(s);
}

TEST(what_ends_just_before_its_worker_is_ended_takes_no_other_request_along)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s), next, ready[FF_POLLER_BATCH];
    s->d->timeout_us = 10000;
    stage_send(client, GET("/hold"));
    stage_run(s);
    CHECK(ff_dispatcher_wait(s->d, 5000, ready) == 0 && s->d->lane[0]->is_timed_out);
    next = stage_connect(s);
    stage_send(next, "POST /next HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    stage_run_master(s);
    stage_finish(s, 0);
    CHECK(strstr(stage_read_now(client), "0 /hold"));
    CHECK(s->answered[0] == 1 && ff_lane_wait(s->lane[0]) == -ESHUTDOWN);
    CHECK(stage_kill(s, 0) == 0);
    stage_sit(s, 0);
    CHECK(strstr(stage_read(s, next), "0 /next") && s->d->stats.refused == 0);
    close(client);
    close(next);
    stage_close(s);
}

TEST(what_was_read_of_a_head_or_a_body_goes_along)
{
    static const char *const part[][2] = {
        {"GET /half HTTP/1.1\r\nHo", "st: x\r\n\r\n"},
        {"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc", "def"},
    };
    for (int i = 0; i < 2; i++) {
        struct stage *s = stage_open(8, 2);
        int client = stage_connect(s);
        stage_send(client, GET("/first"));
        stage_read(s, client);
        stage_send(client, part[i][0]);
        stage_run(s);
        CHECK(stage_kill(s, 0) == 0);
        stage_run(s); /* another lane has it now, and dies as well */
        CHECK(stage_kill(s, 1) == 0);
        stage_sit(s, 0);
        stage_run(s);
        stage_send(client, part[i][1]);
        CHECK(strstr(stage_read(s, client), i == 0 ? "0 /half" : "0 /half abcdef"));
        close(client);
        stage_close(s);
    }
}

/* The worker of lane 0 takes its next request, for the test to die at. */
static struct ff_conn *take_request(struct stage *s)
{
    struct ff_conn *c = NULL;
    stage_run_master(s);
    if (ff_lane_wait(s->lane[0]) < 0 || ff_lane_next(s->lane[0], &c) != 1)
        abort();
    return c;
}

static void render(struct stage *s, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    ff_http_response_start(&w->response, &w->out, &w->request, true, "200 OK", 6);
    ff_http_response_end_head(&w->response, 4, ff_tenure_date(s->lane[0]));
    ff_exchange_write(s->lane[0], c, "done", 4);
}

TEST(an_answer_that_is_out_is_not_given_twice)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    struct ff_conn *c = take_request(s);
    render(s, c);
    uint64_t progress = atomic_load(&s->d->page->conn[1].progress);
    ff_exchange_finish(s->lane[0], c);
    /* as if it had died after send: the commit undone, the state still running */
    struct ff_conn_line *line = &s->d->page->conn[1];
    struct ff_base next = line->base[1];
    atomic_store(&line->progress, progress | PLAN(next.tx));
    ff_word_set(line, ff_word_with(atomic_load(&line->word), FF_RUNNING));
    CHECK(stage_kill(s, 0) == 0);
    CHECK(strstr(stage_read(s, client), "done"));
    stage_send(client, GET("/on"));
    CHECK(strstr(stage_read(s, client), "1 /on"));
    close(client);
    stage_close(s);
}

TEST(the_last_answer_stays_a_plan_until_its_connection_is_closed)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/p"));
    struct ff_conn *c = take_request(s);
    render(s, c);
    c->work->response.keep_alive = false;
    ff_exchange_finish(s->lane[0], c);
    /* who died before the close would be found here, and the master would end the connection */
    CHECK(atomic_load(&s->d->page->conn[1].progress) & FF_PROGRESS_CLOSING);
    close(client);
    stage_close(s);
}

TEST(an_answer_that_is_half_out_is_cut)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/p"));
    struct ff_conn *c = take_request(s);
    render(s, c);
    CHECK(send(c->fd, "HTTP/1.1 200 OK\r\n", 17, 0) == 17);
    CHECK(stage_kill(s, 0) == 1);
    stage_run(s);
    CHECK(strcmp(stage_read_now(client), "HTTP/1.1 200 OK\r\n") == 0);
    CHECK(stage_is_ended(s, client));
    close(client);
    stage_close(s);
}

TEST(octets_that_were_read_but_not_yet_noted_are_found)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/one"));
    stage_read(s, client);
    stage_send(client, GET("/two"));
    stage_run_master(s);
    /* the lane dies directly behind recv: into its block, with nothing stored */
    struct ff_conn_line *line = &s->d->page->conn[1];
    ff_word_set(line, ff_word_with(atomic_load(&line->word), FF_READING));
    ff_progress_lend(line, 1);
    CHECK(recv(s->lane[0]->conn[1]->fd, s->d->lane[0]->blocks, FF_BLOCK, 0) > 0);
    CHECK(stage_kill(s, 0) == 0);
    CHECK(strstr(stage_read(s, client), "1 /two"));
    close(client);
    stage_close(s);
}

TEST(a_group_of_pipelined_requests_is_replayed_whole)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/a") GET("/b") GET("/hold") GET("/c"));
    stage_run(s);
    CHECK(s->held[0] && stage_kill(s, 0) == 0);
    stage_run(s);
    CHECK(s->held[1] && s->answered[1] == 2);
    CHECK(strcmp(stage_read_now(client), "") == 0); /* gathered, not out */
    close(client);
    stage_close(s);
}

TEST(more_than_a_block_is_not_replayed_but_refused)
{
    struct stage *s = stage_open(8, 2);
    static char body[40000];
    char head[100];
    int client = stage_connect(s);
    int n = snprintf(head, sizeof(head),
                     "PUT /hold HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", sizeof(body));
    CHECK(send(client, head, (size_t)n, 0) == n);
    CHECK(send(client, body, sizeof(body), 0) == sizeof(body));
    stage_run(s);
    CHECK(s->held[0] && stage_kill(s, 0) == 1);
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 502 "));
    close(client);
    stage_close(s);
}

TEST(a_body_that_a_dead_worker_kept_in_a_file_is_gone_and_its_request_refused)
{
    struct stage *s = stage_open(8, 2);
    static char body[100000];
    s->spool = 1 << 20;
    stage_kill(s, 0);
    stage_sit(s, 0);
    stage_run(s);
    int client = stage_connect(s);
    stage_send(client, "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
    CHECK(send(client, body, sizeof(body), 0) == sizeof(body));
    stage_run(s);
    CHECK(s->lane[0]->conn[1] && s->lane[0]->conn[1]->work->content.is_open);
    stage_kill(s, 0);
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 502 "));
    close(client);
    stage_close(s);
}

TEST(octets_of_an_earlier_request_are_never_taken_for_a_later_one)
{
    struct stage *s = stage_open(8, 2);
    char next[100];
    int client = stage_connect(s);
    stage_send(client, GET("/hold"));
    stage_run(s);
    CHECK(stage_kill(s, 0) == 0);
    stage_run(s);
    CHECK(s->held[1]);
    /* as if it had been answered, and the next one, of the same size, read to where we can't see */
    struct ff_conn_line *line = &s->d->page->conn[1];
    struct ff_base *base = ff_progress_base(line);
    base->rx += strlen(GET("/hold"));
    atomic_store(&base->block, 0);
    atomic_store(&line->progress, atomic_load(&line->progress) & FF_PROGRESS_SECOND);
    stage_send(client, GET("/next"));
    CHECK(recv(s->lane[1]->conn[1]->fd, next, sizeof(next), 0) == sizeof(GET("/next")) - 1);
    stage_kill(s, 1);
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 502 "));
    close(client);
    stage_close(s);
}

TEST(a_broken_page_makes_the_master_cut_not_read_beyond)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    stage_send(client, GET("/hold"));
    stage_run(s);
    struct ff_base *base = ff_progress_base(&s->d->page->conn[1]);
    base->at = 0xfffffff0;
    atomic_store(&base->block, 0x7fffffff);
    CHECK(stage_kill(s, 0) == 1);
    CHECK(strstr(stage_read(s, client), "HTTP/1.1 502 "));
    close(client);
    stage_close(s);
}

/* Two workers with two lanes each. */
static struct stage *open_pairs(void)
{
    struct stage *s = stage_open(16, 4);
    for (int i = 0; i < 4; i++)
        s->d->lane[i]->slot = (uint16_t)(i / 2);
    return s;
}

/* The worker of lanes `first` and the next one dies, and does not come back. */
static void kill_pair(struct stage *s, int first)
{
    for (int i = first; i < first + 2; i++) {
        ff_lane_free(s->lane[i]);
        s->lane[i] = NULL;
        s->held[i] = NULL;
    }
    ff_recovery_run(s->d, (uint16_t[]){(uint16_t)first, (uint16_t)(first + 1)}, 2, true);
}

/* Which of the lanes `first` and the next has a request; -1: none, 4: both. */
static int running_at(const struct stage *s, int first)
{
    bool one = s->held[first], other = s->held[first + 1];
    return one && other ? 4 : one ? first : other ? first + 1 : -1;
}

TEST(requests_that_died_together_run_again_one_at_a_time_with_nothing_beside_them)
{
    struct stage *s = open_pairs();
    int client[3];
    for (int i = 0; i < 2; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/hold"));
        stage_run(s);
    }
    CHECK(running_at(s, 0) == 4);
    kill_pair(s, 0);
    client[2] = stage_connect(s);
    stage_send(client[2], GET("/other"));
    for (int i = 0; i < 2; i++) {
        stage_run(s);
        int lane = running_at(s, 2);
        CHECK(lane == 2 || lane == 3);
        CHECK(strcmp(stage_read_now(client[2]), "") == 0); /* it waits meanwhile */
        stage_finish(s, lane);
    }
    CHECK(strstr(stage_read(s, client[2]), "/other"));
    for (int i = 0; i < 3; i++) {
        CHECK(i == 2 || strstr(stage_read_now(client[i]), "/hold"));
        close(client[i]);
    }
    CHECK(s->d->kept_slot == 0 && s->d->suspect == 0);
    stage_close(s);
}

TEST(who_was_alone_at_two_deaths_is_refused_and_who_died_beside_it_is_answered)
{
    struct stage *s = open_pairs();
    int client[2];
    for (int i = 0; i < 2; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/hold"));
        stage_run(s);
    }
    kill_pair(s, 0);
    for (int deaths = 0; deaths < 2; deaths++) {
        stage_run(s);
        CHECK(running_at(s, 2) >= 2 && s->d->suspect == 1); /* the same one first each time */
        kill_pair(s, 2);
        ff_escrow_move(&s->d->escrow, 2, FF_LIST_SUSPECT, s->d->now_ms);
        stage_sit(s, 2);
        stage_sit(s, 3);
    }
    CHECK(strstr(stage_read(s, client[0]), "HTTP/1.1 502 "));
    int lane = running_at(s, 2);
    CHECK(lane >= 2 && s->d->suspect == 2);
    stage_finish(s, lane);
    CHECK(strstr(stage_read(s, client[1]), "/hold"));
    close(client[0]);
    close(client[1]);
    stage_close(s);
}

TEST(a_suspect_takes_what_there_is_when_no_worker_gets_free_in_time)
{
    struct stage *s = open_pairs();
    int holder, client;
    holder = stage_connect(s);
    s->d->cursor = 2;
    stage_send(holder, GET("/hold"));
    stage_run(s);
    CHECK(running_at(s, 2) == 2);
    client = stage_connect(s);
    s->d->cursor = 0;
    stage_send(client, GET("/hold"));
    stage_run(s);
    CHECK(running_at(s, 0) == 0);
    kill_pair(s, 0);
    stage_run(s);
    CHECK(running_at(s, 2) == 2 && s->d->escrow.list[FF_LIST_SUSPECT].count == 1);
    s->d->alone_ms = 0;
    s->d->busy_us = 1;
    stage_run(s);
    CHECK(s->held[2] && s->held[3]);
    close(holder);
    close(client);
    stage_close(s);
}
