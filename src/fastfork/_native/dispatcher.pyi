"""The master's side of the core: accepts connections, keeps them in escrow and deals them to lanes."""

from collections.abc import Sequence

HISTOGRAM_ENDS: list[float]
"""Where the ranges of `Dispatcher.times` end, in seconds; the last one has no end."""

MAIL: int
"""Stands, in what `Dispatcher.wait` returns, for what was said to the master on the bus."""

def layout() -> int:
    """Return what old workers and a new master have to agree on, as a number: another one, another layout."""

class Seat:
    """What one worker process needs to take its place at a lane; made by `Dispatcher.seat`.

    Carries the shared page, the lane's channel and the bell across `os.fork` (nothing is pickled).
    """

    @property
    def lane(self) -> int: ...
    @property
    def fds(self) -> tuple[int, ...]:
        """The descriptors that the worker must keep open: its end of the channel, and the bell."""

    def moved(self, lane: int, *, channel: int) -> Seat:
        """The seat at another lane, leased later; *channel* is its end of the channel in this process."""

def adopt_orphans(on: bool) -> bool:
    """Whether processes below this one become its children when they lose their parent; return what was so.

    Raises OSError.
    """

class Dispatcher:
    """Accepts on its listeners and deals each connection to the next ready lane.

    It works only inside `wait`. One per process, in the thread that made it; a copy that a forked child
    inherits does nothing, and is not to be used.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        keep_alive: float,
        silence: float,
        body_timeout: float = 0.0,
        timeout: float = 0.0,
        dispatch: str = "round-robin",
        replay: bool = True,
        inherited: bytes | None = None,
    ) -> None:
        """Map the shared page and open the reactor.

        *max_connections* is the size of the connection table; *keep_alive* seconds is how long a
        connection that was answered may stay quiet, *silence* one that never said anything, *body_timeout*
        one that has said a part of a request and was taken from a lane without time for it, *timeout* an
        application that has a request (0: any). *dispatch* ("round-robin", "least-loaded", "ip-hash") says
        who gets the next connection, of those that have room. Without *replay*, a request whose worker died
        is answered 502 and never run again.

        *inherited*, from `hand_over` in the image of this process before: page, connections, lanes and bus
        are those; *max_connections* and *dispatch* stay what they were, listeners have to be given again.
        Raises OSError: EPROTO if it is no such thing.
        """

    def adapt(self, *, dispatch: str, at_once: int) -> None:
        """Deal by the policy *dispatch* from now on, to lanes that run *at_once* requests beside each other.

        0: one after the other, as at first.
        """

    def listen(self, fd: int) -> int:
        """Accept on the listening socket *fd* (you still own it) and return its number, from 0.

        Nothing is accepted before the first lane is ready. Raises OSError.
        """

    def stop_accepting(self, *, drain_backlog: bool) -> None:
        """Never accept again; with *drain_backlog*, first accept and deal what waits in the kernel's queue.

        You may close the listening sockets afterwards.
        """

    def watch(self, fd: int) -> None:
        """Let `wait` report *fd* whenever it is readable (a pidfd: when its process ended)."""

    def unwatch(self, fd: int) -> None:
        """Stop watching *fd*; call it before you close *fd*."""

    def wait(self, timeout: float | None) -> list[int]:
        """Accept and deal until a watched descriptor is readable or *timeout* seconds passed.

        Returns the readable watched descriptors, [] on time-out, when a signal came (so that its Python
        handler runs) or when a lane was added to `timed_out`. None waits without limit.
        """

    def lease(self, *, slot: int = 0) -> int:
        """Open a fresh lane (channel, page line) for the worker of *slot*; return its number. Raises OSError.

        The lane gets no connection before `ready`.
        """

    def seat(self, lane: int) -> Seat:
        """What the process that is about to be forked for *lane* needs."""

    def join(self, lane: int, *, slot: int) -> tuple[int, ...]:
        """Make pipes of the bus for the worker that takes *lane*; return its ends, which are the caller's.

        They end with `recover`. Raises OSError.
        """

    def ready(self, lane: int) -> None:
        """The lane's worker has loaded the application: deal to it from now on."""

    def rest(self, lane: int) -> None:
        """Deal nothing more to *lane*; its worker goes on with what it has."""

    def leave(self, lane: int) -> None:
        """Deal nothing more to *lane* and let it end when what runs there is finished.

        What it has queued or idle goes to other lanes.
        """

    def timed_out(self) -> list[int]:
        """Lanes, until `recover`, whose application was quiet for too long: kill their workers.

        The request is then answered 504 and not run again.
        """

    def recover(self, lanes: Sequence[int], *, by_itself: bool) -> int:
        """Put what the dead worker of *lanes* held where it belongs; return how many requests were lost.

        Queued and idle connections go to other lanes. A request that was inside the application is run
        again by another lane if it may be, else answered 502; a begun answer is cut. One that ran alone may
        be to blame if the worker ended *by_itself*, not by a signal from outside.
        The lanes may then be leased to the next process (`seat`, fork, `ready`).
        """

    def rescued(self) -> list[tuple[str, str, bool]]:
        """What the last `recover` did about requests inside the application (the first 16).

        Each is "replayed", "refused" or "cut", the request line, and whether it had timed out.
        """

    def shortage(self) -> tuple[int, int] | None:
        """Why new connections can't be accepted, told once a minute: an errno, or 0 if the table is full.

        And how many idle connections were closed so far to make room. None: nothing to be told.
        """

    def release(self, lane: int) -> None:
        """Close a lane for good; call `recover` first. Its number may be leased again."""

    def close_lane_channels(self) -> None:
        """Tell every worker to drain, once nothing waits for a lane any more.

        It serves what it was dealt, closes what is idle, and ends.
        """

    def stats(self) -> dict[str, int]:
        """Counters since the start and gauges of now.

        Counters: accepted, dealt, redealt, taken (back from lanes), replayed, refused, closed, lost,
        accept_errors, evicted (idle ones, closed for their descriptors), bus_messages (that
        the bus passed on), bus_dropped (that reached nobody, or not all).
        Gauges: connections (in the table), parked, lingering, waiting (to be dealt), listening (1 while
        the listeners are polled), full (1 while no lane has room).
        """

    def lane_stats(self, lane: int) -> dict[str, int]:
        """Of one lane: dealt, claimed, requests, connections (it owns now), running, is_stuck.

        credits is how many connections it may get now.

        busy_us is how long it has been inside its request, 0 without one.
        """

    def times(self, lanes: Sequence[int] | None = None) -> list[tuple[list[int], float]]:
        """How long requests took, and how long they had waited before; of *lanes*, or of all there ever were.

        Each is counts of the ranges that end at HISTOGRAM_ENDS, and the sum in seconds. Never reset.
        """

    def refusals(self) -> dict[int, int]:
        """How often workers answered in the application's place, by status, since the start."""

    def lines_lost(self) -> int:
        """Lines of access logs that workers could not write, since the start."""

    def hand_over(self) -> bytes:
        """Return all that this one knows, for the next image of this process; descriptors by number."""

    def survive(self, on: bool) -> None:
        """Let the descriptors that are its own stay open when this process executes another image, or not."""

    def close(self) -> None:
        """Close every connection and lane; the listening sockets stay yours. May be called twice."""
