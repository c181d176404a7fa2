#include "outbox.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The frame that begins at `at`; what stands in an outbox is whole and right. */
static size_t read_at(const struct ff_outbox *o, size_t at, struct ff_frame *frame)
{
    memcpy(frame, ff_buffer_head(&o->bytes) + at, sizeof(*frame));
    return sizeof(*frame) + frame->size;
}

/* Drops the oldest publications until `n` octets fit, and a little more: not for each one again. */
static void make_room(struct ff_outbox *o, size_t n)
{
    struct ff_frame frame;
    size_t len = ff_buffer_len(&o->bytes), at = o->begun;
    size_t wanted = n + o->limit / 16;
    while (at < len && len - (at - o->begun) + wanted > o->limit) {
        size_t size = read_at(o, at, &frame);
        if (frame.kind != FF_FRAME_PUBLISH && frame.kind != FF_FRAME_SEND)
            break;
        o->dropped += ff_frame_is_last(&frame);
        at += size;
    }
    char *head = ff_buffer_head(&o->bytes);
    memmove(head + at - o->begun, head, o->begun);
    ff_buffer_consume(&o->bytes, at - o->begun);
}

int ff_outbox_add(struct ff_outbox *o, enum ff_overflow policy, const struct ff_frame *frame,
                  const void *topic, const void *part, int64_t now_ms)
{
    size_t size = sizeof(*frame) + frame->size;
    if (!ff_outbox_has_room(o, size) && policy == FF_OVERFLOW_DROP_OLDEST)
        make_room(o, size);
    if (!ff_outbox_has_room(o, size)) {
        o->dropped += policy != FF_OVERFLOW_BLOCK;
        return -EAGAIN;
    }
    if (ff_buffer_len(&o->bytes) == 0)
        o->moved_ms = now_ms;
    int r = ff_buffer_reserve(&o->bytes, size);
    if (r < 0)
        return r;
    char *to = ff_buffer_tail(&o->bytes);
    memcpy(to, frame, sizeof(*frame));
    if (frame->topic_size > 0)
        memcpy(to + sizeof(*frame), topic, frame->topic_size);
    if (ff_frame_part(frame) > 0)
        memcpy(to + sizeof(*frame) + frame->topic_size, part, ff_frame_part(frame));
    o->bytes.end += size;
    return 0;
}

/* `n` octets are out: notes how much of a frame that has begun is left. */
static void went_out(struct ff_outbox *o, size_t n)
{
    struct ff_frame frame;
    size_t at = o->begun;
    while (at < n)
        at += read_at(o, at, &frame);
    o->begun = at - n;
    ff_buffer_consume(&o->bytes, n);
}

int ff_outbox_take(struct ff_outbox *o, struct ff_buffer *to, size_t n, int64_t now_ms)
{
    if (n > ff_buffer_len(&o->bytes))
        n = ff_buffer_len(&o->bytes);
    int r = ff_buffer_append(to, ff_buffer_head(&o->bytes), n);
    if (r < 0)
        return r;
    o->moved_ms = now_ms;
    went_out(o, n);
    return 0;
}

int ff_outbox_write(struct ff_outbox *o, int64_t now_ms)
{
    while (ff_buffer_len(&o->bytes) > 0) {
        size_t len = ff_buffer_len(&o->bytes);
        ssize_t n = write(o->fd, ff_buffer_head(&o->bytes), len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n <= 0)
            continue;
        o->moved_ms = now_ms;
        if ((size_t)n == len) {
            o->begun = 0;
            ff_buffer_clear(&o->bytes);
        } else {
            went_out(o, (size_t)n);
        }
    }
    return 0;
}
