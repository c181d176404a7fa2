"""Mirrors page.h, escrow.h, dispatcher.h and keeper.h, as far as the bindings need them."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from c_bus cimport ff_hub


cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "bool"


cdef extern from "buffer.h" nogil:
    struct ff_buffer:
        pass

    size_t ff_buffer_len(const ff_buffer *b)
    char *ff_buffer_head(const ff_buffer *b)
    void ff_buffer_close(ff_buffer *b)


cdef extern from "histogram.h" nogil:
    enum:
        FF_HISTOGRAM_RANGES

    struct ff_histogram:
        uint64_t count[104]
        uint64_t sum_us

    int64_t ff_histogram_end(uint32_t range)


cdef extern from "page.h" nogil:
    enum:
        FF_LANES_MAX

    struct ff_lane_line:
        uint32_t claimed
        uint32_t running
        uint32_t connections
        int64_t busy_since_us
        uint64_t requests
        uint64_t lines_lost
        ff_histogram took, waited
        uint32_t refusals[16]

    struct ff_page:
        ff_lane_line lane[512]


cdef extern from "http_response.h" nogil:
    int ff_http_refusal_status(size_t kind)


cdef extern from "escrow.h" nogil:
    enum:
        FF_LIST_WAITING
        FF_LIST_SUSPECT
        FF_LIST_PARKED
        FF_LIST_SILENT
        FF_LIST_HALF
        FF_LIST_LINGER
        FF_LIST_FREE

    struct ff_escrow_list:
        uint32_t count

    struct ff_escrow:
        uint32_t touched
        ff_escrow_list list[519]


cdef extern from "poller.h" nogil:
    enum:
        FF_POLLER_BATCH


cdef extern from "dispatcher.h" nogil:
    struct ff_dispatcher_stats:
        uint64_t accepted, dealt, redealt, taken, replayed, refused, closed, lost, accept_errors
        uint64_t evicted

    enum:
        FF_RESCUED_MAX

    struct ff_rescued:
        unsigned char rescue
        c_bool is_timed_out
        char line[120]

    struct ff_master_lane:
        int receive_end
        c_bool is_timed_out
        c_bool is_stuck
        char *blocks
        uint64_t dealt_in_all

    struct ff_dispatcher:
        ff_page *page
        ff_escrow escrow
        int bell
        c_bool is_listening
        c_bool is_full
        c_bool is_short
        int shortage
        int policy
        uint32_t at_once
        size_t lanes
        ff_master_lane *lane[512]
        ff_dispatcher_stats stats
        int64_t timeout_us
        int64_t half_ms
        c_bool may_replay
        ff_hub *hub
        size_t rescues
        ff_rescued rescued[16]

    int ff_dispatcher_open(
        uint32_t conns_max, int64_t keep_alive_ms, int64_t silence_ms, ff_dispatcher **out
    )
    int ff_dispatcher_write(ff_dispatcher *d, ff_buffer *out)
    int ff_dispatcher_read(
        const void *octets, size_t n, int64_t keep_alive_ms, int64_t silence_ms, ff_dispatcher **out
    )
    void ff_dispatcher_survive(ff_dispatcher *d, c_bool on)
    uint32_t ff_dispatcher_layout()
    void ff_dispatcher_free(ff_dispatcher *d)
    int ff_dispatcher_listen(ff_dispatcher *d, int fd)
    void ff_dispatcher_stop_accepting(ff_dispatcher *d, c_bool drain_backlog)
    int ff_dispatcher_watch(ff_dispatcher *d, int fd)
    int ff_dispatcher_unwatch(ff_dispatcher *d, int fd)
    int ff_dispatcher_lease(ff_dispatcher *d, uint16_t slot)
    void ff_dispatcher_ready(ff_dispatcher *d, uint16_t lane)
    void ff_dispatcher_rest(ff_dispatcher *d, uint16_t lane)
    void ff_dispatcher_leave(ff_dispatcher *d, uint16_t lane)
    void ff_dispatcher_release(ff_dispatcher *d, uint16_t lane)
    void ff_dispatcher_close_channels(ff_dispatcher *d)
    int ff_dispatcher_wait(ff_dispatcher *d, int timeout_ms, int *ready)


cdef extern from "dealer.h" nogil:
    uint32_t ff_dealer_credit(const ff_dispatcher *d, size_t i)


cdef extern from "recovery.h" nogil:
    int ff_recovery_run(ff_dispatcher *d, const uint16_t *lanes, size_t n, bint by_itself)
