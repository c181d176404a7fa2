#include "check.h"
#include "exchange.h"
#include "stage.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static int ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n >= k && strcmp(text + n - k, tail) == 0;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static enum ff_state state_of(const struct stage *s, uint32_t id)
{
    return ff_word_state(atomic_load(&s->d->page->conn[id].word));
}

TEST(a_request_is_answered_and_its_connection_rests_idle)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, GET("/a"));
    CHECK(ends_with(stage_read(s, client), "\r\n\r\n0 /a"));
    CHECK(state_of(s, 1) == FF_IDLE && s->lane[0]->busy == 0);
    CHECK(s->lane[0]->conn[1]->work == NULL); /* an idle connection holds no buffers */
    close(client);
    stage_close(s);
}

TEST(pipelined_requests_are_answered_in_order_by_one_send)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, GET("/1") GET("/2") GET("/3"));
    const char *text = stage_read(s, client);
    CHECK(count(text, "HTTP/1.1 200 OK") == 3 && ends_with(text, "0 /3"));
    CHECK(strstr(text, "0 /1HTTP") && strstr(text, "0 /2HTTP"));
    close(client);
    stage_close(s);
}

TEST(a_pipelined_request_behind_a_large_answer_is_not_forgotten)
{
    struct stage *s = stage_open(8, 1);
    int small = 100000;
    setsockopt(s->listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    int client = stage_connect(s);
    stage_send(client, GET("/large") GET("/next"));
    const char *text = "";
    for (int i = 0; i < 300 && !ends_with(text, "0 /next"); i++)
        text = stage_read(s, client);
    CHECK(ends_with(text, "0 /next"));
    close(client);
    stage_close(s);
}

TEST(half_a_request_is_reading_and_goes_on_with_the_rest)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, "GET /a HTTP/1.1\r\nHo");
    CHECK(stage_read(s, client)[0] == '\0');
    CHECK(state_of(s, 1) == FF_HALF);
    stage_send(client, "st: x\r\n\r\n");
    CHECK(ends_with(stage_read(s, client), "0 /a"));
    close(client);
    stage_close(s);
}

TEST(a_body_is_whole_before_the_application_runs)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
    CHECK(stage_read(s, client)[0] == '\0' && s->answered[0] == 0);
    stage_send(client, "world");
    CHECK(ends_with(stage_read(s, client), "0 /b helloworld"));
    close(client);
    stage_close(s);
}

TEST(chunks_are_decoded_and_the_next_request_follows)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    CHECK(stage_read(s, client)[0] == '\0');
    stage_send(client, "lo\r\n3\r\nabc\r\n0\r\n\r\n" GET("/d"));
    const char *text = stage_read(s, client);
    CHECK(strstr(text, "0 /c helloabcHTTP/1.1 200 OK") && ends_with(text, "0 /d"));
    close(client);
    stage_close(s);
}

TEST(a_body_beyond_the_buffer_is_streamed_and_closes_the_connection)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    static char body[200000];
    memset(body, 'x', sizeof(body));
    stage_send(client, "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
    CHECK(send(client, body, sizeof(body), 0) == sizeof(body));
    stage_run(s);
    CHECK(s->answered[0] == 1);
    close(client);
    stage_close(s);
}

/* A lane that lets bodies of up to 150,000 octets wait in a file. */
static struct stage *open_with_spool(void)
{
    struct stage *s = stage_open(8, 1);
    s->spool = 150000;
    stage_kill(s, 0);
    stage_sit(s, 0);
    return s;
}

