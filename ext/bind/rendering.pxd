"""The head of a response, as an application gives it (PEP 3333, ASGI 3.0)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.errno cimport EINVAL, ENOMEM, EPERM

from c_http cimport (
    ff_buffer,
    ff_buffer_append,
    ff_buffer_clear,
    ff_http_request,
    ff_http_response,
    ff_http_response_field,
    ff_http_response_start,
    ff_http_response_trailer,
)
from text cimport octets


cdef inline int render_head(
    ff_http_response *response, ff_buffer *out, const ff_http_request *request, status, headers
) except -1:
    """Begin *response* in the emptied *out*; raise what tells the application its mistake."""
    cdef Py_ssize_t n = 0
    cdef const char *text = octets(status, &n)
    cdef int r = -EINVAL
    ff_buffer_clear(out)
    if text != NULL:
        r = ff_http_response_start(response, out, request, True, text, n)
    if r == -ENOMEM:
        raise MemoryError
    if r < 0 or response.status < 200:
        raise ValueError(f'the status must be like "200 OK", not {status!r}')
    if not isinstance(headers, list):
        raise TypeError(f"the headers must be a list, not {type(headers).__name__}")
    for header in <list>headers:
        render_header(response, header)
    return 0


cdef inline int render_hints(ff_buffer *out, const ff_http_request *request, headers) except -1:
    """Put 103 Early Hints with these *headers* into *out* (RFC 8297)."""
    cdef ff_http_response interim
    if ff_http_response_start(&interim, out, request, True, "103 Early Hints", 15) < 0:
        raise MemoryError
    if not isinstance(headers, list):
        raise TypeError(f"the headers must be a list, not {type(headers).__name__}")
    for header in <list>headers:
        render_header(&interim, header)
    if ff_buffer_append(out, "\r\n", 2) < 0:
        raise MemoryError
    return 0


cdef inline int render_header(ff_http_response *response, header) except -1:
    cdef const char *name = NULL
    cdef const char *value = NULL
    cdef Py_ssize_t name_len = 0, value_len = 0
    cdef int r = -EINVAL
    if isinstance(header, tuple) and PyTuple_GET_SIZE(header) == 2:
        name = octets(<object>PyTuple_GET_ITEM(header, 0), &name_len)
        value = octets(<object>PyTuple_GET_ITEM(header, 1), &value_len)
    if name != NULL and value != NULL:
        r = ff_http_response_field(response, name, name_len, value, value_len)
    if r < 0:
        refuse_header(r, header, "a tuple of two well-formed latin-1 str")
    return 0


cdef inline int refuse_header(int r, header, str wanted) except -1:
    """Raise for the -errno of ff_http_response_field; *wanted* is what a header has to be."""
    if r == -ENOMEM:
        raise MemoryError
    if r == -EPERM:
        raise ValueError(f"the header {header!r} is hop-by-hop: only the server may send it")
    raise ValueError(f"a header must be {wanted}, not {header!r}")


cdef inline dict reasons():
    """Return the status line of each status with a name (RFC 9110 15)."""
    from http import HTTPStatus

    return {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


cdef inline object render_asgi_head(
    ff_http_response *response,
    ff_buffer *out,
    const ff_http_request *request,
    status,
    headers,
    dict lines,
):
    """Begin *response* in the emptied *out*; return its status line, taken from *lines* if it is there."""
    cdef Py_ssize_t n = 0
    cdef int r
    line = lines.get(status)
    if line is None:
        if type(status) is not int or not 200 <= status <= 999:
            raise ValueError(f"the status must be an int from 200 to 999, not {status!r}")
        line = f"{status} "
    cdef const char *text = octets(line, &n)
    ff_buffer_clear(out)
    r = ff_http_response_start(response, out, request, True, text, n)
    if r == -ENOMEM:
        raise MemoryError
    if r < 0 or response.status < 200:
        raise ValueError(f"the status must be an int from 200 to 999, not {status!r}")
    for header in headers:
        render_asgi_header(response, header)
    return line


cdef inline int render_asgi_header(
    ff_http_response *response, header, bint is_trailer=False
) except -1:
    cdef int r = -EINVAL
    cdef bytes name, value
    if isinstance(header, (tuple, list)) and len(header) == 2:
        if isinstance(header[0], bytes) and isinstance(header[1], bytes):
            name, value = header
            r = (ff_http_response_trailer if is_trailer else ff_http_response_field)(
                response,
                PyBytes_AS_STRING(name),
                PyBytes_GET_SIZE(name),
                PyBytes_AS_STRING(value),
                PyBytes_GET_SIZE(value),
            )
    if r < 0:
        refuse_header(r, header, "a pair of well-formed bytes")
    return 0


cdef inline int render_early_hints(
    ff_buffer *out, const ff_http_request *request, links
) except -1:
    """Put a whole 103 (RFC 8297) with *links* into *out*."""
    cdef ff_http_response response
    r = ff_http_response_start(&response, out, request, True, b"103 Early Hints", 15)
    for link in links:
        if r == 0:
            r = 0 if isinstance(link, bytes) else -EINVAL
        if r == 0:
            r = ff_http_response_field(
                &response, b"Link", 4, PyBytes_AS_STRING(link), PyBytes_GET_SIZE(link)
            )
        if r < 0:
            refuse_header(r, link, "a well-formed bytes for Link")
    if r == 0:
        r = ff_buffer_append(out, b"\r\n", 2)
    if r < 0:
        raise MemoryError
    return 0
