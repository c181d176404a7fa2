# cython: language_level=3, boundscheck=False, wraparound=False
"""The parsers in a loop of their own, for parsers.py: what a head with its environ, or a body, costs."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Copy
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from libc.stdlib cimport free, malloc

from c_http cimport ff_buffer, ff_buffer_close, ff_http_body_limits, ff_http_limits, ff_http_request
from environ cimport KEYS, add_fields, add_target, constants_of, keys_of_known_fields, template_of


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
