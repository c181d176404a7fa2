# cython: language_level=3, boundscheck=False, wraparound=False
"""What is done for each request, each in a loop of its own, for bench_pieces.py."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Copy
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from libc.stdlib cimport free, malloc

from c_http cimport ff_buffer, ff_buffer_close, ff_http_body_limits, ff_http_limits, ff_http_request
from environ cimport KEYS, add_fields, add_target, constants_of, keys_of_known_fields, template_of

include "scopes.pxi"


cdef extern from "http_request.h" nogil:
    int ff_http_request_parse(
        const char *buf, size_t len, const ff_http_limits *limits, ff_http_request *out
    )


cdef extern from "http_body.h" nogil:
    struct ff_http_body:
        uint64_t decoded

    int ff_http_body_start(
        ff_http_body *body, const ff_http_request *req, const ff_http_body_limits *limits
    )
    int ff_http_body_decode(ff_http_body *body, char *buf, size_t *n, size_t *rest)


cdef extern from "http_response.h" nogil:
    struct ff_http_response:
        uint16_t status

    int ff_http_response_start(
        ff_http_response *r, ff_buffer *out, const ff_http_request *req, bint keep_alive,
        const char *status, size_t status_len
    )
    int ff_http_response_field(
        ff_http_response *r, const char *name, size_t name_len, const char *value, size_t value_len
    )
    int ff_http_response_end_head(ff_http_response *r, int64_t body_len, const char *date)


cdef extern from "balance.h" nogil:
    struct ff_balance_lane:
        uint32_t queued
        uint32_t running
        uint32_t service_us
        bint is_able
        bint is_overdue
        uint32_t at_once

    uint32_t ff_balance_credit(const ff_balance_lane *lane)
    int ff_balance_pick(const uint32_t *room, const uint32_t *owed, size_t lanes, size_t cursor)
    void ff_balance_turn(uint32_t *owed, size_t lanes, size_t *cursor, size_t lane)


cdef extern from "frame.h" nogil:
    struct ff_frame:
        uint32_t size
        uint8_t topic_size

    int ff_frame_read(const char *bytes, size_t n, ff_frame *out)
    bint ff_frame_matches(const char *pattern, size_t pattern_size, const char *topic, size_t size)


cdef ff_http_limits limits = ff_http_limits(16384, 8190, 8190, 100, False)
cdef ff_http_body_limits body_limits = ff_http_body_limits(0, 16384)


def parse(bytes head, int rounds):
    """Parse *head* so often; return the fields of the last."""
    cdef ff_http_request request
    cdef int r = 0
    for _ in range(rounds):
        r = ff_http_request_parse(PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head), &limits, &request)
    assert r == 1
    return request.fields


def parse_with_environ(bytes head, int rounds):
    """Parse *head* and build its environ so often; return the last one."""
    cdef ff_http_request request
    cdef ff_buffer scratch = ff_buffer(NULL, 0, 0, 0)
    constants = constants_of("", None, None, None, None, False, True)
    cdef dict environ = None, template = template_of(("127.0.0.1", "8000"), constants)
    cdef tuple known = keys_of_known_fields()
    cdef list others = [""] * KEYS
    cdef const char *data = PyBytes_AS_STRING(head)
    for _ in range(rounds):
        if ff_http_request_parse(data, PyBytes_GET_SIZE(head), &limits, &request) != 1:
            raise ValueError("this head is refused")
        environ = PyDict_Copy(template)
        if request.target.len != 1 or data[request.target.at] != b"/":
            add_target(environ, &request, data, &scratch)
        add_fields(environ, &request, data, known, others)
    ff_buffer_close(&scratch)
    return environ


def decode(bytes head, bytes raw, int rounds):
    """Decode the chunks of *raw* so often, each time from a fresh copy; return the octets of content."""
    cdef ff_http_request request
    cdef ff_http_body body
    cdef size_t n, rest, size = PyBytes_GET_SIZE(raw)
    cdef char *copy = <char *>malloc(size)
    cdef int r = 1
    assert ff_http_request_parse(PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head), &limits, &request) == 1
    for _ in range(rounds):
        memcpy(copy, PyBytes_AS_STRING(raw), size)
        ff_http_body_start(&body, &request, &body_limits)
        n = size
        r = ff_http_body_decode(&body, copy, &n, &rest)
    free(copy)
    assert r == 1
    return body.decoded


def scope_of(bytes head, int rounds):
    """Parse *head* and build its scope anew so often; return the last one."""
    cdef ff_http_request request
    cdef Scopes scopes = Scopes((("127.0.0.1", "8000"),), "", None, {})
    cdef const char *data = PyBytes_AS_STRING(head)
    cdef dict scope = None
    for _ in range(rounds):
        if ff_http_request_parse(data, PyBytes_GET_SIZE(head), &limits, &request) != 1:
            raise ValueError("this head is refused")
        scopes.read(&request, data, 0)
        scope = PyDict_Copy(scopes.last)
        scope["headers"] = PyList_GetSlice(scopes.headers, 0, len(scopes.headers))
    return scope


def respond(bytes head, int rounds):
    """Render the head of an answer to *head* so often; return its octets."""
    cdef ff_http_request request
    cdef ff_http_response response
    cdef ff_buffer out = ff_buffer(NULL, 0, 0, 0)
    cdef const char *date = b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert ff_http_request_parse(PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head), &limits, &request) == 1
    for _ in range(rounds):
        ff_buffer_clear(&out)
        ff_http_response_start(&response, &out, &request, True, b"200 OK", 6)
        ff_http_response_field(&response, b"Content-Type", 12, b"text/plain", 10)
        ff_http_response_field(&response, b"Content-Length", 14, b"13", 2)
        ff_http_response_end_head(&response, 13, date)
    rendered = PyBytes_FromStringAndSize(ff_buffer_head(&out), ff_buffer_len(&out))
    ff_buffer_close(&out)
    return rendered


def deal(int lanes, int rounds):
    """Choose a lane of so many so often, all with credit; return how often the first one was chosen."""
    cdef uint32_t room[64]
    cdef uint32_t owed[64]
    cdef ff_balance_lane lane = ff_balance_lane(1, 1, 40, True, False, 0)
    cdef size_t cursor = 0
    cdef int chosen, first = 0
    assert lanes <= 64
    for i in range(lanes):
        owed[i] = 0
    for _ in range(rounds):
        for i in range(lanes):
            room[i] = ff_balance_credit(&lane)
        chosen = ff_balance_pick(room, owed, lanes, cursor)
        ff_balance_turn(owed, lanes, &cursor, chosen)
        first += chosen == 0
    return first


def route(bytes octets, bytes pattern, int rounds):
    """Read the frame that *octets* are, and compare its topic, so often; return how often it matched."""
    cdef ff_frame frame
    cdef const char *data = PyBytes_AS_STRING(octets)
    cdef int matched = 0
    for _ in range(rounds):
        ff_frame_read(data, PyBytes_GET_SIZE(octets), &frame)
        matched += ff_frame_matches(
            PyBytes_AS_STRING(pattern), PyBytes_GET_SIZE(pattern), data + 28, frame.topic_size
        )
    return matched
