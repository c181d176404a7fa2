"""WSGI (PEP 3333) on a lane; wsgi.pyi says what the public names do.

One request is one `Exchange`. The head that the application gives is rendered apart, at once, so
that mistakes are raised where they are made; it moves into the output with the body's first octet.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport EFBIG, EINTR, ERANGE, ESHUTDOWN
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from c_http cimport (
    FF_FRAMING_NONE, ff_buffer, ff_buffer_close, ff_buffer_len, ff_http_response,
)
from c_lane cimport (
    ff_clock_us, ff_conn, ff_exchange_abort, ff_exchange_finish, ff_exchange_forbid_replay,
    ff_exchange_inform, ff_exchange_let_spill, ff_exchange_send_file, ff_lane, ff_lane_next, ff_lane_wait,
)
from answer cimport mistake_in, put_head, refusal_line, transmit, trouble_with_client
from body cimport gather
from check cimport check
from environ cimport constants_of
from rendering cimport render_head, render_hints
from span cimport span_of


include "environs.pxi"


cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *o)


cdef enum:
    QUICK = 64 * 1024  # octets that never make us wait


class Mistake(Exception):
    """The application broke the protocol, in a place that no traceback would show."""


# --- the request


@cython.final
@cython.no_gc  # no cycle outlives the request: `end` drops the only object
@cython.freelist(8)
cdef class Input:
    """`wsgi.input`: the content of the request, and nothing behind it."""

    cdef ff_lane *lane
    cdef ff_conn *conn  # NULL when the request has ended
    cdef object trouble  # what it raised because of the client

    def read(self, size=-1):
        """Return *size* octets, fewer only at the end; all if *size* is negative or None."""
        return self.take(-1 if size is None else size, False)

    def readline(self, size=-1):
        """Return the next line with its newline, at most *size* octets of it; b"" at the end."""
        return self.take(-1 if size is None else size, True)

    def readlines(self, hint=-1):
        """Return the lines, or as many as have *hint* octets in all."""
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self):
        return self

    def __next__(self):
        line = self.take(-1, True)
        if line:
            return line
        raise StopIteration

    cdef int end(self) except -1:
        self.conn = NULL
        self.trouble = None
        return 0

    cdef object take(self, Py_ssize_t limit, bint is_line):
        if self.conn == NULL:
            raise ValueError("wsgi.input was read after its request had ended")
        if self.trouble is not None:
            raise self.trouble
        try:
            return gather(self.lane, self.conn, limit, is_line)
        except OSError as error:
            self.trouble = error
            raise


# --- the answer


cdef class FileWrapper:
    """`wsgi.file_wrapper`: a file as blocks; the kernel sends a real one by itself."""

    cdef readonly object filelike, blksize

    def __init__(self, filelike, blksize=8192):
        self.filelike = filelike
        self.blksize = blksize

    def __iter__(self):
        return self

    def __next__(self):
        block = self.filelike.read(self.blksize)
        if block:
            return block
        raise StopIteration

    def close(self):
        """Close the file, if it can be closed."""
        close = getattr(self.filelike, "close", None)
        if close is not None:
            close()


@cython.final
cdef class Exchange:
    """One request and its answer; `start_response` and `write` are its methods."""

    cdef ff_lane *lane
    cdef ff_conn *conn  # NULL before and after
    cdef ff_http_response head
    cdef ff_buffer rendered
    cdef object status, headers
    cdef object start, writer  # bound once: binding costs as much as calling
    cdef bint is_started, is_out
    cdef object trouble  # what it raised because of the client
    cdef uint64_t octets  # of the body that was sent

    def __dealloc__(self):
        ff_buffer_close(&self.rendered)

    cdef int finish(self) except -1:
        cdef ff_conn *conn = self.conn
        self.conn = NULL
        self.octets = conn.work.response.sent
        if ff_exchange_finish(self.lane, conn) < 0:
            raise Mistake("the body has fewer octets than its Content-Length")
        return 0

    cdef int abort(self, int status) except -1:
        cdef ff_conn *conn = self.conn
        if conn == NULL:
            return 0
        self.conn = NULL
        if conn.work.is_begun:
            self.octets = conn.work.response.sent
        else:
            self.octets = 0
            self.status = refusal_line(status)
            self.headers = []
        ff_exchange_abort(self.lane, conn, status)
        return 0

    def start_response(self, status, headers, exc_info=None, /):
        """Take status and headers; return `write`."""
        if self.conn == NULL:
            raise AssertionError("start_response was called after the request had ended")
        if exc_info is not None:
            try:
                if self.is_out:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.is_started:
            raise AssertionError("start_response was called again without exc_info")
        self.is_started = False
        render_head(&self.head, &self.rendered, &self.conn.work.request, status, headers)
        self.status = status
        self.headers = headers
        self.is_started = True
        return self.writer

    cdef int hint(self, headers) except -1:
        """Send 103 Early Hints, if the client can know them."""
        cdef ff_buffer hints
        cdef int r
        if self.conn == NULL or self.is_out:
            raise AssertionError("early hints were given behind the head of the answer")
        if self.conn.work.request.minor == 0:
            return 0
        memset(&hints, 0, sizeof(hints))
        try:
            render_hints(&hints, &self.conn.work.request, headers)
            with nogil:
                r = ff_exchange_inform(self.lane, self.conn, &hints)
        finally:
            ff_buffer_close(&hints)
        return self.ensure(r)

    def write(self, data, /):
        """Send *data* at once."""
        if self.conn == NULL:
            raise AssertionError("write was called after the request had ended")
        if not isinstance(data, bytes):
            raise TypeError(f"write takes bytes, not {type(data).__name__}")
        if data:
            self.send(data, True)

    cdef int send_head(self, int64_t length) except -1:
        """Put the head into the output; *length* of the whole body if it is known, else -1."""
        cdef int r
        if not self.is_started:
            raise Mistake("the application did not call start_response")
        r = put_head(self.lane, self.conn, &self.head, &self.rendered, length)
        if r == -ERANGE:
            raise Mistake(f"the body has {length} octets, its Content-Length is {self.head.left}")
        self.ensure(r)
        self.is_out = True
        return 0

    cdef int send(self, bytes part, bint is_urgent) except -1:
        """Add *part* to the body; send it at once if it *is_urgent*."""
        cdef size_t n = PyBytes_GET_SIZE(part)
        cdef const char *data = PyBytes_AS_STRING(part)
        cdef int r
        if not self.is_out:
            self.send_head(-1)
        if n + ff_buffer_len(&self.conn.work.out) > QUICK:
            with nogil:
                r = transmit(self.lane, self.conn, data, n, is_urgent)
        else:
            r = transmit(self.lane, self.conn, data, n, is_urgent)
        return self.ensure(r)

    cdef int ensure(self, int r) except -1:
        """Pass 0; raise what *r* means."""
        if r == 0:
            return 0
        mistake = mistake_in(r)
        if mistake is not None:
            raise Mistake(mistake)
        self.trouble = trouble_with_client(r)
        raise self.trouble

    cdef int respond(self, result) except -1:
        """Send what the application returned."""
        cdef Py_ssize_t length = 0
        if result is None or type(result) is bytes:
            raise Mistake(f"the application returned {type(result).__name__}, not a list of bytes")
        if type(result) is not list and type(result) is not tuple:
            self.stream(result)
        else:
            for part in result:
                length += size_of(part)
            if not self.is_out:
                self.send_head(length)
            if length > QUICK:
                ff_exchange_let_spill(self.conn)
            for part in result:
                self.send(part, False)
        if not self.is_out:
            self.send_head(0)
        return 0

    cdef int stream(self, result) except -1:
        cdef bint is_bounded, is_file = type(result) is FileWrapper
        cdef ff_http_response *response
        if is_file and not self.is_out and self.is_started and self.send_file(result.filelike):
            return 0
        for part in result:
            if size_of(part) == 0:
                continue
            if not self.is_out:
                self.send_head(-1)
            if is_file:
                ff_exchange_let_spill(self.conn)
            response = &self.conn.work.response
            is_bounded = is_file and response.has_length  # PEP 3333: up to Content-Length
            self.send(part[: response.left] if is_bounded else part, True)
            if response.framing == FF_FRAMING_NONE or (is_bounded and response.left == 0):
                break
        return 0

    cdef bint send_file(self, filelike) except -1:
        """False if it has to be read instead."""
        cdef int fd, r
        cdef int64_t offset
        cdef size_t n
        span = span_of(filelike)
        if span is None:
            return False
        fd, offset, n = span
        self.send_head(-1 if self.head.has_length else <int64_t>n)
        if self.head.has_length:
            n = min(n, self.head.left)
        with nogil:
            r = ff_exchange_send_file(self.lane, self.conn, fd, offset, n)
        self.ensure(r)
        return True


cdef Py_ssize_t size_of(part) except -1:
    if not isinstance(part, bytes):
        raise Mistake(f"the application gave {type(part).__name__} for the body, not bytes")
    return PyBytes_GET_SIZE(part)


# --- the loop


@cython.final
cdef class Gateway:
    """Runs requests of one lane through one application."""

    cdef ff_lane *lane
    cdef object app, on_error, log_access
    cdef Environs environs
    cdef Exchange exchange

    cdef Exchange fresh_exchange(self):
        """Return one that the application has nothing of: the last one, most often."""
        if (
            self.exchange is None
            or Py_REFCNT(<PyObject *>self.exchange) > 3  # ours and its two methods'
            or Py_REFCNT(<PyObject *>self.exchange.start) > 1
            or Py_REFCNT(<PyObject *>self.exchange.writer) > 1
        ):
            self.exchange = Exchange()
            self.exchange.lane = self.lane
            self.exchange.start = self.exchange.start_response
            self.exchange.writer = self.exchange.write
        return self.exchange

    def no_replay(self):
        """Never run the request that runs now a second time, should this process die with it."""
        if self.exchange is not None and self.exchange.conn != NULL:
            ff_exchange_forbid_replay(self.lane, self.exchange.conn)

    def early_hints(self, headers, /):
        """Tell the client of the request that runs these *headers* (RFC 8297), before its answer."""
        if self.exchange is None:
            raise AssertionError("early hints were given outside of any request")
        self.exchange.hint(headers)

    cdef int run(self, ff_conn *conn) except -1:
        cdef int64_t began = ff_clock_us() if self.log_access is not None else 0
        cdef uint32_t waited_us = conn.work.waited_us
        cdef Exchange exchange = self.fresh_exchange()
        cdef Input content = Input.__new__(Input)
        cdef dict environ = self.environs.make(self.lane, conn)
        result = failure = None
        exchange.conn = conn
        exchange.is_started = exchange.is_out = False
        content.lane = self.lane
        content.conn = conn
        environ["wsgi.input"] = content
        try:
            result = self.app(environ, exchange.start)
            exchange.respond(result)
            exchange.finish()
        except BaseException as error:
            failure = error
            exchange.abort(self.explain(error, exchange, content, environ))
        content.end()
        if self.log_access is not None:
            self.record(exchange, environ, ff_clock_us() - began, waited_us)
        exchange.status = exchange.headers = exchange.trouble = None
        if type(result) is not list and type(result) is not tuple:
            failure = self.close(result, environ) or failure
        if failure is not None and not isinstance(failure, Exception):
            raise failure
        return 0

    cdef int explain(self, error, Exchange exchange, Input content, dict environ) except -1:
        """Say what went wrong; return the status to end with."""
        if error is exchange.trouble:  # nobody is left to be told, and nobody is to blame
            return 500
        if error is content.trouble:
            self.on_error(f"{line_of(environ)}: {error.strerror}", None)
            if isinstance(error, TimeoutError):
                return 408
            return 413 if error.errno == EFBIG else 400
        if type(error) is Mistake:
            self.on_error(f"{line_of(environ)}: {error}", None)
        else:
            self.on_error(f"{line_of(environ)}: the application failed", error)
        return 500

    cdef int tell_trouble(self) except -1:
        """Say what went wrong with files that waited for a client, beside any request."""
        if self.lane.spool_trouble < 0:
            reason = os.strerror(-self.lane.spool_trouble)
            where = os.fsdecode(self.lane.config.limits.spool_dir)
            self.on_error(
                f"the body of a request can't be kept in {where}: {reason}; it was refused (see --spool-dir)",
                None,
            )
        if self.lane.file_trouble < 0:
            self.on_error(f"an answer was cut: {mistake_in(self.lane.file_trouble)}", None)
        self.lane.spool_trouble = self.lane.file_trouble = 0
        return 0

    cdef object close(self, result, dict environ):
        """Call the result's close(); return what it raised to end the worker."""
        try:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self.on_error(f"{line_of(environ)}: the application failed in close()", error)
            return None if isinstance(error, Exception) else error

    cdef int record(
        self, Exchange exchange, dict environ, int64_t elapsed_us, int64_t waited_us
    ) except -1:
        try:
            self.log_access(
                environ, exchange.status, exchange.headers, exchange.octets, elapsed_us, waited_us,
            )
        except Exception as error:
            self.on_error(f"{line_of(environ)}: the access log failed", error)
        return 0


cdef object line_of(dict environ):
    return f"{environ.get('REQUEST_METHOD')} {environ.get('RAW_URI')}"


def serve(
    lane, app, *, servers, errors, on_error, access_log=None, root_path="", multiprocess=True,
    multithread=False,
):
    cdef ff_lane *core = <ff_lane *>PyCapsule_GetPointer(lane._capsule, "fastfork.lane")
    cdef Gateway gateway = Gateway()
    cdef ff_conn *conn = NULL
    cdef int r = 0
    constants = constants_of(
        root_path, errors, FileWrapper, gateway.no_replay, gateway.early_hints, multithread,
        multiprocess,
    )
    gateway.lane = core
    gateway.app = app
    gateway.on_error = on_error
    gateway.log_access = None if access_log is None else access_log.write
    gateway.environs = Environs(servers, constants)
    while r != -ESHUTDOWN:
        while ff_lane_next(core, &conn) > 0:
            gateway.run(conn)
        if core.spool_trouble < 0 or core.file_trouble < 0:
            gateway.tell_trouble()
        PyErr_CheckSignals()
        if access_log is not None:
            access_log.flush()
        with nogil:
            r = ff_lane_wait(core)
        check(0 if r == -EINTR or r == -ESHUTDOWN else r)
