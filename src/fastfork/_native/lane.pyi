"""The worker's side of the core: one lane, with the connections that were dealt to it."""

from collections.abc import Sequence

from fastfork._native.dispatcher import Seat
from fastfork._native.networks import Networks

def name_process(name: str) -> None:
    """Let tools such as ps and top call this thread's process by *name*, cut to 15 octets."""

class Lane:
    """The reactor of one worker thread; a binding (`wsgi.serve`) runs requests from it."""

    def __init__(
        self,
        seat: Seat,
        *,
        head_timeout: float,
        body_timeout: float,
        write_timeout: float,
        linger: float,
        replay: str = "safe",
        proxy: str = "off",
        relays: Networks,
        trusted: Networks,
        body_buffer: int,
        spool: int = 0,
        spool_dir: str = "/tmp",
        max_body: int = 0,
        limit_overhead: int = 16384,
        limit_requests: int = 0,
        rate: int = 0,
        refuse_underscores: bool = False,
        limit_head: int,
        limit_line: int,
        limit_field: int,
        limit_fields: int,
        listeners: Sequence[int] = (),
        at_once: int = 0,
        is_raw: bool = False,
    ) -> None:
        """Sit down at *seat*; call it in the worker, after the fork. Times are seconds, limits octets.

        *replay* ("off", "safe", "idempotent") says which requests may be run again after our death.
        *proxy* ("off", "v1", "v2", "auto") is the version of the PROXY protocol that *relays* must speak;
        X-Forwarded-* fields of peers in *trusted* are believed.
        After *linger* a quiet connection goes back to the master.
        *body_buffer*: a request body up to this size is complete in memory before the application runs.
        A larger one waits in a temporary file in *spool_dir*, if it has at most *spool* octets; else, and
        always with *at_once*, it is streamed.
        *max_body*: a body with more is answered 413, before it is read if its length tells (0: any).
        *limit_overhead*: octets of chunk extensions and trailers that no content pays for (0: any).
        With *at_once* one whose length is not known is read as it comes.
        *limit_requests*: that many on one connection (0: any). *rate*: octets a second that a client must
        send of a body and read of an answer, on average, beyond the time-outs (0: any).
        *refuse_underscores*: a field with "_" in its name is answered 400.
        From *listeners* (descriptors, borrowed) it accepts by itself: what the master deals elsewhere. Such
        connections end with the process, and *linger* is how long a quiet one is kept.
        *at_once*: requests that run beside each other on a loop; 0: one after the other.
        *is_raw*: no HTTP, a connection is one request. Raises OSError.
        """

    def drain(self) -> None:
        """Claim nothing more, close what is idle, finish what runs; then `wsgi.serve` returns.

        Safe in a signal handler (Python level).
        """

    def detach(self) -> None:
        """Let go of everything, in a child that the application forked; then `wsgi.serve` returns there.

        What the child does with its copy of a request reaches neither a client nor the master.
        """

    @property
    def wakeup_fd(self) -> int:
        """Any octet written here ends the lane's wait; for `signal.set_wakeup_fd`."""

    def follow(self, number: int) -> None:
        """Send signal *number* to this process when the master is gone (prctl(2), PR_SET_PDEATHSIG)."""

    @property
    def requests(self) -> int:
        """Requests answered so far."""