TEST(a_body_beyond_the_buffer_waits_in_a_file_and_what_follows_is_served)
{
    struct stage *s = open_with_spool();
    int client = stage_connect(s);
    static char body[120000];
    memset(body, 'x', sizeof(body));
    stage_send(client, "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 120000\r\n\r\n");
    CHECK(send(client, body, sizeof(body) - 1, 0) == sizeof(body) - 1);
    stage_run(s);
    CHECK(s->answered[0] == 0 && state_of(s, 1) == FF_HALF);
    const struct ff_work *w = s->lane[0]->conn[1]->work;
    CHECK(ff_spool_len(&w->content) > 100000 && w->in.cap <= 65536);
    stage_send(client, "x" GET("/next"));
    size_t got = 0;
    const char *text = "";
    for (int i = 0; i < 300 && !ends_with(text, "0 /next"); i++)
        got += strlen(text = stage_read(s, client));
    CHECK(ends_with(text, "0 /next") && got > sizeof(body));
    CHECK(s->answered[0] == 2 && state_of(s, 1) == FF_IDLE);
    close(client);
    stage_close(s);
}

TEST(the_time_of_the_application_is_not_that_of_a_client_that_sends_its_body)
{
    for (int is_away = 0; is_away < 2; is_away++) {
        struct stage *s = stage_open(8, 1);
        int client = stage_connect(s);
        stage_send(client, "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
        stage_run(s);
        struct ff_conn *c = s->lane[0]->conn[1];
        CHECK(state_of(s, 1) == FF_HALF && c);
        c->deadline.at_ms = 1; /* its time is over, and its credit used up ... */
        c->work->reading.credit_us = 0;
        s->lane[0]->away_us += is_away ? 60000000 : 0; /* ... while nobody could have read */
        CHECK(ff_lane_poll(s->lane[0]) == 0);
        const char *text = stage_read(s, client);
        CHECK(is_away ? text[0] == '\0' : strstr(text, "HTTP/1.1 408 ") != NULL);
        if (is_away) {
            stage_send(client, "cd");
            CHECK(ends_with(stage_read(s, client), "0 /e abcd"));
        }
        close(client);
        stage_close(s);
    }
}

TEST(what_is_too_large_for_the_file_is_streamed)
{
    struct stage *s = open_with_spool();
    int client = stage_connect(s);
    stage_send(client, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 150001\r\n\r\nx");
    stage_run(s);
    CHECK(s->held[0] && !s->held[0]->work->content.is_open);
    close(client);
    stage_close(s);
}

TEST(a_client_that_waits_gets_100_continue_once)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client,
               "POST /f HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CHECK(strcmp(stage_read(s, client), "HTTP/1.1 100 Continue\r\n\r\n") == 0);
    stage_send(client, "ok");
    CHECK(ends_with(stage_read(s, client), "0 /f ok"));
    close(client);
    stage_close(s);
}

TEST(a_refused_request_is_answered_then_read_to_its_end)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, "GET / HTTP/1.1\r\nHost : x\r\n\r\n and so on");
    CHECK(strncmp(stage_read(s, client), "HTTP/1.1 400 ", 13) == 0);
    CHECK(stage_is_ended(s, client));
    CHECK(state_of(s, 1) == FF_LINGER && ff_escrow_is_in(&s->d->escrow, 1, FF_LIST_LINGER));
    stage_send(client, "more that nobody wants");
    stage_run(s);
    close(client);
    stage_run(s);
    CHECK(state_of(s, 1) == FF_FREE);
    stage_close(s);
}

TEST(connection_close_ends_it_in_both_directions_at_once)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, "GET /g HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(ends_with(stage_read(s, client), "0 /g"));
    CHECK(stage_is_ended(s, client));
    CHECK(state_of(s, 1) == FF_FREE && s->d->stats.closed == 1);
    close(client);
    stage_close(s);
}

TEST(a_client_that_leaves_is_closed_and_its_id_is_free_again)
{
    struct stage *s = stage_open(2, 1);
    for (int i = 0; i < 10; i++) {
        int client = stage_connect(s);
        stage_send(client, GET("/"));
        CHECK(ends_with(stage_read(s, client), "0 /"));
        close(client);
        stage_run(s);
    }
    CHECK(s->d->stats.closed == 10 && s->d->escrow.touched <= 2);
    CHECK(atomic_load(&s->lane[0]->line->connections) == 0);
    stage_close(s);
}

