#include "check.h"
#include "inbox.h"
#include "outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT = 4096, PART = 100 };

static struct ff_outbox open_outbox(void)
{
    return (struct ff_outbox){.fd = -1, .limit = LIMIT};
}

static int add(struct ff_outbox *o, enum ff_overflow policy, uint8_t kind, uint32_t id)
{
    char part[PART];
    memset(part, (int)id, sizeof(part));
    struct ff_frame f = {.kind = kind, .topic_size = 1, .size = PART + 1, .total = PART, .id = id};
    return ff_outbox_add(o, policy, &f, "t", part, 0);
}

/* The ids that are in the outbox, as a reader would find them. */
static int read_ids(const struct ff_outbox *o, uint32_t *ids)
{
    struct ff_inbox in = {0};
    struct ff_message m;
    int n = 0;
    ff_buffer_append(&in.bytes, ff_buffer_head(&o->bytes) + o->begun,
                     ff_buffer_len(&o->bytes) - o->begun);
    while (ff_inbox_next(&in, &m) > 0)
        ids[n++] = m.bytes[0] == (char)m.frame.id ? m.frame.id : UINT32_MAX;
    ff_inbox_close(&in);
    return n;
}

TEST(a_new_message_is_dropped_when_that_is_the_policy)
{
    struct ff_outbox o = open_outbox();
    uint32_t ids[64], n = 0;
    while (add(&o, FF_OVERFLOW_DROP_NEW, FF_FRAME_PUBLISH, n) == 0)
        n++;
    CHECK(o.dropped == 1 && n > 20);
    CHECK(read_ids(&o, ids) == (int)n && ids[0] == 0 && ids[n - 1] == n - 1);
    ff_buffer_close(&o.bytes);
}

TEST(whoever_blocks_is_told_and_nothing_is_dropped)
{
    struct ff_outbox o = open_outbox();
    while (add(&o, FF_OVERFLOW_BLOCK, FF_FRAME_PUBLISH, 0) == 0)
        ;
    CHECK(add(&o, FF_OVERFLOW_BLOCK, FF_FRAME_PUBLISH, 0) == -EAGAIN && o.dropped == 0);
    ff_buffer_close(&o.bytes);
}

TEST(the_oldest_make_room_and_every_one_is_counted)
{
    struct ff_outbox o = open_outbox();
    uint32_t ids[64];
    for (uint32_t i = 0; i < 100; i++)
        CHECK(add(&o, FF_OVERFLOW_DROP_OLDEST, FF_FRAME_PUBLISH, i) == 0);
    int n = read_ids(&o, ids);
    CHECK(n > 20 && ids[n - 1] == 99 && ids[0] == 100 - (uint32_t)n);
    CHECK(o.dropped == 100 - (uint32_t)n);
    ff_buffer_close(&o.bytes);
}

TEST(requests_make_no_room_for_publications)
{
    struct ff_outbox o = open_outbox();
    uint32_t ids[64];
    CHECK(add(&o, FF_OVERFLOW_DROP_OLDEST, FF_FRAME_REQUEST, 7) == 0);
    int r = 0;
    for (uint32_t i = 0; i < 100 && r == 0; i++)
        r = add(&o, FF_OVERFLOW_DROP_OLDEST, FF_FRAME_PUBLISH, 50);
    CHECK(r == -EAGAIN && read_ids(&o, ids) > 20 && ids[0] == 7);
    ff_buffer_close(&o.bytes);
}

TEST(a_frame_that_is_half_out_is_never_dropped)
{
    int ends[2];
    char got[65536 * 2];
    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    struct ff_outbox o = {.fd = ends[1], .limit = 256 * 1024};
    struct ff_inbox in = {0};
    struct ff_message m;
    uint32_t id = 0, last = 0, seen = 0;
    /* the pipe is full long before the outbox is, somewhere inside a frame */
    for (; o.dropped < 100; id++)
        CHECK(add(&o, FF_OVERFLOW_DROP_OLDEST, FF_FRAME_PUBLISH, id) == 0 &&
              (ff_outbox_write(&o, 0) == 0 || errno == EAGAIN));
    CHECK(o.begun > 0);
    for (ssize_t n = 1; n > 0; ff_outbox_write(&o, 0)) {
        n = read(ends[0], got, sizeof(got));
        if (n > 0)
            ff_buffer_append(&in.bytes, got, (size_t)n);
        while (ff_inbox_next(&in, &m) > 0) {
            CHECK(seen == 0 || m.frame.id > last);
            CHECK(m.bytes[0] == (char)m.frame.id && m.bytes[PART - 1] == (char)m.frame.id);
            last = m.frame.id, seen++;
        }
    }
    CHECK(last == id - 1 && seen + o.dropped == id);
    ff_inbox_close(&in);
    ff_buffer_close(&o.bytes);
    close(ends[0]), close(ends[1]);
}
