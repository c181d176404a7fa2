"""Log lines, written by the process that has them; logs.pyi says what the public names do."""

cimport cython
from cpython cimport array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint64_t
from posix.unistd cimport getpid

from c_http cimport ff_buffer_head, ff_buffer_len
from c_lane cimport FF_LANE_DETACHED, ff_clock_wall_s, ff_lane
from c_logline cimport (
    FF_LOGLINE_JSON, FF_LOGLINE_TEXT, ff_logline, ff_logline_add, ff_logline_close, ff_logline_drop,
    ff_logline_end, ff_logline_escape, ff_logline_flush, ff_logline_number, ff_logline_open,
    ff_logline_seconds, ff_logline_style,
)
from text cimport octets as lend

import array
import time


cdef class Lines:
    cdef ff_logline core

    def __init__(self, int fd):
        ff_logline_close(&self.core)
        ff_logline_open(&self.core, fd)

    def __dealloc__(self):
        ff_logline_close(&self.core)

    @property
    def lost(self):
        return self.core.lost

    def write(self, bytes text, /):
        with cython.critical_section(self):  # threads share the error log
            ff_logline_add(&self.core, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            ff_logline_flush(&self.core)


# What a line consists of; the numbers are positions here.
KINDS = (
    "text", "variable", "given", "header", "line", "user", "status", "octets", "octets_or_dash",
    "stamp", "whole_seconds", "milliseconds", "microseconds", "seconds", "waited", "slot", "pid",
)

cdef enum:
    TEXT, VARIABLE, GIVEN, HEADER, LINE, USER, STATUS, OCTETS, OCTETS_OR_DASH, STAMP, WHOLE_SECONDS
    MILLISECONDS, MICROSECONDS, SECONDS, WAITED, SLOT, PID


cdef struct Took:
    uint64_t octets
    int64_t us, waited_us


@cython.final
cdef class AccessLines:
    cdef ff_logline core
    cdef ff_logline_style style
    cdef bint is_json
    cdef array.array kinds
    cdef list arguments
    cdef object sink, lane
    cdef ff_lane *seated  # NULL without a lane
    cdef int64_t stamped_s
    cdef bytes stamp
    cdef str stamp_form
    cdef int slot, pid
    cdef uint64_t told  # lines lost, of which the lane knows

    def __init__(self, pieces, *, int fd=-1, stamp, bint is_json, int slot=0, lane=None, sink=None):
        ff_logline_close(&self.core)
        ff_logline_open(&self.core, fd)
        self.kinds = array.array("i", [KINDS.index(kind) for kind, _ in pieces])
        self.arguments = [argument for _, argument in pieces]
        self.stamp_form, self.stamp, self.stamped_s = stamp, b"", 0
        self.is_json = is_json
        self.style = FF_LOGLINE_JSON if is_json else FF_LOGLINE_TEXT
        self.slot, self.pid, self.told = slot, getpid(), 0
        self.sink, self.lane, self.seated = sink, lane, NULL
        if lane is not None:
            self.seated = <ff_lane *>PyCapsule_GetPointer(lane._capsule, "fastfork.lane")

    def __dealloc__(self):
        ff_logline_close(&self.core)

    @property
    def lost(self):
        return self.core.lost

    def write(self, environ, status, headers, uint64_t octets, int64_t us, int64_t waited_us, /):
        cdef Took took
        cdef size_t begin = ff_buffer_len(&self.core.text)
        took.octets, took.us, took.waited_us = octets, us, waited_us
        try:
            self.make(environ, status, headers, &took)
        except BaseException:
            ff_logline_drop(&self.core)
            raise
        if self.sink is not None:
            line = ff_buffer_head(&self.core.text)[begin:ff_buffer_len(&self.core.text)]
            ff_logline_drop(&self.core)
            self.sink(line.decode("utf-8", "backslashreplace"))
            return
        ff_logline_end(&self.core)
        if us > 1000:  # the next one may take as long
            self.flush()

    cpdef flush(self):
        if self.seated != NULL and self.seated.mode == FF_LANE_DETACHED:
            ff_logline_close(&self.core)  # a copy of the parent's, who writes it
        ff_logline_flush(&self.core)
        if self.core.lost > self.told and self.seated != NULL:
            self.seated.line.lines_lost += self.core.lost - self.told
            self.told = self.core.lost

    cdef int make(self, dict environ, status, headers, const Took *took) except -1:
        cdef int i, n = len(self.kinds)
        for i in range(n):
            argument = self.arguments[i]
            kind = self.kinds.data.as_ints[i]
            if kind == TEXT:
                self.add(argument)
            elif kind == VARIABLE:
                self.show(environ.get(argument), False)
            elif kind == GIVEN:
                self.show(environ.get(argument) or None, False)
            elif kind == LINE:
                self.show_line(environ)
            elif kind == STATUS:
                self.show(status.partition(" ")[0], True)
            elif kind == STAMP:
                self.add_stamp()
            elif kind == HEADER:
                self.show(header_of(headers, argument), False)
            elif kind == USER:
                self.show(user_of(environ), False)
            else:
                self.add_number(kind, took)
        return 0

    cdef int add_number(self, int kind, const Took *took) except -1:
        if kind == OCTETS or (kind == OCTETS_OR_DASH and took.octets > 0):
            ff_logline_number(&self.core, took.octets)
        elif kind == OCTETS_OR_DASH:
            self.add(b"-")
        elif kind == WHOLE_SECONDS:
            ff_logline_number(&self.core, took.us // 1000000)
        elif kind == MILLISECONDS:
            ff_logline_number(&self.core, took.us // 1000)
        elif kind == MICROSECONDS:
            ff_logline_number(&self.core, took.us)
        elif kind == SECONDS:
            ff_logline_seconds(&self.core, took.us)
        elif kind == WAITED:
            ff_logline_seconds(&self.core, took.waited_us)
        elif kind == SLOT:
            ff_logline_number(&self.core, self.slot)
        elif self.is_json:
            ff_logline_number(&self.core, self.pid)
        else:
            self.add(b"<%d>" % self.pid)
        return 0

    cdef int add(self, bytes text) except -1:
        ff_logline_add(&self.core, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        return 0

    cdef int add_stamp(self) except -1:
        cdef int64_t now_s = ff_clock_wall_s()
        if now_s != self.stamped_s:
            self.stamped_s = now_s
            self.stamp = time.strftime(self.stamp_form, time.localtime(now_s)).encode()
        return self.add(self.stamp)

    cdef int show(self, value, bint is_bare) except -1:
        """Add what somebody else chose; *is_bare* without quotes in JSON."""
        if self.is_json and not is_bare and value is not None:
            self.add(b'"')
        self.escape(value)
        if self.is_json and not is_bare and value is not None:
            self.add(b'"')
        return 0

    cdef int show_line(self, dict environ) except -1:
        method = environ.get("REQUEST_METHOD")
        protocol = environ.get("SERVER_PROTOCOL")
        target = environ.get("RAW_URI")
        if target is None:
            target = target_of(environ)
        if self.is_json:
            self.add(b'"')
        self.escape(method)
        self.add(b" ")
        self.escape(target)
        self.add(b" ")
        self.escape(protocol)
        if self.is_json:
            self.add(b'"')
        return 0

    cdef int escape(self, value) except -1:
        cdef Py_ssize_t n = 0
        cdef const char *octets
        if value is None:
            return self.add(b"null" if self.is_json else b"-")
        text = value if isinstance(value, str) else str(value)
        octets = lend(text, &n)
        if octets == NULL:  # no text of HTTP
            text = text.encode("ascii", "backslashreplace").decode()
            octets = lend(text, &n)
        ff_logline_escape(&self.core, octets, n, self.style)
        return 0


cdef object target_of(dict environ):
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    query = environ.get("QUERY_STRING")
    return f"{path}?{query}" if query else path


cdef object header_of(headers, wanted):
    values = [value for name, value in headers if name.lower() == wanted]
    return ", ".join(values) if values else None


cdef object user_of(dict environ):
    given = environ.get("HTTP_AUTHORIZATION")
    if given is None:
        return None
    scheme, _, credentials = given.partition(" ")
    if scheme.lower() != "basic":
        return None
    from binascii import Error, a2b_base64

    try:
        name = a2b_base64(credentials.strip()).partition(b":")[0]
    except (Error, ValueError):
        return None
    return name.decode("latin-1") or None
