"""The content of a request, read as a file is (PEP 3333: read, readline)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport ECONNRESET, EFBIG, EINTR, EIO, ENOMEM, EPROTO, ETIMEDOUT
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr

from c_http cimport ff_buffer_head
from c_lane cimport ff_conn, ff_exchange_read, ff_lane, ff_spool_len


cdef inline object gather(ff_lane *lane, ff_conn *conn, Py_ssize_t limit, bint is_line):
    """Return *limit* octets, fewer at the end, all if negative; with *is_line* up to a newline."""
    cdef list parts = []
    cdef const char *data
    cdef const char *newline
    cdef Py_ssize_t n
    cdef bint is_done = limit == 0
    while not is_done:
        if not is_line and conn.work.body_len == 0 and ff_spool_len(&conn.work.content) > 0:
            part = take_spooled(lane, conn, limit)
            parts.append(part)
            limit -= len(part) if limit > 0 else 0
            is_done = limit == 0
            continue
        if not wait_for_content(lane, conn):
            break
        n = conn.work.body_len
        if 0 < limit <= n:
            n = limit
            is_done = True
        if is_line:
            data = ff_buffer_head(&conn.work.input) + conn.work.body_at
            newline = <const char *>memchr(data, b"\n", n)
            if newline != NULL:
                n = newline - data + 1
                is_done = True
        part = PyBytes_FromStringAndSize(NULL, n)
        ff_exchange_read(lane, conn, PyBytes_AS_STRING(part), n)
        parts.append(part)
        if limit > 0:
            limit -= n
    return parts[0] if len(parts) == 1 else b"".join(parts)


cdef inline bytes take_spooled(ff_lane *lane, ff_conn *conn, Py_ssize_t limit):
    """Return at most *limit* octets (any number if negative) of what waits in the file, in one read."""
    cdef uint64_t n = ff_spool_len(&conn.work.content)
    cdef ssize_t r
    cdef char *to
    if 0 < limit < <int64_t>n:
        n = limit
    part = PyBytes_FromStringAndSize(NULL, n)
    to = PyBytes_AS_STRING(part)
    with nogil:
        r = ff_exchange_read(lane, conn, to, n)
    if r < 0:
        raise OSError(-r, "the temporary file with the request's body can't be read")
    return part


cdef inline bint wait_for_content(ff_lane *lane, ff_conn *conn) except -1:
    """Return False at the end; raise OSError if the client does not get there."""
    cdef ssize_t r = 0
    while conn.work.body_len == 0:
        with nogil:
            r = ff_exchange_read(lane, conn, NULL, 0)
        if r == 0:
            break
        if r == -ENOMEM:
            raise MemoryError
        if r == -EIO:
            raise OSError(EIO, "the temporary file with the request's body can't be read")
        if r == -ETIMEDOUT:
            raise OSError(ETIMEDOUT, "the client sent nothing more of the request's body in time")
        if r == -EFBIG:
            raise OSError(EFBIG, "the request's body, or its framing, is larger than it may be")
        if r == -EPROTO:
            raise OSError(EPROTO, "the chunks of the request's body are malformed")
        if r != -EINTR:
            raise OSError(ECONNRESET, "the client went away inside the request's body")
        PyErr_CheckSignals()
    return conn.work.body_len > 0
