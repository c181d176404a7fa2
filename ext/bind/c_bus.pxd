"""Mirrors frame.h, inbox.h, outbox.h, link.h and the hub, as far as the bindings need them."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t, uint8_t


cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "bool"


cdef extern from "frame.h" nogil:
    enum:
        FF_FRAME_PART
        FF_FRAME_RAW
        FF_FRAME_SEND
        FF_FRAME_TOPIC_MAX
        FF_MESSAGE_MAX
        FF_SLOT_MASTER
        FF_SLOT_ELSEWHERE

    struct ff_frame:
        uint32_t size
        uint8_t kind, flags, topic_size
        uint16_t slot, to
        uint32_t id, offset, total


cdef extern from "outbox.h" nogil:
    enum ff_overflow:
        pass


cdef extern from "inbox.h" nogil:
    struct ff_message:
        ff_frame frame
        const char *topic
        const char *bytes

    struct ff_buffer:
        pass

    struct ff_inbox:
        ff_buffer bytes

    int ff_buffer_append(ff_buffer *b, const void *octets, size_t n)

    int ff_inbox_next(ff_inbox *inbox, ff_message *out)
    void ff_inbox_close(ff_inbox *inbox)


cdef extern from "link.h" nogil:
    const uint32_t FF_LINK_LATER

    struct ff_link:
        pass

    struct ff_answer:
        ff_frame frame
        char *bytes

    struct ff_asker:
        c_bool is_answered
        ff_frame frame
        char *bytes

    int ff_link_open(const int *ends, size_t limit, ff_overflow policy, ff_link **out)
    void ff_link_free(ff_link *link)
    int ff_link_say(
        ff_link *link, ff_frame *frame, const void *topic, const void *octets, size_t n, c_bool now
    )
    void ff_link_lose(ff_link *link)
    int ff_link_room(ff_link *link, int timeout_ms)
    int ff_link_hear(ff_link *link)
    ff_inbox *ff_link_inbox(ff_link *link)
    int ff_link_ask(
        ff_link *link, ff_asker *asker, ff_frame *frame, const void *topic, const void *octets, size_t n
    )
    int ff_link_await(ff_link *link, ff_asker *asker, int64_t until_us)
    void ff_link_forget(ff_link *link, ff_asker *asker)
    int ff_link_collect(ff_link *link)
    ff_answer *ff_link_answer(ff_link *link)
    int ff_link_fd(const ff_link *link, c_bool of_answers)


cdef extern from "hub.h" nogil:
    enum:
        FF_HUB_BRIDGE

    struct ff_hub:
        size_t limit
        ff_overflow policy
        uint64_t passed

    int ff_hub_join(ff_hub *h, uint16_t i, uint16_t slot, int *ends)
    void ff_hub_leave(ff_hub *h, uint16_t i)
    int ff_hub_say(ff_hub *h, ff_frame *frame, const void *topic, const void *part)
    c_bool ff_hub_has_mail(ff_hub *h)
    int ff_hub_take(ff_hub *h, ff_inbox *inbox)
    uint64_t ff_hub_dropped(const ff_hub *h)


cdef extern from "clock.h" nogil:
    int64_t ff_clock_us()
