#include "bus_stage.h"

TEST(a_publication_goes_to_all_that_subscribed_and_to_nobody_else)
{
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(0, FF_FRAME_SUBSCRIBE, "cache.*", "");
    say(1, FF_FRAME_SUBSCRIBE, "cache.drop", "");
    say(2, FF_FRAME_PUBLISH, "cache.drop", "a");
    say(0, FF_FRAME_PUBLISH, "cache.fill", "b");
    say(1, FF_FRAME_PUBLISH, "other", "c");
    CHECK(hears(0, "a") && hears(0, "b") && hears_nothing(0));
    CHECK(hears(1, "a") && hears_nothing(1) && hears_nothing(2));
    say(2, FF_FRAME_SUBSCRIBE, "*", ""); /* routes that were found before are found again */
    say(1, FF_FRAME_PUBLISH, "other", "d");
    CHECK(hears(2, "d") && hears_nothing(0));
    end();
}

TEST(who_says_it_is_what_the_hub_knows_and_not_what_was_said)
{
    struct ff_message m;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(0, FF_FRAME_SUBSCRIBE, "t", "");
    struct ff_frame f = {.kind = FF_FRAME_PUBLISH, .topic_size = 1, .slot = 0, .link = 77};
    ff_link_say(worker[2], &f, "t", "x", 1, true);
    settle();
    CHECK(hear(0, &m) && m.frame.slot == 2 && m.frame.link == 2);
    end();
}

TEST(a_message_to_a_slot_goes_to_its_worker_and_to_the_master)
{
    struct ff_message m;
    struct ff_inbox mail = {0};
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say_to(0, FF_FRAME_SEND, "t", "a", 2, 0);
    say_to(0, FF_FRAME_SEND, "t", "b", FF_SLOT_MASTER, 0);
    say_to(0, FF_FRAME_SEND, "t", "c", 200, 0);
    settle();
    CHECK(hears(2, "a") && hears_nothing(0) && hears_nothing(1));
    CHECK(ff_hub_has_mail(hub) && ff_hub_take(hub, &mail) == 0 && !ff_hub_has_mail(hub));
    CHECK(ff_inbox_next(&mail, &m) == 1 && m.bytes[0] == 'b' && ff_inbox_next(&mail, &m) == 0);
    CHECK(ff_hub_dropped(hub) == 1);
    ff_inbox_close(&mail);
    end();
}

TEST(an_answer_goes_to_who_asked_and_only_from_who_was_asked)
{
    struct question q;
    struct ff_message m;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(1, FF_FRAME_RESPOND, "sum", "");
    start(&q, 0, "sum");
    CHECK(wait_for(1, &m) && m.frame.kind == FF_FRAME_REQUEST);
    say_to(2, FF_FRAME_REPLY, "", "forged", 0, m.frame.id);
    say_to(1, FF_FRAME_REPLY, "", "right", 0, m.frame.id);
    CHECK(finish(&q, FF_FRAME_REPLY, "right"));
    say_to(1, FF_FRAME_REPLY, "", "twice", 0, m.frame.id); /* nobody asks any more */
    settle();
    CHECK(hub->link[1]->working == 0);
    end();
}

TEST(a_request_that_nobody_answers_fails_at_once)
{
    struct question q;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    start(&q, 0, "nothing");
    CHECK(finish(&q, FF_FRAME_FAIL, "") && q.asker.frame.flags == FF_FAIL_NOBODY);
    end();
}

TEST(an_answer_that_no_thread_waits_for_is_kept_whoever_reads_it)
{
    struct question q;
    struct ff_message m, later;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(1, FF_FRAME_RESPOND, "sum", "");
    CHECK(ff_link_collect(worker[0]) == 1 && !ff_link_answer(worker[0]));
    say_to(0, FF_FRAME_REQUEST, "sum", "?", 0, FF_LINK_LATER | 7);
    CHECK(wait_for(1, &later));
    uint32_t id = later.frame.id;
    start(&q, 0, "sum");
    CHECK(wait_for(1, &m));
    say_to(1, FF_FRAME_REPLY, "", "later", 0, id);
    say_to(1, FF_FRAME_REPLY, "", "now", 0, m.frame.id);
    while (!atomic_load(&q.is_over)) /* who waits is told that there is another one */
        turn();
    pthread_join(q.thread, NULL);
    if (q.result == -EINTR) {
        CHECK(ff_link_collect(worker[0]) == 1);
    } else {
        CHECK(q.result == 0 && q.asker.frame.total == 3);
        free(q.asker.bytes);
    }
    struct ff_answer *a = ff_link_answer(worker[0]);
    CHECK(a && a->frame.id == (FF_LINK_LATER | 7) && memcmp(a->bytes, "later", 5) == 0);
    free(a);
    CHECK(!ff_link_answer(worker[0]));
    ff_hub_free(hub), hub = NULL;
    CHECK(ff_link_collect(worker[0]) == 0);
    end();
}

