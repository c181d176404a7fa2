"""What the log says of a worker's end and of its requests. Pure."""

from __future__ import annotations

import os

from fastfork.supervisor.signals import name_of

REASONS = ("start", "timeout", "signal", "relieved", "exit")
"""Why workers end: they could not start, took too long, were killed, were relieved, or left."""

_DONE = {
    "replayed": "another one runs it again",
    "refused": "answered 502",
    "cut": "its connection was cut, the answer had begun or could not be known",
}


def cause_of(status: int) -> str:
    """Return a status of `Worker.bury` in words."""
    return name_of(-status) if status < 0 else f"exit code {status}"


def end(status: int, lost: int, *, is_killed: bool, is_oom: bool = False) -> str:
    """Return how a worker ended with *status*, and how many requests were *lost* with it.

    It *is_killed* if that was our doing, *is_oom* if the kernel killed for want of memory.
    """
    if status == 0 and not lost:
        return "exited"
    requests = f", {lost} request{'s' if lost > 1 else ''} lost" if lost else ""
    how = "was killed" if is_killed else f"died: {cause_of(status)}"
    return f"{how}{', the kernel was out of memory for it' if is_oom else ''}{requests}"


def reason(status: int, *, is_ready: bool, is_timed_out: bool, is_relieved: bool) -> str:
    """Return in a word why a worker ended; `REASONS` are all there are."""
    if not is_ready:
        return "start"
    if is_timed_out:
        return "timeout"
    if status < 0:
        return "signal"
    return "relieved" if is_relieved else "exit"


def still_running(seconds: float) -> str:
    """Return why a worker is killed that had so many *seconds* to finish."""
    return f"still running after {seconds:g} s"


def shortage(number: int, evicted: int) -> str:
    """Return why new connections wait: an errno, or 0 when the server holds as many as it may.

    *evicted* idle connections have been closed so far, to make room for them.
    """
    if number == 0:
        return "as many connections are open as may be: new ones wait (see --max-connections)"
    why = f"can't accept: {os.strerror(number)}"
    if evicted:
        why += f"; {evicted} idle connections were closed so far, those that were quiet for longest"
    return f"{why} (raise the limit of open files, or lower --max-connections)"


def rescue(done: str, request: str) -> str:
    """Return what became of *request* when its worker died (*done* as `Dispatcher.rescued` has it)."""
    return f"died in {request}: {_DONE[done]}"


def time_out(done: str, request: str, *, seconds: float) -> str:
    """Return what became of *request*, that had taken more than *seconds*."""
    told = "answered 504" if done == "refused" else _DONE[done]
    return f"timed out in {request} after {seconds:.1f} s: {told}"
