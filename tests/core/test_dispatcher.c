#include "balance.h"
#include "check.h"
#include "stage.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

TEST(sequential_connections_go_round_exactly)
{
    struct stage *s = stage_open(64, 3);
    for (int i = 0; i < 30; i++) {
        int client = stage_connect(s);
        stage_send(client, GET);
        const char *text = stage_read(s, client);
        CHECK(text[strlen(text) - 3] == '0' + i % 3);
        close(client);
    }
    stage_close(s);
}

TEST(a_burst_is_dealt_evenly_too)
{
    struct stage *s = stage_open(128, 4);
    int client[100];
    for (int i = 0; i < 100; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET);
    }
    stage_run(s);
    for (int i = 0; i < 4; i++)
        CHECK(s->answered[i] == 25);
    for (int i = 0; i < 100; i++)
        close(client[i]);
    stage_close(s);
}

TEST(nothing_is_accepted_before_a_lane_is_ready)
{
    struct stage *s = stage_open(8, 0);
    int client = stage_connect(s), lane = ff_dispatcher_lease(s->d, 0);
    stage_send(client, GET);
    stage_run(s);
    CHECK(s->d->stats.accepted == 0 && !s->d->is_listening);
    stage_sit(s, lane);
    CHECK(strstr(stage_read(s, client), "200 OK"));
    close(client);
    stage_close(s);
}

TEST(when_all_lanes_are_full_the_listener_rests_until_one_claims)
{
    struct stage *s = stage_open(512, 2);
    int client[200];
    for (int i = 0; i < 200; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET);
    }
    int ready[FF_POLLER_BATCH];
    ff_dispatcher_wait(s->d, 0, ready);
    CHECK(s->d->stats.dealt == 2 * FF_WINDOW_MAX && !s->d->is_listening);
    CHECK(atomic_load(&s->d->page->all_full) == 1);
    stage_run(s); /* the lanes claim and ring */
    CHECK(s->d->is_listening && s->answered[0] + s->answered[1] == 200);
    for (int i = 0; i < 200; i++)
        close(client[i]);
    stage_close(s);
}

TEST(a_full_table_waits_for_an_id_and_goes_on)
{
    struct stage *s = stage_open(2, 1);
    int client[3];
    for (int i = 0; i < 3; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET);
    }
    CHECK(strstr(stage_read(s, client[0]), "200 OK"));
    CHECK(stage_read(s, client[2])[0] == '\0' && s->d->stats.accepted == 2);
    int ready[FF_POLLER_BATCH];
    close(client[0]);
    stage_run(s);
    ff_dispatcher_wait(s->d, 150, ready); /* it looks again by itself */
    CHECK(strstr(stage_read(s, client[2]), "200 OK"));
    close(client[1]), close(client[2]);
    stage_close(s);
}

TEST(without_descriptors_accepting_rests_instead_of_spinning)
{
    struct stage *s = stage_open(8, 1);
    struct rlimit was, none;
    int client = stage_connect(s), top = dup(0), ready[FF_POLLER_BATCH];
    stage_send(client, GET);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was, none.rlim_cur = (rlim_t)top + 1;
    setrlimit(RLIMIT_NOFILE, &none);
    ff_dispatcher_wait(s->d, 50, ready);
    setrlimit(RLIMIT_NOFILE, &was);
    CHECK(s->d->stats.accept_errors == 1 && !s->d->is_listening);
    close(top);
    ff_dispatcher_wait(s->d, 150, ready); /* it tries again by itself */
    CHECK(strstr(stage_read(s, client), "200 OK"));
    close(client);
    stage_close(s);
}

TEST(without_descriptors_those_that_were_quiet_for_longest_go_first)
{
    struct stage *s = stage_open(8, 1);
    struct rlimit was, none;
    int client[3], late, top, ready[FF_POLLER_BATCH];
    s->lane[0]->deadlines.after_ms[FF_WAIT_PARK] = 1;
    for (int i = 0; i < 3; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET);
        CHECK(strstr(stage_read(s, client[i]), "200 OK"));
        while (s->d->escrow.list[FF_LIST_PARKED].count == (uint32_t)i)
            ff_lane_wait(s->lane[0]), ff_dispatcher_wait(s->d, 1, ready);
    }
    stage_send(client[0], GET); /* it is not quiet, although nobody has looked yet */
    late = stage_connect(s);
    stage_send(late, GET);
    top = dup(0);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was, none.rlim_cur = (rlim_t)top + 1;
    setrlimit(RLIMIT_NOFILE, &none);
    ff_dispatcher_wait(s->d, 0, ready);
    setrlimit(RLIMIT_NOFILE, &was);
    CHECK(s->d->stats.evicted >= 1 && s->d->is_short && s->d->shortage == EMFILE);
    s->d->is_short = false;
    CHECK(strstr(stage_read(s, late), "200 OK") && strstr(stage_read_now(client[0]), "200 OK"));
    CHECK(stage_is_ended(s, client[1]));
    for (int i = 0; i < 3; i++)
        close(client[i]);
    close(late);
    close(top);
    stage_close(s);
}

