#include "check.h"
#include "link.h"
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* What a process forgets when it executes another image: its descriptors stay. */
static struct ff_dispatcher *forgotten[8];
static size_t times;

/* The master of the stage executes itself. */
static int upgrade(struct stage *s)
{
    struct ff_buffer octets;
    struct ff_dispatcher *next;
    int r = ff_dispatcher_write(s->d, &octets);
    if (r == 0)
        r = ff_dispatcher_read(ff_buffer_head(&octets), ff_buffer_len(&octets), 75000, 10000,
                               &next);
    ff_buffer_close(&octets);
    if (r < 0)
        return r;
    close(s->d->poller);
    forgotten[times++] = s->d;
    s->d = next;
    return ff_dispatcher_listen(next, s->listener);
}

TEST(connections_that_are_parked_and_new_ones_are_served_by_the_lanes_of_before)
{
    struct stage *s = stage_open(64, 2);
    int client[10];
    for (int i = 0; i < 10; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], GET("/1"));
        CHECK(strstr(stage_read(s, client[i]), "200 OK"));
    }
    for (int i = 0; i < 5; i++) /* of both lanes, some parked, some hot */
        ff_keeper_clear(s->d, (uint16_t)(i % 2));
    uint64_t accepted = s->d->stats.accepted;
    CHECK(upgrade(s) == 0);
    CHECK(s->d->stats.accepted == accepted);
    for (int i = 0; i < 10; i++) {
        stage_send(client[i], GET("/2"));
        CHECK(strstr(stage_read(s, client[i]), "/2"));
    }
    int new = stage_connect(s);
    stage_send(new, GET("/new"));
    CHECK(strstr(stage_read(s, new), "/new"));
    for (int i = 0; i < 10; i++)
        close(client[i]);
    close(new);
    stage_close(s);
}

TEST(what_was_queued_and_what_ran_goes_on)
{
    struct stage *s = stage_open(64, 1);
    int held = stage_connect(s), queued = stage_connect(s);
    stage_send(held, GET("/hold"));
    stage_run(s);
    CHECK(s->held[0] != NULL);
    stage_send(queued, GET("/queued"));
    stage_run_master(s);
    CHECK(upgrade(s) == 0);
    stage_finish(s, 0);
    CHECK(strstr(stage_read(s, held), "200 OK"));
    CHECK(strstr(stage_read(s, queued), "/queued"));
    close(held);
    close(queued);
    stage_close(s);
}

TEST(a_worker_that_died_meanwhile_is_recovered)
{
    struct stage *s = stage_open(8, 2);
    int running = stage_connect(s), idle = stage_connect(s);
    stage_send(running, GET("/hold"));
    stage_run(s);
    CHECK(s->held[0] != NULL);
    stage_send(idle, GET("/idle"));
    CHECK(strstr(stage_read(s, idle), "1 /idle"));
    CHECK(upgrade(s) == 0);
    CHECK(stage_kill(s, 0) == 0);
    stage_run(s);
    CHECK(s->held[1] != NULL && s->d->stats.replayed == 1);
    stage_kill(s, 1); /* twice is too often for the request, but not for the connection beside it */
    stage_sit(s, 0);
    stage_send(idle, GET("/again"));
    CHECK(strstr(stage_read(s, idle), "0 /again"));
    close(running);
    close(idle);
    stage_close(s);
}

TEST(octets_that_were_kept_for_replay_are_replayed_by_the_next_image)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, GET("/hold"));
    stage_run(s);
    CHECK(stage_kill(s, 0) == 0);
    CHECK(s->d->lanes == 1 && upgrade(s) == 0);
    stage_sit(s, 0);
    stage_run(s);
    CHECK(s->held[0] != NULL && s->d->stats.replayed == 1);
    close(client);
    stage_close(s);
}

static bool hears(struct ff_link *link, int from, const char *text)
{
    struct ff_message m;
    while (ff_inbox_next(ff_link_inbox(link), &m) == 0)
        if (ff_sock_await(from, false, 0) < 0 || ff_link_hear(link) <= 0)
            return false;
    return m.frame.total == strlen(text) && memcmp(m.bytes, text, m.frame.total) == 0;
}

static int say(struct ff_link *link, uint8_t kind, const char *topic, const char *text)
{
    struct ff_frame f = {.kind = kind, .topic_size = (uint8_t)strlen(topic)};
    return ff_link_say(link, &f, topic, text, strlen(text), true);
}

TEST(the_bus_goes_on_and_keeps_who_subscribed)
{
    struct stage *s = stage_open(8, 2);
    int ends[2][FF_HUB_PIPES];
    struct ff_link *link[2];
    for (uint16_t i = 0; i < 2; i++)
        CHECK(ff_hub_join(s->d->hub, i, i, ends[i]) == 0 &&
              ff_link_open(ends[i], 1 << 20, FF_OVERFLOW_DROP_OLDEST, &link[i]) == 0);
    CHECK(say(link[1], FF_FRAME_SUBSCRIBE, "news", "") == 0);
    stage_run_master(s);
    CHECK(say(link[0], FF_FRAME_PUBLISH, "news", "before") == 0); /* in the pipe */
    CHECK(upgrade(s) == 0);
    CHECK(say(link[0], FF_FRAME_PUBLISH, "news", "after") == 0);
    stage_run_master(s);
    CHECK(hears(link[1], ends[1][FF_HUB_DOWN], "before"));
    CHECK(hears(link[1], ends[1][FF_HUB_DOWN], "after"));
    for (int i = 0; i < 2; i++)
        ff_link_free(link[i]);
    stage_close(s);
}

TEST(what_ends_too_early_or_too_late_is_no_handover)
{
    struct stage *s = stage_open(8, 2);
    int client = stage_connect(s);
    struct ff_buffer octets;
    CHECK(ff_dispatcher_write(s->d, &octets) == 0);
    CHECK(ff_buffer_append(&octets, "x", 1) == 0);
    size_t whole = ff_buffer_len(&octets) - 1;
    const size_t wrong[] = {0, 4, sizeof(int) * 4, whole / 2, whole - 1, whole + 1};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        int status = 0;
        pid_t child = fork(); /* it closes what it has taken */
        if (child == 0) {
            struct ff_dispatcher *next;
            int r = ff_dispatcher_read(ff_buffer_head(&octets), wrong[i], 1, 1, &next);
            _exit(r == -EPROTO ? 0 : 1);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    ff_buffer_close(&octets);
    close(client);
    stage_close(s);
}

TEST(descriptors_stay_open_for_another_image_only_when_told)
{
    struct stage *s = stage_open(8, 1);
    int client = stage_connect(s);
    stage_send(client, GET("/1"));
    CHECK(strstr(stage_read(s, client), "200 OK"));
    int ours = s->d->escrow.entry[1].fd;
    ff_dispatcher_survive(s->d, true);
    CHECK(fcntl(ours, F_GETFD) == 0 && fcntl(s->d->page_fd, F_GETFD) == 0);
    CHECK(fcntl(s->d->lane[0]->send_end, F_GETFD) == 0);
    ff_dispatcher_survive(s->d, false);
    CHECK(fcntl(ours, F_GETFD) == FD_CLOEXEC && fcntl(s->d->bell, F_GETFD) == FD_CLOEXEC);
    close(client);
    stage_close(s);
}

TEST(the_layout_is_a_number_that_stays_the_same)
{
    CHECK(ff_dispatcher_layout() != 0);
    CHECK(ff_dispatcher_layout() == ff_dispatcher_layout());
}
