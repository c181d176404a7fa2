/* The hub and the bridge to other servers. */
#include "bus_stage.h"

static void join_bridge(void)
{
    join(BRIDGE);
    say(BRIDGE, FF_FRAME_SUBSCRIBE, "*", "");
    say(BRIDGE, FF_FRAME_READY, "", "");
}

TEST(what_comes_over_the_bridge_is_said_by_another_server_and_does_not_go_back)
{
    struct ff_message m;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    join_bridge();
    say(0, FF_FRAME_SUBSCRIBE, "t", "");
    say(BRIDGE, FF_FRAME_PUBLISH, "t", "from there");
    CHECK(hear(0, &m) && m.frame.slot == FF_SLOT_ELSEWHERE && hears_nothing(BRIDGE));
    say(1, FF_FRAME_PUBLISH, "t", "from here");
    CHECK(hears(0, "from here") && hears(BRIDGE, "from here"));
    end();
}

TEST(publications_over_the_bridge_have_numbers_that_tell_of_those_dropped)
{
    struct ff_message m;
    static char text[60000];
    uint32_t number = 0;
    begin(128 << 10, FF_OVERFLOW_DROP_OLDEST);
    join_bridge();
    memset(text, 'x', sizeof(text) - 1);
    for (uint32_t i = 1; i <= 20; i++) /* the pipe holds 4 of them, the outbox 2 */
        say(0, FF_FRAME_PUBLISH, "t", text);
    uint32_t got = 0, missed = 0;
    for (; wait_for(BRIDGE, &m); got++) {
        missed += m.frame.id - number - 1;
        number = m.frame.id;
        if (number == 20)
            break;
    }
    CHECK(missed > 0 && got + 1 + missed == 20 && ff_hub_dropped(hub) == missed);
    end();
}

TEST(a_request_goes_over_the_bridge_if_nobody_here_answers_and_one_from_there_does_not)
{
    struct question q;
    struct ff_message m;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    join_bridge();
    start(&q, 0, "sum");
    CHECK(wait_for(BRIDGE, &m) && m.frame.kind == FF_FRAME_REQUEST);
    say_to(BRIDGE, FF_FRAME_REPLY, "", "over there", 0, m.frame.id);
    CHECK(finish(&q, FF_FRAME_REPLY, "over there"));
    start(&q, BRIDGE, "sum");
    CHECK(finish(&q, FF_FRAME_FAIL, "") && q.asker.frame.flags == FF_FAIL_NOBODY);
    say(1, FF_FRAME_RESPOND, "sum", "");
    start(&q, BRIDGE, "sum");
    CHECK(wait_for(1, &m) && m.frame.slot == FF_SLOT_ELSEWHERE);
    say_to(1, FF_FRAME_REPLY, "", "here", 0, m.frame.id);
    CHECK(finish(&q, FF_FRAME_REPLY, "here"));
    end();
}

TEST(the_bridge_is_told_who_responds_to_what_also_when_it_comes_late)
{
    struct ff_message m;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    say(0, FF_FRAME_RESPOND, "before", "");
    join_bridge();
    CHECK(hear(BRIDGE, &m) && m.frame.kind == FF_FRAME_RESPOND);
    CHECK(m.frame.topic_size == 6 && memcmp(m.topic, "before", 6) == 0);
    say(1, FF_FRAME_RESPOND, "after", "");
    CHECK(hear(BRIDGE, &m) && m.frame.topic_size == 5 && memcmp(m.topic, "after", 5) == 0);
    CHECK(hears_nothing(BRIDGE));
    end();
}

TEST(who_asked_over_a_bridge_that_died_is_told)
{
    struct question q;
    struct ff_message m;
    begin(1 << 20, FF_OVERFLOW_DROP_OLDEST);
    join_bridge();
    start(&q, 0, "sum");
    CHECK(wait_for(BRIDGE, &m));
    ff_hub_leave(hub, FF_HUB_BRIDGE);
    CHECK(finish(&q, FF_FRAME_FAIL, "") && q.asker.frame.flags == FF_FAIL_DIED);
    say(1, FF_FRAME_PUBLISH, "t", "alone");
    end();
}