/* Only who may not have more descriptors in flight than open is told so: nobody. */
static int deal_among_many_in_flight(void)
{
    struct stage *s = stage_open(16, 1);
    struct rlimit few = {64, 64};
    int pipe[2], client = stage_connect(s), ready[FF_POLLER_BATCH], n = 0;
    if (setgid(65534) < 0 || setuid(65534) < 0 || ff_channel_open(&pipe[0], &pipe[1]) < 0)
        return 2;
    stage_send(client, GET);
    setrlimit(RLIMIT_NOFILE, &few);
    while (ff_channel_send(pipe[0], &(struct ff_deal){.id = 1}, &client, 1) == 0)
        n++;
    ff_dispatcher_wait(s->d, 0, ready);
    bool is_stalled = n > 0 && s->d->lane[0]->is_stalled && s->d->stats.dealt == 0 &&
                      s->d->escrow.list[FF_LIST_WAITING].count == 1;
    close(pipe[0]), close(pipe[1]); /* nothing is in flight any more, and no lane tells of it */
    ff_dispatcher_wait(s->d, 100, ready);
    return !is_stalled || s->d->stats.dealt != 1 || !strstr(stage_read(s, client), "200 OK");
}

TEST(with_too_many_descriptors_in_flight_it_is_dealt_later)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(deal_among_many_in_flight());
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

TEST(a_watched_descriptor_is_reported_until_it_is_unwatched)
{
    struct stage *s = stage_open(8, 1);
    int ends[2], ready[FF_POLLER_BATCH];
    CHECK(pipe(ends) == 0 && ff_dispatcher_watch(s->d, ends[0]) == 0);
    CHECK(ff_dispatcher_wait(s->d, 0, ready) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(ff_dispatcher_wait(s->d, -1, ready) == 1 && ready[0] == ends[0]);
    CHECK(ff_dispatcher_unwatch(s->d, ends[0]) == 0);
    CHECK(ff_dispatcher_wait(s->d, 0, ready) == 0);
    close(ends[0]), close(ends[1]);
    stage_close(s);
}

TEST(stopping_takes_the_backlog_along_if_asked)
{
    struct stage *s = stage_open(64, 1);
    int client[5];
    for (int i = 0; i < 5; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET);
    }
    ff_dispatcher_stop_accepting(s->d, true);
    s->listener = ff_sock_close(s->listener);
    for (int i = 0; i < 5; i++)
        CHECK(strstr(stage_read(s, client[i]), "200 OK"));
    for (int i = 0; i < 5; i++)
        close(client[i]);
    stage_close(s);
}

TEST(the_end_waits_until_all_that_had_connected_is_dealt)
{
    struct stage *s = stage_open(512, 1);
    int client[300];
    for (int i = 0; i < 300; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET);
    }
    ff_dispatcher_stop_accepting(s->d, true);
    ff_dispatcher_close_channels(s->d);
    CHECK(s->d->stats.accepted == 300);
    for (int i = 0; i < 300; i++) {
        CHECK(strstr(stage_read(s, client[i]), "200 OK"));
        close(client[i]);
    }
    CHECK(ff_lane_wait(s->lane[0]) == -ESHUTDOWN);
    stage_close(s);
}

TEST(the_end_without_a_lane_closes_what_waits_and_what_is_parked)
{
    struct stage *s = stage_open(8, 1);
    int waiting = stage_connect(s), parked = stage_connect(s);
    stage_send(parked, GET);
    CHECK(strstr(stage_read(s, parked), "200 OK"));
    stage_kill(s, 0);
    stage_send(waiting, GET);
    ff_dispatcher_stop_accepting(s->d, true);
    ff_dispatcher_close_channels(s->d);
    CHECK(stage_is_ended(s, waiting) && stage_is_ended(s, parked));
    close(waiting), close(parked);
    stage_close(s);
}

TEST(lanes_are_bounded_and_their_numbers_used_again)
{
    struct stage *s = stage_open(8, 2);
    ff_lane_free(s->lane[0]);
    s->lane[0] = NULL;
    ff_dispatcher_release(s->d, 0);
    CHECK(ff_dispatcher_lease(s->d, 0) == 0);
    CHECK(ff_dispatcher_lease(s->d, 0) == 2);
    stage_close(s);
}