TEST(who_asked_a_worker_that_died_is_told)
{
    struct question q;
    struct ff_message m;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(1, FF_FRAME_RESPOND, "sum", "");
    start(&q, 0, "sum");
    CHECK(wait_for(1, &m));
    ff_hub_leave(hub, 1);
    CHECK(finish(&q, FF_FRAME_FAIL, "") && q.asker.frame.flags == FF_FAIL_DIED);
    end();
}

TEST(requests_go_to_who_has_the_fewest)
{
    struct question q[4];
    struct ff_message m;
    int asked[WORKERS] = {0};
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    for (int i = 1; i < WORKERS; i++)
        say(i, FF_FRAME_RESPOND, "sum", "");
    for (int k = 0; k < 4; k++)
        start(&q[k], 0, "sum");
    while (hub->link[1]->working + hub->link[2]->working < 4)
        turn();
    CHECK(hub->link[1]->working == 2 && hub->link[2]->working == 2);
    for (int i = 1; i < WORKERS; i++)
        for (; asked[i] < 2 && wait_for(i, &m); asked[i]++)
            say_to(i, FF_FRAME_REPLY, "", "42", 0, m.frame.id);
    for (int k = 0; k < 4; k++)
        CHECK(finish(&q[k], FF_FRAME_REPLY, "42"));
    end();
}

TEST(a_worker_that_reads_nothing_costs_the_others_nothing)
{
    begin(1 << 18, FF_OVERFLOW_DROP_OLDEST);
    say(0, FF_FRAME_SUBSCRIBE, "*", "");
    say(1, FF_FRAME_SUBSCRIBE, "*", "");
    char text[1001] = {0};
    memset(text, 'x', 1000);
    for (int n = 0; n < 2000; n++) {
        CHECK(say(2, FF_FRAME_PUBLISH, "t", text) == 0);
        CHECK(hears(1, text));
    }
    CHECK(ff_hub_dropped(hub) > 1000);
    CHECK(ff_buffer_len(&hub->link[0]->out[0].bytes) <= 1 << 18);
    CHECK(hears(0, text)); /* it goes on where it was */
    end();
}

TEST(what_finds_no_room_in_a_worker_is_counted_by_the_hub)
{
    begin(1 << 18, FF_OVERFLOW_DROP_NEW);
    say(1, FF_FRAME_SUBSCRIBE, "t", "");
    char text[1001] = {0};
    memset(text, 'x', 1000);
    uint64_t refused = 0, heard = 0;
    for (int n = 0; n < 2000; n++) /* the hub reads nothing meanwhile */
        refused += say_to(0, FF_FRAME_PUBLISH, "t", text, 0, 0) == -EAGAIN;
    ff_link_lose(worker[0]);
    while (heard + ff_hub_dropped(hub) < 2001) {
        turn();
        heard += hears(1, text);
    }
    CHECK(refused > 1000 && ff_hub_dropped(hub) > refused && hears_nothing(1));
    end();
}

TEST(with_block_the_sender_waits_but_not_for_the_deaf)
{
    begin(1 << 18, FF_OVERFLOW_BLOCK);
    say(0, FF_FRAME_SUBSCRIBE, "*", "");
    char text[1001] = {0};
    memset(text, 'x', 1000);
    int r = 0;
    for (int n = 0; n < 5000 && r == 0; n++)
        r = say(2, FF_FRAME_PUBLISH, "t", text);
    CHECK(r == -EAGAIN && ff_hub_dropped(hub) == 0 && hub->held == 1);
    CHECK(ff_hub_next(hub) != INT64_MAX);
    hub->link[0]->out[0].moved_ms -= FF_HUB_DEAF_MS;
    settle();
    CHECK(hub->held == 0 && ff_hub_dropped(hub) > 0);
    end();
}

TEST(what_a_worker_said_in_full_before_it_died_arrives_and_half_a_frame_does_not)
{
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(0, FF_FRAME_SUBSCRIBE, "*", "");
    say_to(1, FF_FRAME_PUBLISH, "t", "last words", 0, 0);
    struct ff_frame f = {.kind = FF_FRAME_PUBLISH, .size = 100, .total = 100};
    CHECK(write(ends[1][FF_HUB_UP], &f, sizeof(f)) == sizeof(f));
    ff_hub_leave(hub, 1);
    settle();
    CHECK(hears(0, "last words") && hears_nothing(0));
    ff_link_free(worker[1]);
    join(1);
    say(1, FF_FRAME_PUBLISH, "t", "the next one");
    CHECK(hears(0, "the next one"));
    end();
}

