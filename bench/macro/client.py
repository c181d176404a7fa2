"""One connection of a client that is told, not spared, what goes wrong."""

from __future__ import annotations

import resource
import socket

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
LAST_REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


class Connection:
    """A connection to 127.0.0.1:*port*; every answer must come within *timeout* seconds."""

    def __init__(self, port: int, *, timeout: float = 5.0) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)

    def ask(self, request: bytes = REQUEST) -> bytes:
        """Send *request* and return the body; ConnectionError, TimeoutError, ValueError (not a 200)."""
        self._sock.sendall(request)
        answer = b""
        while (split := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = answer[:split].lower()
        if not head.startswith(b"http/1.1 200 "):
            raise ValueError(head[:40])
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(answer) < split + 4 + length:
            answer += self._more()
        return answer[split + 4 :]

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
