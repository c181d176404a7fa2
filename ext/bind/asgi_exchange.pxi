"""One request of ASGI and its answer, and what becomes of one that is no HTTP any more; for `include`."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport ECONNRESET, EFBIG, EPIPE, EPROTO, ERANGE, ETIMEDOUT
from libc.stdint cimport int64_t, uint8_t, uint64_t

from c_http cimport ff_buffer, ff_buffer_append, ff_buffer_clear, ff_buffer_close, ff_http_response
from c_lane cimport (
    FF_NEWS_END, FF_NEWS_INPUT, FF_NEWS_ROOM, ff_clock_us, ff_conn, ff_conn_has_whole_body,
    ff_duplex_close, ff_duplex_push, ff_duplex_tunnel, ff_duplex_want_end, ff_duplex_want_input,
    ff_duplex_want_no_input, ff_duplex_want_room, ff_duplex_write, ff_exchange_abort,
    ff_exchange_finish, ff_exchange_read, ff_lane,
)
from answer cimport mistake_in, put_head, refusal_line, trouble_with_client
from rendering cimport reasons, render_asgi_head, render_asgi_header, render_early_hints


class Mistake(Exception):
    """The application broke the protocol, in a place that no traceback would show."""


cdef class Holder:
    """Who has a connection whose request runs; the connection holds a reference to it."""

    cdef ff_lane *lane
    cdef ff_conn *conn  # NULL when it is over
    cdef Gateway gateway

    cdef int take(self, ff_conn *conn) except -1:
        Py_INCREF(self)
        self.conn = conn
        conn.work.holder = <void *>self
        return 0

    cdef ff_conn *let_go(self) noexcept:
        """Return the connection, which is somebody else's from now on."""
        cdef ff_conn *conn = self.conn
        if conn != NULL:
            conn.work.holder = NULL
            self.conn = NULL
            Py_DECREF(self)
        return conn

    cdef int hear(self, uint8_t news) except -1:
        return 0

    cdef int detach(self) except -1:
        """The lane is gone."""
        self.let_go()
        return 0


cdef bytes take_content(ff_lane *lane, ff_conn *conn):
    """Return all of the content that is there."""
    cdef size_t n = conn.work.body_len
    cdef bytes content = PyBytes_FromStringAndSize(NULL, n)
    if n > 0:
        ff_exchange_read(lane, conn, PyBytes_AS_STRING(content), n)
    return content


cdef dict LINES = reasons()

cdef dict DISCONNECT = {"type": "http.disconnect"}


