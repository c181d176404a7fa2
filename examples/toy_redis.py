"""A Redis of four commands, in threads: fastfork serve examples.toy_redis:serve -w 4 --threads 8

redis-cli -p 8000 INCR visits     one number for all workers, in shared memory
"""

from __future__ import annotations

import socket
from typing import BinaryIO

import fastfork

counters = {name: fastfork.Counter(f"toy-{name}") for name in ("visits", "hits")}


@fastfork.socket_handler
def serve(sock: socket.socket, address: tuple[str, int]) -> None:
    """Answer commands until the client leaves; blocking is fine here."""
    with sock.makefile("rb") as commands:
        while words := read_command(commands):
            sock.sendall(answer(words))


def read_command(commands: BinaryIO) -> list[str]:
    """Return the next command's words (RESP: *2, $4, INCR, $6, visits); none at the end."""
    head = commands.readline()
    if not head.startswith(b"*"):
        return []
    words = []
    for _ in range(int(head[1:])):
        size = int(commands.readline()[1:])
        words.append(commands.read(size + 2)[:size].decode())
    return words


def answer(words: list[str]) -> bytes:
    """Return what a command is answered."""
    match [words[0].upper(), *words[1:]]:
        case ["PING"]:
            return b"+PONG\r\n"
        case ["GET", name] if name in counters:
            return b":%d\r\n" % counters[name].value
        case ["INCR", name] if name in counters:
            counters[name].add()
            return b":%d\r\n" % counters[name].value
        case ["COMMAND", *_]:
            return b"*0\r\n"
        case _:
            return b"-ERR there are PING, GET and INCR, of visits and hits\r\n"
