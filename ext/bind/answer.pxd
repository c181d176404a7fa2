"""An answer on its way into a connection, whichever interface the application speaks."""

from libc.errno cimport EIO, EMSGSIZE, ENOMEM, ERANGE, ETIMEDOUT
from libc.stdint cimport int64_t

from c_http cimport (
    FF_FRAMING_LENGTH,
    ff_buffer,
    ff_buffer_append,
    ff_buffer_head,
    ff_buffer_len,
    ff_http_response,
    ff_http_response_end_head,
)
from c_lane cimport (
    ff_conn,
    ff_exchange_flush,
    ff_exchange_keeps_alive,
    ff_exchange_write,
    ff_lane,
    ff_tenure_date,
    ff_work,
)


cdef inline int put_head(
    ff_lane *lane, ff_conn *conn, ff_http_response *head, const ff_buffer *rendered, int64_t length
) noexcept:
    """Put *head*, *rendered* apart, into the output; *length* of the whole body if known, else -1.

    0, -ENOMEM, or -ERANGE: the application announced `head.left` octets, and it is not *length*.
    """
    cdef ff_work *work = conn.work
    cdef int r
    # A tunnel is not what we would make of an accepted CONNECT: nothing may follow.
    head.keep_alive = not work.request.is_connect and ff_exchange_keeps_alive(lane, conn)
    r = ff_http_response_end_head(head, length, ff_tenure_date(lane))
    if r < 0:
        return r
    if head.framing == FF_FRAMING_LENGTH and 0 <= length != <int64_t>head.left:
        return -ERANGE
    head.out = &work.out
    head.mark = ff_buffer_len(&work.out)
    r = ff_buffer_append(&work.out, ff_buffer_head(rendered), ff_buffer_len(rendered))
    if r < 0:
        return r
    work.response = head[0]
    return 0


cdef inline int transmit(
    ff_lane *lane, ff_conn *c, const char *data, size_t n, bint is_urgent
) noexcept nogil:
    """Add *n* octets to the body; send them at once if it *is_urgent*."""
    cdef int r = ff_exchange_write(lane, c, data, n)
    return ff_exchange_flush(lane, c) if r == 0 and is_urgent else r


cdef inline object mistake_in(int r):
    """Say what the application did wrong, if *r* means that."""
    if r == -ENOMEM:
        raise MemoryError
    if r == -EMSGSIZE:
        return "the body has more octets than its Content-Length"
    if r == -EIO:
        return "the file of the response became shorter while it was sent"
    return None


cdef inline object trouble_with_client(int r):
    """Return the exception for a client that is slow or gone."""
    if r == -ETIMEDOUT:
        return TimeoutError(ETIMEDOUT, "the client reads too slowly")
    return OSError(-r, "the client went away")


cdef inline object refusal_line(int status):
    """Return the status line of what the core answers in the application's place."""
    if status == 400:
        return "400 Bad Request"
    if status == 413:
        return "413 Content Too Large"
    if status == 503:
        return "503 Service Unavailable"
    if status == 504:
        return "504 Gateway Timeout"
    return "408 Request Timeout" if status == 408 else "500 Internal Server Error"
