#include "check.h"
#include "inbox.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static void add(struct ff_inbox *in, struct ff_frame f, const char *topic, const char *part)
{
    f.kind = FF_FRAME_PUBLISH;
    f.topic_size = (uint8_t)strlen(topic);
    f.size = (uint32_t)(strlen(topic) + strlen(part));
    ff_buffer_append(&in->bytes, &f, sizeof(f));
    ff_buffer_append(&in->bytes, topic, strlen(topic));
    ff_buffer_append(&in->bytes, part, strlen(part));
}

static void add_part(struct ff_inbox *in, uint16_t link, uint32_t offset, const char *part)
{
    add(in, (struct ff_frame){.link = link, .offset = offset, .total = 6}, "t", part);
}

static bool is_next(struct ff_inbox *in, const char *bytes)
{
    struct ff_message m;
    return ff_inbox_next(in, &m) == 1 && m.frame.total == strlen(bytes) &&
           memcmp(m.bytes, bytes, m.frame.total) == 0;
}

TEST(messages_come_as_they_were_sent_octet_by_octet)
{
    struct ff_inbox all = {0}, in = {0};
    struct ff_message m;
    int seen = 0;
    add(&all, (struct ff_frame){.total = 3}, "topic", "one");
    add(&all, (struct ff_frame){.total = 0}, "", "");
    add(&all, (struct ff_frame){.total = 5}, "x", "three");
    for (size_t i = 0; i < ff_buffer_len(&all.bytes); i++) {
        ff_buffer_append(&in.bytes, ff_buffer_head(&all.bytes) + i, 1);
        seen += ff_inbox_next(&in, &m);
    }
    CHECK(seen == 3 && m.frame.topic_size == 1 && memcmp(m.bytes, "three", 5) == 0);
    ff_inbox_close(&in), ff_inbox_close(&all);
}

TEST(parts_of_several_senders_become_their_messages)
{
    struct ff_inbox in = {0};
    add_part(&in, 1, 0, "abc");
    add_part(&in, 2, 0, "123");
    add(&in, (struct ff_frame){.total = 5}, "t", "small");
    add_part(&in, 2, 3, "456");
    add_part(&in, 1, 3, "def");
    CHECK(is_next(&in, "small") && is_next(&in, "123456") && is_next(&in, "abcdef"));
    CHECK(!is_next(&in, "") && in.partial == NULL);
    ff_inbox_close(&in);
}

TEST(a_message_that_lost_a_part_is_no_message)
{
    struct ff_inbox in = {0};
    add_part(&in, 1, 0, "ab");
    add_part(&in, 1, 4, "ef");
    add_part(&in, 1, 2, "cd");
    CHECK(!is_next(&in, "abcdef") && in.partial == NULL);
    add_part(&in, 1, 0, "ab"); /* its sender died: the next one begins anew */
    add_part(&in, 1, 0, "uvw");
    add_part(&in, 1, 3, "xyz");
    CHECK(is_next(&in, "uvwxyz"));
    ff_inbox_close(&in);
}

TEST(what_is_no_frame_is_refused)
{
    struct ff_frame good = {.kind = FF_FRAME_SEND, .size = 3, .topic_size = 1, .total = 2}, bad;
    char bytes[64] = {0};
    memcpy(bytes, &good, sizeof(good));
    CHECK(ff_frame_read(bytes, sizeof(bytes), &bad) == (int)sizeof(good) + 3);
    CHECK(ff_frame_read(bytes, sizeof(good) + 2, &bad) == 0);
    struct ff_frame wrong[] = {
        {.kind = 0, .size = 0},
        {.kind = FF_FRAME_KINDS},
        {.kind = 1, .size = 1, .topic_size = 2},
        {.kind = 1, .size = FF_FRAME_PART + 1, .total = FF_FRAME_PART + 1},
        {.kind = 1, .size = 2, .total = 1},
        {.kind = 1, .size = 2, .offset = UINT32_MAX, .total = 2},
        {.kind = 1, .size = 0, .total = 1},
        {.kind = 1, .size = 1, .total = FF_MESSAGE_MAX + 1},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        memcpy(bytes, &wrong[i], sizeof(wrong[i]));
        CHECK(ff_frame_read(bytes, sizeof(bytes), &bad) == -EPROTO);
    }
}

TEST(a_pattern_is_a_topic_or_the_beginning_of_some)
{
    CHECK(ff_frame_matches("a.b", 3, "a.b", 3) && !ff_frame_matches("a.b", 3, "a.bc", 4));
    CHECK(ff_frame_matches("a.*", 3, "a.b.c", 5) && ff_frame_matches("a.*", 3, "a.", 2));
    CHECK(!ff_frame_matches("a.*", 3, "a", 1) && ff_frame_matches("*", 1, "", 0));
    CHECK(!ff_frame_matches("a*b", 3, "axb", 3) && ff_frame_matches("", 0, "", 0));
}
