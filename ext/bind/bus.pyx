"""Both ends of the bus; bus.pyi says what each name does."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.errno cimport EAGAIN, EINTR, EMSGSIZE, ETIMEDOUT
from libc.stdint cimport INT64_MAX, int64_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memcmp

from c_bus cimport (
    FF_HUB_BRIDGE,
    FF_FRAME_PART,
    FF_FRAME_RAW,
    FF_FRAME_SEND,
    FF_FRAME_TOPIC_MAX,
    FF_LINK_LATER,
    FF_MESSAGE_MAX,
    FF_SLOT_ELSEWHERE,
    FF_SLOT_MASTER,
    ff_answer,
    ff_asker,
    ff_buffer_append,
    ff_clock_us,
    ff_frame,
    ff_hub,
    ff_hub_dropped,
    ff_hub_join,
    ff_hub_leave,
    ff_hub_say,
    ff_hub_take,
    ff_inbox,
    ff_inbox_close,
    ff_inbox_next,
    ff_link,
    ff_link_answer,
    ff_link_ask,
    ff_link_await,
    ff_link_collect,
    ff_link_fd,
    ff_link_forget,
    ff_link_free,
    ff_link_hear,
    ff_link_inbox,
    ff_link_lose,
    ff_link_open,
    ff_link_room,
    ff_link_say,
    ff_message,
    ff_overflow,
)
from check cimport check

from msgspec.msgpack import Decoder, Encoder


cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *n) except NULL


# By enum ff_overflow.
OVERFLOWS = ("drop-oldest", "drop-new", "block")

MASTER = FF_SLOT_MASTER
ELSEWHERE = FF_SLOT_ELSEWHERE
PART = FF_FRAME_PART
MESSAGE_MAX = FF_MESSAGE_MAX
LATER = FF_LINK_LATER


cdef const char *begin(ff_frame *frame, int kind, int flags, str topic) except NULL:
    cdef Py_ssize_t n
    cdef const char *octets = PyUnicode_AsUTF8AndSize(topic, &n)
    if n > FF_FRAME_TOPIC_MAX:
        raise ValueError(f"a topic has at most {FF_FRAME_TOPIC_MAX} octets")
    frame.kind = kind
    frame.flags = flags
    frame.topic_size = n
    frame.to = 0
    frame.id = 0
    frame.offset = 0
    return octets


cdef object encode = Encoder().encode
cdef object decode = Decoder().decode


cpdef tuple packed(message):
    if isinstance(message, (bytes, bytearray, memoryview)):
        return FF_FRAME_RAW, bytes(message)
    return 0, encode(message)


cdef list heard(ff_inbox *inbox):
    cdef ff_message m
    cdef list messages = []
    cdef int r = ff_inbox_next(inbox, &m)
    while r > 0:
        messages.append((
            <int>m.frame.kind,
            <int>m.frame.flags,
            <int>m.frame.slot,
            <long>m.frame.id,
            PyUnicode_DecodeUTF8(m.topic, m.frame.topic_size, "replace"),
            PyBytes_FromStringAndSize(m.bytes, m.frame.total),
        ))
        r = ff_inbox_next(inbox, &m)
    check(r)
    return messages


cdef class Ear:
    """Messages that came in, and who gets them."""

    cdef ff_inbox *inbox
    cdef str topic  # of the last message: most often the next one has it, too

    cdef str topic_of(self, ff_message *m):
        cdef Py_ssize_t n = -1
        cdef const char *last = NULL
        if self.topic is not None:
            last = PyUnicode_AsUTF8AndSize(self.topic, &n)
        if n != m.frame.topic_size or memcmp(last, m.topic, n) != 0:
            self.topic = PyUnicode_DecodeUTF8(m.topic, m.frame.topic_size, "replace")
        return self.topic

    cdef bint deliver(self, to, long most) except -1:
        """Give at most `most` messages (0: all) to the endpoint `to`; whether there may be more."""
        cdef ff_message m
        cdef long n = 0
        cdef int r
        handlers = to.handlers
        cdef dict found = handlers.found
        while most == 0 or n < most:
            r = ff_inbox_next(self.inbox, &m)
            if check(r) == 0:
                return False
            n += 1
            topic = self.topic_of(&m)
            if m.frame.kind > FF_FRAME_SEND:
                octets = PyBytes_FromStringAndSize(m.bytes, m.frame.total)
                try:
                    to.take(<int>m.frame.kind, <int>m.frame.flags, <long>m.frame.id, topic, octets)
                except Exception as error:
                    to.fail(topic, error)
                continue
            receivers = found.get(topic)
            if receivers is None:
                receivers = handlers.find(topic)
            if receivers:
                octets = PyBytes_FromStringAndSize(m.bytes, m.frame.total)
                self.give(to, <tuple>receivers, &m, topic, octets)
        return True

    cdef int give(
        self, to, tuple receivers, ff_message *m, str topic, bytes octets
    ) except -1:
        cdef bint is_raw = m.frame.flags & FF_FRAME_RAW
        cdef object sender = <int>m.frame.slot
        if m.frame.slot == FF_SLOT_MASTER:
            sender = "master"
        elif m.frame.slot == FF_SLOT_ELSEWHERE:
            sender = "elsewhere"
        for receiver in receivers:
            try:
                result = receiver(topic, octets if is_raw else decode(octets), sender)
                if result is not None and hasattr(result, "__await__"):
                    to.finish(receiver, topic, result)
            except Exception as error:
                to.fail(topic, error)
        return 0


def framed(int kind, int flags, str topic, bytes octets, uint32_t id=0):
    cdef ff_frame frame
    cdef const char *name = begin(&frame, kind, flags, topic)
    cdef const char *data = PyBytes_AS_STRING(octets)
    cdef uint32_t part, sent = 0
    cdef list frames = []
    if PyBytes_GET_SIZE(octets) > FF_MESSAGE_MAX:
        raise ValueError(f"a message has at most {FF_MESSAGE_MAX} octets")
    frame.id = id
    frame.total = PyBytes_GET_SIZE(octets)
    while True:
        part = min(frame.total - sent, <uint32_t>FF_FRAME_PART)
        frame.offset = sent
        frame.size = frame.topic_size + part
        frames.append(PyBytes_FromStringAndSize(<char *>&frame, sizeof(frame)))
        frames.append(PyBytes_FromStringAndSize(name, frame.topic_size))
        frames.append(PyBytes_FromStringAndSize(data + sent, part))
        sent += part
        if sent >= frame.total:
            return b"".join(frames)


cdef class Inbox:
    cdef ff_inbox inbox

    def __dealloc__(self):
        ff_inbox_close(&self.inbox)

    def feed(self, bytes octets):
        check(ff_buffer_append(
            &self.inbox.bytes, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets)
        ))
        return heard(&self.inbox)


cdef class Link:
    cdef ff_link *core
    cdef Ear ear
    cdef public object on_answers

    def __init__(self, ends, *, size_t limit, str overflow):
        cdef int fds[4]
        if self.core != NULL:
            raise RuntimeError("this Link is open already")
        for i in range(4):
            fds[i] = ends[i]
        check(ff_link_open(fds, limit, <ff_overflow><int>OVERFLOWS.index(overflow), &self.core))
        self.ear = Ear()
        self.ear.inbox = ff_link_inbox(self.core)

    def tell(self, int kind, str topic, message, int to=0):
        cdef tuple both = packed(message)
        return self.say(kind, both[0], topic, both[1], to)

    def __dealloc__(self):
        ff_link_free(self.core)

    cpdef bint say(
        self, int kind, int flags, str topic, bytes octets, int to=0, uint32_t id=0, bint now=False
    ) except -1:
        cdef ff_frame frame
        cdef const char *name = begin(&frame, kind, flags, topic)
        cdef const char *data = PyBytes_AS_STRING(octets)
        cdef size_t n = PyBytes_GET_SIZE(octets)
        cdef int r
        frame.to = to
        frame.id = id
        if n <= FF_FRAME_PART:
            r = ff_link_say(self.core, &frame, name, data, n, now)
        else:
            with nogil:
                r = ff_link_say(self.core, &frame, name, data, n, now)
        if r == -EAGAIN:
            return False
        if r == -EMSGSIZE:
            raise ValueError(f"a message has at most {FF_MESSAGE_MAX} octets")
        check(r)
        return True

    def lose(self):
        ff_link_lose(self.core)

    def wait_for_room(self):
        cdef int r
        with nogil:
            r = ff_link_room(self.core, 100)
        PyErr_CheckSignals()
        if r != -EINTR and r != -ETIMEDOUT:
            check(r)

    def hear(self):
        cdef int r
        with nogil:
            r = ff_link_hear(self.core)
        if r == -EINTR:
            PyErr_CheckSignals()
        if r == -EINTR or r == -EAGAIN:
            return True
        return check(r) > 0

    def deliver(self, to, long most=0):
        return self.ear.deliver(to, most)

    def request(self, int kind, int flags, str topic, bytes octets, timeout):
        cdef ff_frame frame
        cdef ff_asker asker
        cdef const char *name = begin(&frame, kind, flags, topic)
        cdef const char *data = PyBytes_AS_STRING(octets)
        cdef size_t n = PyBytes_GET_SIZE(octets)
        cdef int64_t until_us = INT64_MAX
        cdef int r
        if timeout is not None:
            until_us = ff_clock_us() + <int64_t>(<double>timeout * 1e6)
        if n <= FF_FRAME_PART:
            r = ff_link_ask(self.core, &asker, &frame, name, data, n)
        else:
            with nogil:
                r = ff_link_ask(self.core, &asker, &frame, name, data, n)
        if r == -EAGAIN:
            return None
        if r == -EMSGSIZE:
            raise ValueError(f"a message has at most {FF_MESSAGE_MAX} octets")
        check(r)
        try:
            while True:
                with nogil:
                    r = ff_link_await(self.core, &asker, until_us)
                if self.on_answers is not None:
                    self.on_answers()
                if r != -EINTR:
                    break
                PyErr_CheckSignals()
        finally:
            ff_link_forget(self.core, &asker)
        if r == -ETIMEDOUT:
            raise TimeoutError
        check(r)
        answer = PyBytes_FromStringAndSize(asker.bytes, asker.frame.total)
        free(asker.bytes)
        return asker.frame.kind, asker.frame.flags, answer

    def collect(self):
        return check(ff_link_collect(self.core)) > 0

    def answers(self):
        cdef list found = []
        cdef ff_answer *a = ff_link_answer(self.core)
        while a != NULL:
            try:
                octets = PyBytes_FromStringAndSize(a.bytes, a.frame.total)
                found.append((<long>a.frame.id, <int>a.frame.kind, <int>a.frame.flags, octets))
            finally:
                free(a)
            a = ff_link_answer(self.core)
        return found

    @property
    def down_fd(self):
        return ff_link_fd(self.core, False)

    @property
    def answers_fd(self):
        return ff_link_fd(self.core, True)


cdef class Post:
    cdef ff_hub *hub
    cdef ff_inbox inbox
    cdef Ear ear
    cdef object dispatcher  # keeps the hub

    def __init__(self, dispatcher, *, size_t limit, str overflow):
        self.hub = <ff_hub *>PyCapsule_GetPointer(dispatcher._hub, "fastfork.hub")
        self.hub.limit = limit
        self.hub.policy = <ff_overflow><int>OVERFLOWS.index(overflow)
        self.dispatcher = dispatcher
        self.ear = Ear()
        self.ear.inbox = &self.inbox

    def __dealloc__(self):
        ff_inbox_close(&self.inbox)

    def tell(self, int kind, str topic, message, int to=0):
        cdef tuple both = packed(message)
        return self.say(kind, both[0], topic, both[1], to)

    cpdef bint say(
        self, int kind, int flags, str topic, bytes octets, int to=0, uint32_t id=0, bint now=False
    ) except -1:
        cdef ff_frame frame
        cdef const char *name = begin(&frame, kind, flags, topic)
        cdef const char *data = PyBytes_AS_STRING(octets)
        cdef uint32_t total, part, sent = 0
        cdef int r = 0
        if PyBytes_GET_SIZE(octets) > FF_MESSAGE_MAX:
            raise ValueError(f"a message has at most {FF_MESSAGE_MAX} octets")
        total = PyBytes_GET_SIZE(octets)
        while True:
            part = min(total - sent, <uint32_t>FF_FRAME_PART)
            begin(&frame, kind, flags, topic)
            frame.to = to
            frame.id = id
            frame.offset = sent
            frame.total = total
            frame.size = frame.topic_size + part
            r = ff_hub_say(self.hub, &frame, name, data + sent)
            sent += part
            if r < 0 or sent >= total:
                break
        return r == 0

    def deliver(self, to):
        check(ff_hub_take(self.hub, &self.inbox))
        self.ear.deliver(to, 0)

    def join_bridge(self):
        cdef int ends[4]
        check(ff_hub_join(self.hub, FF_HUB_BRIDGE, FF_SLOT_ELSEWHERE, ends))
        return tuple([ends[i] for i in range(4)])

    def leave_bridge(self):
        ff_hub_leave(self.hub, FF_HUB_BRIDGE)

    @property
    def dropped(self):
        return ff_hub_dropped(self.hub)