@cython.final
cdef class Exchange(Holder):
    """One request and its answer; `receive` and `send` are its methods."""

    cdef ff_http_response head
    cdef ff_buffer rendered
    cdef dict scope, environ  # `environ` is for the access log
    cdef object status, headers, task, trouble
    cdef object receiving, sending  # futures that somebody may be awaiting
    cdef bint is_started, is_out, is_read, is_last, is_answered, has_trailers
    cdef int64_t progress_us  # when the application last went on; 0: it waits for its client
    cdef int64_t began_us, waited_us

    def __dealloc__(self):
        ff_buffer_close(&self.rendered)

    # --- the request

    def receive(self):
        """Return what gives the next message when it is awaited."""
        cdef int r = 1
        if self.conn == NULL:
            return given(DISCONNECT.copy())
        if self.is_waiting(self.receiving):
            raise RuntimeError("receive() was called while another one is awaited")
        if self.is_read:
            r = ff_duplex_want_end(self.lane, self.conn)
            if r != 0:
                return given(DISCONNECT.copy())
        elif self.conn.work.body_len == 0 and not ff_conn_has_whole_body(self.conn):
            r = ff_duplex_want_input(self.lane, self.conn)
            if r < 0:
                self.break_off(r)
                return given(DISCONNECT.copy())
            if r == 0:
                self.progress_us = 0
        if r == 0:
            self.receiving = self.gateway.loop.create_future()
            return self.receiving
        return given(self.content())

    cdef bint is_waiting(self, future) except -1:
        return future is not None and not future.done()

    cdef dict content(self):
        body = take_content(self.lane, self.conn)
        self.is_read = ff_conn_has_whole_body(self.conn)
        return {"type": "http.request", "body": body, "more_body": not self.is_read}

    cdef int break_off(self, int r) except -1:
        """The request's body did not come as it should: nobody waits for the answer."""
        cdef int status = 400
        if r == -ETIMEDOUT:
            status = 408
            told = "the client sent nothing more of the request's body in time"
        elif r == -EFBIG:
            status = 413
            told = "the request's body is larger than allowed"
        elif r == -EPROTO:
            told = "the chunks of the request's body are malformed"
        else:
            told = "the client went away inside the request's body"
        self.trouble = trouble_with_client(r)
        self.gateway.on_error(f"{self.line()}: {told}", None)
        self.abort(status)
        return 0

    cdef int hear(self, uint8_t news) except -1:
        cdef int trouble = self.conn.work.trouble
        if self.progress_us == 0:
            self.progress_us = ff_clock_us()
        if news & FF_NEWS_ROOM and self.sending is not None:
            if trouble < 0:
                self.lose(trouble)
            else:
                wake(self.sending, None)
        if self.conn != NULL and news & FF_NEWS_INPUT and self.is_waiting(self.receiving):
            if trouble < 0:
                self.break_off(trouble)
            else:
                wake(self.receiving, self.content())
        elif self.conn != NULL and news & FF_NEWS_END and self.is_waiting(self.receiving):
            wake(self.receiving, DISCONNECT.copy())
        return 0

    # --- the answer

    def send(self, event, /):
        """Send *event*; return what waits, if the client is slow, when it is awaited."""
        cdef dict message = event if type(event) is dict else dict(event)
        kind = message["type"]
        if self.conn == NULL:
            return self.send_late(kind)
        if kind == "http.response.body":
            return self.send_body(message)
        if kind == "http.response.start":
            self.start(message)
        elif kind == "http.response.early_hint":
            self.hint(message)
        elif kind == "http.response.trailers" and self.has_trailers and self.is_last:
            self.add_trailers(message)
        else:
            raise RuntimeError(f"send() got the message {kind!r}, which has no place here")
        return DONE

    cdef object send_late(self, kind):
        if self.trouble is not None:
            raise self.trouble
        if self.is_answered:
            raise RuntimeError(f"send() got the message {kind!r} after the response was complete")
        raise OSError(EPIPE, "the request has ended")

    cdef int start(self, dict message) except -1:
        if self.is_started:
            raise RuntimeError("http.response.start was sent a second time")
        status = message["status"]
        headers = message.get("headers", ())
        line = render_asgi_head(&self.head, &self.rendered, &self.conn.work.request, status, headers, LINES)
        self.has_trailers = bool(message.get("trailers", False))
        self.is_started = True
        self.progress_us = ff_clock_us() if self.gateway.timeout_us else 1
        if self.environ is not None:
            self.status = line
            self.headers = [
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in headers
            ]
        return 0

    cdef int hint(self, dict message) except -1:
        """Send 103 Early Hints (RFC 8297), to a client that knows of HTTP/1.1."""
        cdef ff_buffer text
        if self.is_started:
            raise RuntimeError("http.response.early_hint was sent after http.response.start")
        if self.conn.work.request.minor == 0:
            return 0
        ff_buffer_clear(&self.rendered)
        render_early_hints(&self.rendered, &self.conn.work.request, message.get("links", ()))
        text = self.rendered
        r = ff_duplex_push(self.lane, self.conn, text.data + text.start, text.end - text.start)
        self.conn.work.is_begun = False  # that is not the answer
        if r < 0:
            self.lose(r)
            raise self.trouble
        return 0

    cdef object send_body(self, dict message):
        cdef bytes body
        cdef int r
        found = message.get("body", b"")
        body = found if type(found) is bytes else octets_of(found)
        self.is_last = not message.get("more_body", False)
        if not self.is_started:
            raise RuntimeError("http.response.body was sent before http.response.start")
        if not self.is_out:
            self.put_head(
                PyBytes_GET_SIZE(body) if self.is_last and not self.has_trailers else -1
            )
        r = ff_duplex_write(
            self.lane, self.conn, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), self.is_last
        )
        if r < 0:
            self.refuse_part(r)
        if self.is_last and not self.has_trailers:
            self.finish()
            return DONE
        r = ff_duplex_want_room(self.lane, self.conn)
        if r != 0:
            return DONE
        self.progress_us = 0
        if not self.is_waiting(self.sending):
            self.sending = self.gateway.loop.create_future()
        return self.sending

    cdef int add_trailers(self, dict message) except -1:
        for header in message.get("headers", ()):
            render_asgi_header(&self.conn.work.response, header, True)
        if not message.get("more_trailers", False):
            self.finish()
        return 0

    cdef int put_head(self, int64_t length) except -1:
        r = put_head(self.lane, self.conn, &self.head, &self.rendered, length)
        if r == -ERANGE:
            raise RuntimeError(
                f"the body has {length} octets, its Content-Length is {self.head.left}"
            )
        if r < 0:
            raise MemoryError
        self.is_out = True
        return 0

    cdef int refuse_part(self, int r) except -1:
        mistake = mistake_in(r)
        if mistake is not None:
            raise RuntimeError(mistake)
        self.lose(r)
        raise self.trouble

    cdef int lose(self, int r) except -1:
        """The client is slow or gone: the answer can't be sent."""
        self.trouble = trouble_with_client(r)
        self.abort(500)
        return 0

    # --- the end

    cdef int finish(self) except -1:
        cdef uint64_t octets = self.conn.work.response.sent
        cdef int r
        self.is_answered = True
        r = ff_exchange_finish(self.lane, self.let_go())
        self.leave(octets)
        if r < 0:
            raise RuntimeError("the body has fewer octets than its Content-Length")
        return 0

    cdef int abort(self, int status) except -1:
        cdef uint64_t octets = 0
        if self.conn == NULL:
            return 0
        if self.conn.work.is_begun:
            octets = self.conn.work.response.sent
        else:
            self.status, self.headers = refusal_line(status), []
        ff_exchange_abort(self.lane, self.let_go(), status)
        return self.leave(octets)

    cdef int leave(self, uint64_t octets) except -1:
        """The connection is somebody else's: who waits for it is told."""
        if self.is_waiting(self.receiving):
            wake(self.receiving, DISCONNECT.copy())
        if self.is_waiting(self.sending):
            if self.trouble is not None:
                self.sending.set_exception(self.trouble)
            else:
                wake(self.sending, None)
        self.gateway.ended(self, octets)
        return 0

    cdef Tunnel dig(self, holder):
        """Make a tunnel of the connection: from here on it is no HTTP."""
        cdef Tunnel tunnel = Tunnel.__new__(Tunnel)
        if self.conn == NULL:
            raise OSError(ECONNRESET, "the client went away")
        if ff_duplex_tunnel(self.lane, self.conn) < 0:
            raise MemoryError
        tunnel.lane = self.lane
        tunnel.gateway = self.gateway
        tunnel.holder = holder
        tunnel.take(self.let_go())
        self.is_started = self.is_answered = True
        self.status, self.headers = "101 Switching Protocols", []
        self.gateway.holders.add(tunnel)
        self.gateway.record(self, 0)
        return tunnel

    def tunnel(self, holder):
        """Return the Tunnel that the connection becomes."""
        return self.dig(holder)

    def settled(self, task):
        """The application has returned, or failed."""
        self.gateway.settle(self, task)

    cdef object line(self):
        scope = self.scope
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        return f"{scope.get('method', 'GET')} {target}"


