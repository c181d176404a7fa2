"""Mirrors buffer.h, http_request.h and http_response.h, as far as the bindings need them."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from c_networks cimport ff_peer


cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "bool"


cdef extern from "buffer.h" nogil:
    struct ff_buffer:
        char *data
        size_t start, end, cap

    size_t ff_buffer_len(const ff_buffer *b)
    char *ff_buffer_head(const ff_buffer *b)
    int ff_buffer_reserve(ff_buffer *b, size_t n)
    int ff_buffer_append(ff_buffer *b, const void *bytes, size_t n)
    void ff_buffer_clear(ff_buffer *b)
    void ff_buffer_close(ff_buffer *b)


cdef extern from "http_request.h" nogil:
    enum ff_http_field_name:
        FF_FIELD_OTHER
        FF_FIELD_CONTENT_LENGTH
        FF_FIELD_CONTENT_TYPE
        FF_FIELD_COOKIE
        FF_FIELD_HOST
        FF_FIELD_PROXY
        FF_FIELD_CONNECTION
        FF_FIELD_UPGRADE
        FF_FIELD_COUNT

    const char *ff_http_field_spelling(ff_http_field_name name)

    struct ff_http_slice:
        uint16_t at, len

    struct ff_http_field:
        ff_http_slice name, value
        uint8_t known
        c_bool ascii, underscore

    struct ff_http_limits:
        uint32_t head, line, field, fields
        c_bool refuse_underscores

    struct ff_http_request:
        uint32_t head_len
        ff_http_slice method, target, path, query, host
        uint8_t minor
        c_bool path_encoded, is_head, is_connect, is_https, is_forwarded
        uint16_t fields
        ff_http_field field[128]

    size_t ff_http_decode_path(const char *source, size_t n, char *to)


cdef extern from "http_body.h" nogil:
    struct ff_http_body_limits:
        uint64_t content
        uint32_t overhead


cdef extern from "http_forwarded.h" nogil:
    enum ff_scheme:
        FF_SCHEME_UNSAID
        FF_SCHEME_HTTPS

    struct ff_http_forwarded:
        ff_peer client
        ff_http_slice host, name
        uint16_t port
        uint8_t scheme


cdef extern from "http_response.h" nogil:
    enum ff_http_framing:
        FF_FRAMING_NONE
        FF_FRAMING_LENGTH

    struct ff_http_response:
        ff_buffer *out
        size_t mark
        uint64_t left, sent
        uint16_t status
        uint8_t framing
        c_bool keep_alive, has_length

    int ff_http_response_start(
        ff_http_response *r, ff_buffer *out, const ff_http_request *req, c_bool keep_alive,
        const char *status, size_t status_len,
    )
    int ff_http_response_field(
        ff_http_response *r, const char *name, size_t name_len, const char *value, size_t value_len,
    )
    int ff_http_response_trailer(
        ff_http_response *r, const char *name, size_t name_len, const char *value, size_t value_len,
    )
    int ff_http_response_end_head(ff_http_response *r, int64_t body_len, const char *date)