TEST(an_answer_larger_than_the_socket_goes_out_as_the_client_reads)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s), small = 65536;
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    static char body[60000];
    memset(body, 'y', sizeof(body));
    size_t got = 0;
    for (int i = 0; i < 60; i++) { /* 60 answers of 60 KB: far beyond what the sockets hold */
        char head[100];
        int n = snprintf(head, sizeof(head),
                         "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", i,
                         sizeof(body));
        CHECK(send(client, head, (size_t)n, 0) == n);
        for (size_t sent = 0; sent < sizeof(body);) {
            ssize_t k = send(client, body + sent, sizeof(body) - sent, MSG_DONTWAIT);
            sent += k > 0 ? (size_t)k : 0;
            stage_run(s);
            if (k < 0)
                got += strlen(stage_read(s, client));
        }
    }
    for (int i = 0; i < 300 && got <= 60 * sizeof(body); i++)
        got += strlen(stage_read(s, client));
    CHECK(s->answered[0] == 60 && got > 60 * sizeof(body));
    CHECK(state_of(s, 1) == FF_IDLE);
    close(client);
    stage_close(s);
}

TEST(a_silent_client_goes_when_the_head_time_out_says)
{
    struct stage *s = stage_open(8, 1);
    s->lane[0]->deadlines.after_ms[FF_WAIT_HEAD] = 1;
    s->lane[0]->deadlines.after_ms[FF_WAIT_PARK] = 1;
    s->d->silence_ms = 1;
    int silent = stage_connect(s), half = stage_connect(s);
    stage_send(half, "GET / HTTP/1.1\r\n");
    stage_run(s);
    s->lane[0]->now_ms += 100000;
    ff_lane_wait(s->lane[0]); /* the deadlines are past: does not block */
    CHECK(strncmp(stage_read(s, half), "HTTP/1.1 408 ", 13) == 0);
    CHECK(stage_is_ended(s, silent));
    close(silent), close(half);
    stage_close(s);
}

static void *leave(void *lane)
{
    ff_lane_leave(lane);
    return NULL;
}

TEST(a_lane_leaves_when_another_thread_or_the_master_says_so)
{
    struct stage *s = stage_open(8, 2);
    int client[2] = {stage_connect(s), stage_connect(s)};
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        stage_send(client[i], GET("/"));
        CHECK(stage_read(s, client[i])[0] != '\0');
    }
    CHECK(pthread_create(&thread, NULL, leave, s->lane[0]) == 0 && pthread_join(thread, NULL) == 0);
    ff_dispatcher_leave(s->d, 1);
    stage_run(s);
    CHECK(s->d->escrow.list[FF_LIST_PARKED].count == 2);
    for (int i = 0; i < 2; i++) {
        CHECK(ff_lane_wait(s->lane[i]) == -ESHUTDOWN);
        close(client[i]);
    }
    stage_close(s);
}

TEST(a_lane_that_leaves_gives_back_what_is_idle_and_finishes_what_runs)
{
    struct stage *s = stage_open(8, 1);
    int idle = stage_connect(s), half = stage_connect(s);
    stage_send(idle, GET("/"));
    stage_read(s, idle);
    stage_send(half, "GET /h HTTP/1.1\r\n");
    stage_run(s);
    ff_lane_leave(s->lane[0]);
    CHECK(ff_lane_wait(s->lane[0]) == 0);
    stage_run_master(s);
    CHECK(ff_escrow_is_in(&s->d->escrow, 1, FF_LIST_PARKED));
    stage_send(half, "Host: x\r\n\r\n");
    CHECK(ends_with(stage_read(s, half), "0 /h"));
    CHECK(ff_lane_wait(s->lane[0]) == -ESHUTDOWN);
    CHECK(stage_kill(s, 0) == 0); /* it exits */
    stage_sit(s, 0);
    stage_send(idle, GET("/again"));
    CHECK(ends_with(stage_read(s, idle), "0 /again"));
    stage_send(half, GET("/too"));
    CHECK(ends_with(stage_read(s, half), "0 /too"));
    close(idle), close(half);
    stage_close(s);
}

