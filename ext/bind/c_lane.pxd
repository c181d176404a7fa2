"""Mirrors conn.h, lane.h, tenure.h, exchange.h and clock.h, as far as the bindings need them."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from c_http cimport (
    c_bool, ff_buffer, ff_http_body_limits, ff_http_forwarded, ff_http_limits, ff_http_request,
    ff_http_response,
)
from c_networks cimport ff_networks, ff_peer
from c_seat cimport ff_seat


cdef extern from "page.h" nogil:
    struct ff_conn_line:
        uint8_t listener
        ff_peer client

    struct ff_lane_line:
        uint64_t requests
        uint64_t lines_lost


cdef extern from "spool.h" nogil:
    struct ff_spool:
        pass

    uint64_t ff_spool_len(const ff_spool *s)


cdef extern from "conn.h" nogil:
    enum:
        FF_WAIT_HEAD
        FF_WAIT_BODY
        FF_WAIT_WRITE
        FF_WAIT_PARK
        FF_WAIT_LINGER

    struct ff_work:
        ff_buffer out
        ff_buffer input "in"
        ff_http_request request
        ff_http_response response
        ff_http_forwarded forwarded
        size_t body_at, body_len
        ff_spool content
        c_bool is_begun, is_tunnel
        int64_t began_us
        uint32_t waited_us
        uint8_t news
        int trouble
        void *holder

    enum:
        FF_NEWS_INPUT
        FF_NEWS_ROOM
        FF_NEWS_END

    struct ff_conn:
        ff_work *work
        int fd
        c_bool is_ended

    struct ff_conn_limits:
        ff_http_limits http
        ff_http_body_limits body
        size_t body_buffer, chunked_buffer
        uint64_t spool
        const char *spool_dir
        uint32_t requests, rate


cdef extern from "lane.h" nogil:
    struct ff_lane_config:
        int replay
        int proxy
        ff_networks relays, trusted
        ff_seat seat
        int64_t wait_ms[5]
        ff_conn_limits limits
        const int *listeners
        size_t listener_count
        uint32_t at_once
        c_bool is_raw

    enum ff_lane_mode:
        FF_LANE_SERVING
        FF_LANE_DETACHED

    enum ff_lane_found:
        FF_LANE_NOTHING
        FF_LANE_REQUEST
        FF_LANE_NEWS

    struct ff_lane:
        ff_lane_config config
        ff_lane_line *line
        ff_lane_mode mode
        int poller
        int wake[2]
        uint32_t running, busy
        int spool_trouble, file_trouble
        ff_conn *again

    int ff_lane_open(const ff_lane_config *config, ff_lane **out)
    void ff_lane_free(ff_lane *lane)
    void ff_lane_leave(ff_lane *lane)
    void ff_lane_detach(ff_lane *lane)
    int ff_lane_wait(ff_lane *lane)
    int ff_lane_poll(ff_lane *lane)
    int64_t ff_lane_due_ms(ff_lane *lane)
    ff_lane_found ff_lane_next(ff_lane *lane, ff_conn **out)
    void ff_lane_beat(ff_lane *lane)


cdef extern from "tenure.h" nogil:
    ff_conn_line *ff_tenure_line(const ff_lane *lane, const ff_conn *c)
    const char *ff_tenure_date(ff_lane *lane)


cdef extern from "conn.h" nogil:
    c_bool ff_conn_has_whole_body(const ff_conn *c)


cdef extern from "exchange.h" nogil:
    ssize_t ff_exchange_read(ff_lane *lane, ff_conn *c, void *to, size_t n)
    c_bool ff_exchange_keeps_alive(const ff_lane *lane, const ff_conn *c)
    int ff_exchange_inform(ff_lane *lane, ff_conn *c, const ff_buffer *head)
    int ff_exchange_write(ff_lane *lane, ff_conn *c, const void *data, size_t n)
    void ff_exchange_let_spill(ff_conn *c)
    int ff_exchange_flush(ff_lane *lane, ff_conn *c)
    int ff_exchange_send_file(ff_lane *lane, ff_conn *c, int file, int64_t offset, size_t n)
    int ff_exchange_finish(ff_lane *lane, ff_conn *c)
    void ff_exchange_forbid_replay(ff_lane *lane, ff_conn *c)
    void ff_exchange_abort(ff_lane *lane, ff_conn *c, int status)


cdef extern from "duplex.h" nogil:
    int ff_duplex_want_input(ff_lane *lane, ff_conn *c)
    int ff_duplex_want_end(ff_lane *lane, ff_conn *c)
    int ff_duplex_want_room(ff_lane *lane, ff_conn *c)
    void ff_duplex_want_no_input(ff_lane *lane, ff_conn *c)
    int ff_duplex_write(ff_lane *lane, ff_conn *c, const void *data, size_t n, c_bool is_last)
    int ff_duplex_push(ff_lane *lane, ff_conn *c, const void *data, size_t n)
    int ff_duplex_tunnel(ff_lane *lane, ff_conn *c)
    void ff_duplex_close(ff_lane *lane, ff_conn *c)


cdef extern from "clock.h" nogil:
    int64_t ff_clock_us()
    int64_t ff_clock_wall_s()