cdef bytes octets_of(found):
    if isinstance(found, (bytes, bytearray, memoryview)):
        return bytes(found)
    raise TypeError(f"the body must be bytes, not {type(found).__name__}")


@cython.final
cdef class Tunnel(Holder):
    """A connection as octets both ways; asgi.pyi says what the names do."""

    cdef object holder
    cdef object waiting  # a future, for room
    cdef bint is_paused, is_heard

    def push(self, data):
        cdef bytes octets = data if type(data) is bytes else bytes(data)
        cdef int r
        if self.conn == NULL:
            return False
        r = ff_duplex_push(
            self.lane, self.conn, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets)
        )
        return r == 0 and ff_duplex_want_room(self.lane, self.conn) == 1

    @property
    def is_broken(self):
        return self.conn == NULL or self.conn.work.trouble != 0

    def room(self):
        cdef int r = 1
        if self.conn != NULL:
            r = ff_duplex_want_room(self.lane, self.conn)
        if r != 0:
            return DONE
        if self.waiting is None or self.waiting.done():
            self.waiting = self.gateway.loop.create_future()
        return self.waiting

    def pause(self):
        self.is_paused = True
        if self.conn != NULL and not self.conn.work.trouble:
            ff_duplex_want_no_input(self.lane, self.conn)

    def resume(self):
        self.is_paused = False
        self.listen()

    def end(self):
        if self.conn != NULL:
            self.gateway.holders.discard(self)
            ff_duplex_close(self.lane, self.let_go())
            self.gateway.came_back()
        if self.waiting is not None:
            wake(self.waiting, None)

    cdef int listen(self) except -1:
        """Pass on what has come, until there is nothing more; then ask for more."""
        cdef int r = 1
        while self.conn != NULL and not self.is_paused and r != 0:
            if self.conn.work.body_len == 0:
                r = ff_duplex_want_input(self.lane, self.conn)
            if r < 0 or (r > 0 and self.conn.work.body_len == 0):
                return self.tell_end()
            if r > 0:
                self.tell(take_content(self.lane, self.conn))
        return 0

    cdef int tell_end(self) except -1:
        if not self.is_heard:
            self.is_heard = True
            self.tell(None)
        return 0

    cdef int tell(self, octets) except -1:
        try:
            self.holder.hear(octets)
        except Exception as error:
            self.gateway.on_error("a connection's handler failed", error)
            self.end()
        return 0

    cdef int hear(self, uint8_t news) except -1:
        if self.waiting is not None and (news & FF_NEWS_ROOM or self.conn.work.trouble):
            wake(self.waiting, None)
        if self.conn.work.trouble:
            return self.tell_end()
        if news & FF_NEWS_INPUT:
            if self.conn.work.body_len == 0:
                return self.tell_end()
            self.tell(take_content(self.lane, self.conn))
            self.listen()
        return 0