TEST(the_end_of_the_channel_lets_the_lane_serve_what_was_queued_first)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, GET("/last"));
    stage_run_master(s);
    ff_dispatcher_stop_accepting(s->d, true);
    ff_dispatcher_close_channels(s->d);
    CHECK(ends_with(stage_read(s, client), "0 /last"));
    CHECK(s->lane[0]->mode == FF_LANE_ENDING);
    CHECK(ff_lane_wait(s->lane[0]) == -ESHUTDOWN);
    close(client);
    stage_close(s);
}

TEST(a_child_that_the_application_forked_reaches_nobody)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s), idle = stage_connect(s), status;
    stage_send(idle, GET("/idle"));
    CHECK(ends_with(stage_read(s, idle), "0 /idle"));
    stage_send(client, GET("/hold"));
    stage_run(s);
    pid_t child = fork();
    if (child == 0) {
        ff_lane_detach(s->lane[0]);
        ff_exchange_abort(s->lane[0], s->held[0], 500);
        _exit(ff_lane_wait(s->lane[0]) == -ESHUTDOWN ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(strcmp(stage_read(s, client), "") == 0);
    CHECK(!stage_is_ended(s, client) && !stage_is_ended(s, idle));
    CHECK(stage_kill(s, 0) == 0 && s->d->stats.replayed == 1); /* its octets are as they were */
    close(client), close(idle);
    stage_close(s);
}

TEST(a_lane_out_of_descriptors_gives_the_connection_back)
{
    struct stage *s = stage_open(8, 1);
    struct rlimit was, none;
    int client = stage_connect(s);
    stage_send(client, GET("/"));
    stage_run_master(s);
    int top = dup(0);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was, none.rlim_cur = (rlim_t)top + 1;
    setrlimit(RLIMIT_NOFILE, &none);
    struct ff_conn *c;
    CHECK(ff_lane_wait(s->lane[0]) == 0 && ff_lane_next(s->lane[0], &c) == 0);
    setrlimit(RLIMIT_NOFILE, &was);
    close(top);
    stage_run(s);
    CHECK(atomic_load(&s->lane[0]->line->is_full) && s->answered[0] == 0); /* it gets no more */
    CHECK(write(s->lane[0]->wake[1], "x", 1) == 1);
    CHECK(ends_with(stage_read(s, client), "0 /")); /* dealt again, nothing lost */
    close(client);
    stage_close(s);
}

TEST(an_octet_in_its_pipe_wakes_a_lane)
{
    struct stage *s = stage_open(8, 1);
    struct ff_conn *c;
    CHECK(write(s->lane[0]->wake[1], "xyz", 3) == 3);
    CHECK(ff_lane_wait(s->lane[0]) == 0 && ff_lane_next(s->lane[0], &c) == 0);
    struct pollfd quiet = {.fd = s->lane[0]->poller, .events = POLLIN};
    CHECK(poll(&quiet, 1, 0) == 0);
    stage_close(s);
}

static uint64_t counted(const struct ff_histogram *h, uint32_t from)
{
    uint64_t n = 0;
    for (uint32_t range = from; range < FF_HISTOGRAM_RANGES; range++)
        n += atomic_load(&h->count[range]);
    return n;
}

TEST(each_request_is_counted_by_how_long_it_took_and_had_waited)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, GET("/"));
    stage_run_master(s);
    s->d->page->conn[1].arrived_us -= 50000; /* so long ago */
    CHECK(ends_with(stage_read(s, client), "0 /"));
    stage_send(client, GET("/kept") GET("/piped"));
    CHECK(ends_with(stage_read(s, client), "0 /piped"));
    const struct ff_lane_line *line = &s->d->page->lane[0];
    CHECK(counted(&line->took, 0) == 3 && counted(&line->waited, 0) == 3);
    CHECK(counted(&line->waited, ff_histogram_range(50000)) == 1);
    close(client);
    stage_close(s);
}
