"""A load client that never waits for the server: every request leaves at its own time.

Latency counts from the *scheduled* moment, so a slow server can't thin out its own load (no coordinated
omission). One thread, one epoll; select() sleeps to the microsecond where epoll knows only milliseconds.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from client import body_of, is_last

GRACE = 10.0
"""Seconds after the last arrival in which answers still count."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What leaves *at* seconds after the start; *service* is how long the application sleeps for it."""

    at: float
    service: float
    fresh: bool = False
    """On a connection of its own."""


@dataclass(kw_only=True)
class Answer:
    """What became of a request; times count from the start, and *done* is inf when none came."""

    late: float = 0.0
    sent: float = inf
    done: float = inf
    body: bytes = b""


class _Conn:
    def __init__(self, port: int) -> None:
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(("127.0.0.1", port))
        self.request = -1
        """Index of the request that is under way; -1 is none."""
        self.is_connecting = False
        self.unsent = b""
        self.got = b""
        self.answers = 0


class Player:
    """Plays *requests* against a port; kept connections form a pool, last used first.

    The pool grows as needed up to *limit*; beyond it requests wait here, first come first served.
    Make it before 1000 descriptors are open: select() knows no more.
    """

    def __init__(self, port: int, requests: Sequence[Request], *, limit: int | None = None) -> None:
        self.answers = [Answer() for _ in requests]
        self.opened = 0
        self.retried = 0
        """Requests sent again because the server had closed a kept connection meanwhile."""
        self._port = port
        self._requests = requests
        self._limit = len(requests) if limit is None else limit
        self._epoll = select.epoll()
        self._conns: dict[int, _Conn] = {}
        self._kept = 0
        self._free: list[_Conn] = []
        self._waiting: deque[int] = deque()
        self._open_answers = len(requests)
        self._start = 0.0

    def play(self) -> list[Answer]:
        """Send every request at its time; return the answers in the same order."""
        try:  # punctual on a machine where the servers compete with it
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            pass  # the lateness that is printed tells
        try:
            self._play()
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        return self.answers

    def _play(self) -> None:
        due = 0
        end = self._requests[-1].at + GRACE
        self._start = time.monotonic()
        while self._open_answers and (now := self._now()) < end:
            while due < len(self._requests) and self._requests[due].at <= now:
                if self._requests[due].at > 0:  # the others are a crowd that waits at the door
                    self.answers[due].late = self._now() - self._requests[due].at
                self._submit(due)
                due += 1
            until = self._requests[due].at if due < len(self._requests) else end
            select.select([self._epoll], [], [], max(0.0, until - self._now()))
            for fd, _ in self._epoll.poll(0, 4):  # few: what is due must not wait for many
                if conn := self._conns.get(fd):
                    self._advance(conn)
        for conn in [*self._conns.values()]:
            self._close(conn)
        self._epoll.close()

    def _now(self) -> float:
        return time.monotonic() - self._start

    def _submit(self, index: int) -> None:
        if self._requests[index].fresh:
            self._send(self._open(), index)
        elif self._free:
            self._send(self._free.pop(), index)
        elif self._kept < self._limit:
            self._kept += 1
            self._send(self._open(), index)
        else:
            self._waiting.append(index)

    def _open(self) -> _Conn:
        conn = _Conn(self._port)
        self.opened += 1
        self._conns[conn.sock.fileno()] = conn
        self._epoll.register(conn.sock.fileno(), select.EPOLLIN)
        return conn

    def _send(self, conn: _Conn, index: int) -> None:
        request = self._requests[index]
        last = "Connection: close\r\n" if request.fresh else ""
        head = f"GET /?s={request.service:.6f} HTTP/1.1\r\nHost: bench\r\n{last}\r\n"
        conn.request, conn.unsent, conn.got = index, head.encode(), b""
        self.answers[index].sent = self._now()
        try:
            self._flush(conn)
        except OSError:
            pass  # epoll tells it again

    def _advance(self, conn: _Conn) -> None:
        try:
            if conn.unsent and not self._flush(conn):
                return
            part = conn.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if conn.request < 0 or not part:
            self._lose(conn)
            return
        conn.got += part
        try:
            body = body_of(conn.got)
        except ValueError:  # an answer, but none that counts
            self._lose(conn)
            return
        if body is not None:
            self._finish(conn, body)

    def _flush(self, conn: _Conn) -> bool:
        try:
            conn.sock.send(conn.unsent)  # far less than any socket buffer: whole or not at all
        except BlockingIOError:
            self._epoll.modify(conn.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)
            conn.is_connecting = True
            return False
        if conn.is_connecting:
            self._epoll.modify(conn.sock.fileno(), select.EPOLLIN)
            conn.is_connecting = False
        conn.unsent = b""
        return True

    def _finish(self, conn: _Conn, body: bytes) -> None:
        answer, fresh = self.answers[conn.request], self._requests[conn.request].fresh
        answer.done, answer.body = self._now(), body
        self._open_answers -= 1
        conn.request = -1
        conn.answers += 1
        if fresh:
            self._close(conn)
        elif is_last(conn.got):
            self._drop_kept(conn)
        else:
            self._free.append(conn)
            self._send_waiting()

    def _lose(self, conn: _Conn) -> None:
        index = conn.request
        if index >= 0 and self._requests[index].fresh:
            self._close(conn)
            self._open_answers -= 1
            return
        if index < 0:
            self._free.remove(conn)
        elif conn.answers and not conn.got:
            self.retried += 1
            self._waiting.appendleft(index)
        else:
            self._open_answers -= 1
        self._drop_kept(conn)

    def _drop_kept(self, conn: _Conn) -> None:
        self._close(conn)
        self._kept -= 1
        self._send_waiting()

    def _send_waiting(self) -> None:
        if self._waiting:
            self._submit(self._waiting.popleft())

    def _close(self, conn: _Conn) -> None:
        del self._conns[conn.sock.fileno()]
        conn.sock.close()
