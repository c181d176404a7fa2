"""The environ of a request, made from what is the same for all; for `include`."""

cimport cython
from cpython.dict cimport PyDict_Copy
from libc.stdint cimport uint16_t
from libc.string cimport memcmp

from c_http cimport ff_buffer, ff_buffer_close, ff_buffer_head, ff_http_request
from c_lane cimport ff_conn, ff_conn_line, ff_lane, ff_tenure_line
from c_networks cimport ff_peer
from environ cimport (
    KEYS, add_fields, add_forwarded, add_target, keys_of_known_fields, template_of,
)
from peer cimport address_of, is_same_host
from text cimport ascii, decimal


@cython.final
cdef class Environs:
    """Makes the environ of each request, as a copy of its listener's template."""

    cdef list templates, other_keys
    cdef tuple known_keys
    cdef ff_peer peer  # the template of this listener has its texts
    cdef uint16_t listener
    cdef ff_buffer scratch

    def __cinit__(self, servers, dict constants):
        self.templates = [template_of(server, constants) for server in servers]
        self.known_keys = keys_of_known_fields()
        self.other_keys = [""] * KEYS

    def __dealloc__(self):
        ff_buffer_close(&self.scratch)

    cdef dict make(self, const ff_lane *lane, const ff_conn *conn):
        cdef const ff_http_request *request = &conn.work.request
        cdef const char *head = ff_buffer_head(&conn.work.input)
        cdef dict environ = PyDict_Copy(self.template_for(ff_tenure_line(lane, conn)))
        if request.method.len != 3 or memcmp(head + request.method.at, "GET", 3) != 0:
            environ["REQUEST_METHOD"] = ascii(head + request.method.at, request.method.len)
        if request.target.len != 1 or head[request.target.at] != b"/":
            add_target(environ, request, head, &self.scratch)
        if request.minor == 0:
            environ["SERVER_PROTOCOL"] = "HTTP/1.0"
        add_fields(environ, request, head, self.known_keys, self.other_keys)
        if request.is_forwarded:
            add_forwarded(environ, &conn.work.forwarded, head)
        return environ

    cdef dict template_for(self, const ff_conn_line *line):
        """Return the listener's template with the client in it; most often it is there already."""
        cdef dict template = self.templates[line.listener]
        cdef const ff_peer *peer = &line.client
        cdef bint is_other = self.listener != line.listener or not is_same_host(&self.peer, peer)
        if is_other:
            template["REMOTE_ADDR"] = address_of(peer)
        if is_other or self.peer.port != peer.port:
            template["REMOTE_PORT"] = decimal(peer.port) if peer.family != 0 else ""
        self.peer = peer[0]
        self.listener = line.listener
        return template
