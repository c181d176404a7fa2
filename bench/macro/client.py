"""One connection of a client that is told, not spared, what goes wrong."""

from __future__ import annotations

import resource
import socket

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
LAST_REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


def body_of(answer: bytes) -> bytes | None:
    """Return the body once *answer* is whole, None before; ValueError when it is no 200."""
    split = answer.find(b"\r\n\r\n")
    if split < 0:
        return None
    head = answer[:split].lower()
    if not head.startswith(b"http/1.1 200 "):
        raise ValueError(head[:40])
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    body = answer[split + 4 :]
    return body if len(body) >= length else None


def is_last(answer: bytes) -> bool:
    """Return whether the server closes the connection after the whole *answer*."""
    return b"\r\nconnection: close\r\n" in answer.partition(b"\r\n\r\n")[0].lower() + b"\r\n"


class Connection:
    """A connection to 127.0.0.1:*port*; every answer must come within *timeout* seconds."""

    def __init__(self, port: int, *, timeout: float = 5.0) -> None:
        self.ended = False
        """Whether the server has said that it closes."""
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)

    def ask(self, request: bytes = REQUEST) -> bytes:
        """Send *request* and return the body; ConnectionError, TimeoutError, ValueError (not a 200)."""
        self.send(request)
        return self.receive()

    def send(self, request: bytes = REQUEST) -> None:
        """Send *request*, and don't wait for its answer."""
        self._sock.sendall(request)

    def receive(self) -> bytes:
        """Return the body of the next answer; as `ask`."""
        answer = b""
        while (body := body_of(answer)) is None:
            answer += self._more()
        self.ended = is_last(answer)
        return body

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close; may be called twice."""
        self._sock.close()

    def _more(self) -> bytes:
        part = self._sock.recv(65536)
        if not part:
            raise ConnectionResetError("closed while an answer was awaited")
        return part


def allow_open_files(count: int) -> None:
    """Raise the soft limit of open files to *count*, or exit with the kernel's objection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
