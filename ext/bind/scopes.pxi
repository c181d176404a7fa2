"""The scope of a request (ASGI 3.0, HTTP and WebSocket, 2.4); for `include`."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Copy
from cpython.list cimport PyList_GET_ITEM, PyList_GetSlice
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcmp, strlen

from c_http cimport (
    FF_FIELD_CONNECTION, FF_FIELD_COUNT, FF_FIELD_HOST, FF_FIELD_OTHER, FF_FIELD_PROXY, FF_FIELD_UPGRADE,
    FF_SCHEME_HTTPS, FF_SCHEME_UNSAID, ff_buffer, ff_buffer_append, ff_buffer_clear, ff_buffer_close,
    ff_buffer_head, ff_buffer_len, ff_buffer_reserve, ff_http_decode_path, ff_http_field,
    ff_http_field_name, ff_http_field_spelling, ff_http_forwarded, ff_http_request, ff_http_slice,
)
from c_lane cimport ff_conn, ff_conn_line, ff_lane, ff_tenure_line
from c_networks cimport ff_peer
from check cimport check
from peer cimport address_of, is_same_host
from text cimport ascii


cdef enum:
    NAMES = 256  # a power of two
    NAME_MAX = 64


cdef inline bytes bytes_at(const char *head, ff_http_slice part):
    return PyBytes_FromStringAndSize(head + part.at, part.len)


cdef inline char lower(char c) noexcept:
    return c + 32 if b"A" <= c <= b"Z" else c


@cython.final
cdef class Scopes:
    """Makes the scope of each request, as a copy of what is known already."""

    cdef dict template, last  # what all have; the scope of the last head
    cdef list servers, headers, other_names
    cdef tuple known_names, client
    cdef str root_path
    cdef object state
    cdef ff_buffer seen, scratch  # the last head; a path
    cdef ff_peer peer  # whom `client` stands for
    cdef uint16_t listener
    cdef bint is_upgrade  # the last head asks for a WebSocket

    def __cinit__(self, servers, str root_path, state, dict extensions):
        self.root_path = root_path
        self.state = state
        self.servers = [
            (name, int(port)) if port else (name, None) for name, port in servers
        ]
        self.template = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": root_path,
            "headers": None,
            "client": None,
            "server": None,
            "extensions": extensions,
        }
        self.other_names = [b""] * NAMES
        self.known_names = tuple(
            [spelling_of(<ff_http_field_name>name) for name in range(<int>FF_FIELD_COUNT)]
        )

    def __dealloc__(self):
        ff_buffer_close(&self.seen)
        ff_buffer_close(&self.scratch)

    cdef dict make(self, const ff_lane *lane, const ff_conn *conn):
        cdef const ff_http_request *request = &conn.work.request
        cdef const char *head = ff_buffer_head(&conn.work.input)
        cdef const ff_conn_line *line = ff_tenure_line(lane, conn)
        cdef dict scope
        if self.is_known(head, request.head_len) and self.listener == line.listener:
            scope = PyDict_Copy(self.last)
        else:
            self.read(request, head, line.listener)
            scope = PyDict_Copy(self.last)
        scope["headers"] = PyList_GetSlice(self.headers, 0, len(self.headers))
        scope["client"] = self.client_at(&line.client)
        if self.state is not None:
            scope["state"] = self.state.copy()
        if request.is_forwarded:
            self.add_forwarded(scope, &conn.work.forwarded, head)
        return scope

    cdef bint is_known(self, const char *head, size_t n) noexcept:
        return ff_buffer_len(&self.seen) == n and memcmp(ff_buffer_head(&self.seen), head, n) == 0

    cdef int read(self, const ff_http_request *request, const char *head, uint16_t listener) except -1:
        """Make `last` and `headers` of a head that is another one than before."""
        cdef dict scope = PyDict_Copy(self.template)
        ff_buffer_clear(&self.seen)  # it counts only when all is made
        if request.minor == 0:
            scope["http_version"] = "1.0"
        scope["method"] = ascii(head + request.method.at, request.method.len)
        self.add_target(scope, request, head)
        self.headers = self.fields_of(request, head)
        scope["server"] = self.servers[listener]
        self.listener = listener
        self.last = scope
        check(ff_buffer_append(&self.seen, head, request.head_len))
        return 0

    cdef int add_target(self, dict scope, const ff_http_request *request, const char *head) except -1:
        cdef ff_http_slice path = request.path
        cdef bytes raw = bytes_at(head, path)
        cdef str text
        if request.path_encoded:
            check(ff_buffer_reserve(&self.scratch, path.len))
            n = ff_http_decode_path(head + path.at, path.len, self.scratch.data)
            text = self.scratch.data[:n].decode("utf-8", "replace")
        else:
            text = raw.decode("utf-8", "replace")
        if self.root_path and not is_below(text, self.root_path):  # the proxy has cut it
            text = self.root_path + text
            raw = self.root_path.encode() + raw
        scope["path"] = text
        scope["raw_path"] = raw
        scope["query_string"] = bytes_at(head, request.query)
        return 0

    cdef list fields_of(self, const ff_http_request *request, const char *head):
        cdef list headers = []
        cdef const ff_http_field *field
        cdef bint is_websocket = False, is_upgrade = False
        cdef int i
        for i in range(request.fields):
            field = &request.field[i]
            if field.underscore or field.known == FF_FIELD_PROXY:
                continue
            if field.known == FF_FIELD_OTHER:
                name = self.name_of(head + field.name.at, field.name.len)
            else:
                name = <object>PyTuple_GET_ITEM(self.known_names, field.known)
            # An absolute target names the host, too, and then that one counts (RFC 9112 3.2.2).
            value = bytes_at(head, request.host if field.known == FF_FIELD_HOST else field.value)
            if field.known == FF_FIELD_UPGRADE:
                is_websocket = value.lower() == b"websocket"
            elif field.known == FF_FIELD_CONNECTION:
                is_upgrade = b"upgrade" in value.lower()
            headers.append((name, value))
        self.is_upgrade = is_websocket and is_upgrade and request.minor == 1
        return headers

    cdef bytes name_of(self, const char *name, Py_ssize_t n):
        """Return the lower-case name of a field that is not known; some are remembered, by hash."""
        cdef char spelling[NAME_MAX]
        cdef Py_ssize_t i
        cdef uint32_t place = 2166136261
        if n > NAME_MAX:
            return PyBytes_FromStringAndSize(name, n).lower()
        for i in range(n):
            spelling[i] = lower(name[i])
            place = (place ^ <unsigned char>spelling[i]) * 16777619
        place = (place ^ place >> 16) % NAMES
        known = <object>PyList_GET_ITEM(self.other_names, place)
        if PyBytes_GET_SIZE(known) != n or memcmp(PyBytes_AS_STRING(known), spelling, n) != 0:
            known = self.other_names[place] = PyBytes_FromStringAndSize(spelling, n)
        return known

    cdef tuple client_at(self, const ff_peer *peer):
        """Return (address, port), None for a unix socket; most often it is the last one's."""
        if self.client is None or self.peer.port != peer.port or not is_same_host(&self.peer, peer):
            self.peer = peer[0]
            self.client = None if peer.family == 0 else (address_of(peer), peer.port)
        return self.client

    cdef int add_forwarded(self, dict scope, const ff_http_forwarded *said, const char *head) except -1:
        """Put what a trusted proxy said of the client in the place of what we see."""
        cdef bytes host
        if said.client.family != 0:
            scope["client"] = (address_of(&said.client), said.client.port)
        if said.scheme != FF_SCHEME_UNSAID:
            scope["scheme"] = "https" if said.scheme == FF_SCHEME_HTTPS else "http"
        if said.host.len > 0:
            host = bytes_at(head, said.host)
            kept = [header for header in scope["headers"] if header[0] != b"host"]
            scope["headers"] = [(b"host", host), *kept]
        return 0


cdef inline bytes spelling_of(ff_http_field_name name):
    cdef const char *spelling = ff_http_field_spelling(name)
    return PyBytes_FromStringAndSize(spelling, strlen(spelling))


cdef inline bint is_below(str path, str root_path) except -1:
    return path.startswith(root_path) and path[len(root_path) : len(root_path) + 1] in ("", "/")
