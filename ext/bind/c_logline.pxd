"""Mirrors logline.h."""

from libc.stdint cimport int64_t, uint64_t

from c_http cimport c_bool, ff_buffer


cdef extern from "logline.h" nogil:
    enum ff_logline_style:
        FF_LOGLINE_TEXT
        FF_LOGLINE_JSON

    struct ff_logline:
        ff_buffer text
        uint64_t lost

    void ff_logline_open(ff_logline *log, int fd)
    void ff_logline_close(ff_logline *log)
    void ff_logline_add(ff_logline *log, const char *octets, size_t n)
    void ff_logline_escape(ff_logline *log, const char *octets, size_t n, ff_logline_style style)
    void ff_logline_number(ff_logline *log, uint64_t number)
    void ff_logline_seconds(ff_logline *log, int64_t us)
    void ff_logline_end(ff_logline *log)
    void ff_logline_drop(ff_logline *log)
    void ff_logline_flush(ff_logline *log)