TEST(a_worker_that_says_no_frame_is_not_listened_to)
{
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(0, FF_FRAME_SUBSCRIBE, "*", "");
    char garbage[4096];
    memset(garbage, 0xff, sizeof(garbage));
    CHECK(write(ends[1][FF_HUB_UP], garbage, sizeof(garbage)) == sizeof(garbage));
    settle();
    CHECK(hub->link[1]->in[FF_HUB_UP].fd < 0);
    say(2, FF_FRAME_PUBLISH, "t", "x");
    CHECK(hears(0, "x") && hears_nothing(0));
    end();
}

/* ---- messages in parts ---- */

static char big[BIG];
static _Atomic int big_result;

static void *say_big(void *arg)
{
    struct ff_frame f = {.kind = FF_FRAME_PUBLISH, .topic_size = 3};
    big_result = ff_link_say(worker[1], &f, "big", big, sizeof(big), false);
    return arg;
}

TEST(small_messages_pass_a_big_one_whose_reader_is_slow)
{
    struct ff_message m;
    pthread_t thread;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 >> 3);
    say(0, FF_FRAME_SUBSCRIBE, "big", "");
    say(2, FF_FRAME_SUBSCRIBE, "small", "");
    big_result = 1;
    CHECK(pthread_create(&thread, NULL, say_big, NULL) == 0);
    while (hub->held == 0)
        turn();
    say(1, FF_FRAME_PUBLISH, "small", "s"); /* by the same sender */
    CHECK(hears(2, "s"));
    CHECK(ff_buffer_len(&hub->link[0]->out[0].bytes) < 1 << 20);
    CHECK(wait_for(0, &m) && m.frame.total == BIG && memcmp(m.bytes, big, BIG) == 0);
    pthread_join(thread, NULL);
    CHECK(big_result == 0 && ff_hub_dropped(hub) == 0);
    end();
}

TEST(a_big_message_is_given_up_when_nobody_reads_it)
{
    pthread_t thread;
    begin(1 << 20, FF_OVERFLOW_DROP_NEW);
    say(0, FF_FRAME_SUBSCRIBE, "big", "");
    big_result = 1;
    CHECK(pthread_create(&thread, NULL, say_big, NULL) == 0);
    while (hub->held == 0)
        turn();
    while (big_result > 0) {
        hub->link[0]->out[0].moved_ms = -FF_HUB_DEAF_MS;
        turn();
    }
    pthread_join(thread, NULL);
    CHECK(big_result == 0 && ff_hub_dropped(hub) > 0);
    end();
}

TEST(a_big_message_to_the_master_goes_on_as_soon_as_its_mail_is_taken)
{
    struct ff_message m;
    struct ff_inbox mail = {0};
    pthread_t thread;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    struct ff_frame f = {.kind = FF_FRAME_SUBSCRIBE, .topic_size = 3, .size = 3};
    CHECK(ff_hub_say(hub, &f, "big", NULL) == 0);
    CHECK(pthread_create(&thread, NULL, say_big, NULL) == 0);
    while (ff_inbox_next(&mail, &m) == 0) {
        while (!ff_hub_has_mail(hub))
            turn();
        while (ff_hub_has_mail(hub))
            CHECK(ff_hub_take(hub, &mail) == 0);
        CHECK(hub->held == 0);
    }
    pthread_join(thread, NULL);
    CHECK(m.frame.total == BIG && ff_hub_dropped(hub) == 0);
    ff_inbox_close(&mail);
    end();
}

/* ---- who leads ---- */

static bool leads(int i)
{
    struct ff_message m;
    settle();
    return hear(i, &m) && m.frame.kind == FF_FRAME_LEAD;
}

TEST(exactly_one_leads_and_the_next_one_only_after_it)
{
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(1, FF_FRAME_CANDIDATE, "", "");
    say(0, FF_FRAME_CANDIDATE, "", "");
    CHECK(leads(1) && hears_nothing(0) && hears_nothing(2));
    say(1, FF_FRAME_RESIGN, "", "");
    CHECK(leads(0) && hears_nothing(1));
    say(2, FF_FRAME_CANDIDATE, "", "");
    CHECK(hears_nothing(2));
    ff_hub_leave(hub, 0);
    CHECK(leads(2));
    end();
}
