"""The life of a worker: drop what is the master's, load the application, say so, serve, leave.

The first half is the dangerous one: a process fresh from the master is a copy of it, with every connection of
every client open and the master's call stack below it. So descriptors go first, and `leave` is the only way
out. A worker that is forked from a template (`worker.template`) has that half behind it.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import os
import resource
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TextIO, cast

import msgspec

from fastfork import bus, hooks
from fastfork._native import cells, wsgi
from fastfork._native.bus import Link
from fastfork._native.lane import Lane, name_process
from fastfork.app import failed, load, users_frames
from fastfork.bus.worker import Worker
from fastfork.config.legacy import LegacyHooks
from fastfork.errors import FastforkError, StartError
from fastfork.interface import ON_A_LOOP, RAW
from fastfork.log import ErrorStream, escape
from fastfork.slot import take_broker, take_slot
from fastfork.worker.check import ask_wsgi
from fastfork.worker.crew import Crew
from fastfork.worker.descriptors import close_all_but
from fastfork.worker.spooling import room_for_bodies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastfork._native.dispatcher import Seat
    from fastfork._native.logs import AccessLines
    from fastfork.interface import Handler
    from fastfork.settings import Settings
    from fastfork.worker.identity import Identity
    from fastfork.worker.logs import Logs
    from fastfork.worker.looping import LoopCrew
    from fastfork.worker.proxies import Proxies

READY = b"ready "
"""What a worker says when it can serve; the interface follows."""

SHOW_STACKS = signal.SIGRTMAX - 1
"""Makes a worker print where all its threads are, and go on."""

DUMP_STACKS = signal.SIGRTMAX - 2
"""Makes a worker print the same for the master (`supervisor.dumps`)."""

# The pipe takes this much in one write, without anybody reading.
_VERDICT_ROOM = 60_000

# A connection that has been quiet for so long goes back to the master: a worker holds only what is hot.
_LINGER = 0.1

# These reach the whole process group (Ctrl-C, a terminal that closes), but are the master's to answer.
_MASTERS_SIGNALS = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR2,
)


class Job(msgspec.Struct, frozen=True):
    """What the master tells all workers of a generation; it crosses the fork as it is."""

    generation: int
    """1, and one more with each reload."""
    load: Callable[[], Handler] | None
    """None: import what the settings name."""
    settings: Settings
    servers: tuple[tuple[str, str], ...]
    listeners: tuple[int, ...]
    proxies: Proxies
    identity: Identity
    logs: Logs
    dump_fd: int
    """Where stacks go that the master has asked for."""
    keep_fds: frozenset[int]
    """Descriptors of the caller that the application may be using."""
    legacy: LegacyHooks = msgspec.field(default_factory=LegacyHooks)
    """Hooks of a gunicorn.conf.py."""
    program: Callable[[Desk], int] | None = None
    """What the worker does instead of serving at once; it returns the exit code (`fastfork.cluster`)."""


class Place(msgspec.Struct, frozen=True):
    """What one worker has for itself."""

    slot: int
    workers: int
    """How many there are."""
    seats: tuple[Seat, ...]
    """One for each thread."""
    pipes: tuple[int, ...]
    """Our ends of the bus, as `Dispatcher.join` gives them."""

    @property
    def fds(self) -> set[int]:
        """What must stay open for it."""
        return {fd for seat in self.seats for fd in seat.fds} | {*self.pipes}


class Desk(msgspec.Struct, frozen=True):
    """Where a worker's program sits: it serves when it likes to."""

    job: Job
    place: Place
    here: Worker
    """This process at the bus."""
    verdict: int

    def serve(self, handler: Handler, *, servers: tuple[tuple[str, str], ...]) -> None:
        """Serve *handler* until this worker is to leave. Raises FastforkError if it can't be."""
        job = msgspec.structs.replace(self.job, servers=servers)
        shop = _furnish(job, self.place, handler, self.here)
        _serve_in(shop, job, self.place, here=self.here, verdict=self.verdict)


def be_worker(job: Job, place: Place, *, verdict: int, handler: Handler | None = None) -> NoReturn:
    """Serve as *job* says, having told *verdict* whether that is possible, then end the process.

    With a *handler* that was loaded before the fork, this process was forked from a template.
    """
    status = 1
    try:
        if handler is None:
            drop_masters(job, keep=place.fds | {verdict})
        else:
            reseed()
        take_slot(place.slot, workers=place.workers)
        name_process(f"ff-worker-{place.slot}")
        cells.sit(place.seats[0].lane)
        status = _work(job, place, verdict=verdict, handler=handler)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    except BaseException as error:
        job.logs.error.error(in_full("the worker failed", error))
    finally:
        _leave(status, within=job.settings.graceful_timeout)


def refusal(error: FastforkError) -> bytes:
    """Return what the master is told of *error*."""
    return f"{error.exit_code}\n{error}".encode("utf-8", "backslashreplace")[:_VERDICT_ROOM]


def reseed() -> None:
    """Let random numbers differ from those of the other forks; the standard library's do already."""
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()


def load_handler(job: Job) -> Handler:
    """Become who *job* says and return its application. Raises FastforkError."""
    job.identity.take()
    handler = job.load() if job.load else load(job.settings.app, interface=job.settings.interface)
    if handler.interface in ON_A_LOOP:
        from fastfork.worker.looping import prepare

        prepare(job.settings)
    return handler


def _work(job: Job, place: Place, *, verdict: int, handler: Handler | None) -> int:
    here = _join_bus(job, place)
    try:
        if job.program is not None:
            job.identity.take()
            return job.program(Desk(job, place, here, verdict))
        if handler is None:
            handler = load_handler(job)
        shop = _furnish(job, place, handler, here)
    except FastforkError as error:
        _say(verdict, refusal(error))
        return error.exit_code
    _serve_in(shop, job, place, here=here, verdict=verdict)
    return 0


class _Shop(NamedTuple):
    """All that is there when a worker opens."""

    handler: Handler
    lanes: list[Lane]
    crew: Crew | LoopCrew


def _furnish(job: Job, place: Place, handler: Handler, here: Worker) -> _Shop:
    lanes = [_sit_down(job, seat, handler) for seat in place.seats]
    crew = _crew_of(job, place, handler, lanes, here)
    _begin(job, crew, slot=place.slot)
    crew.start()
    if job.settings.check is not None and handler.interface not in RAW:
        crew.check(job.settings.check)
    return _Shop(handler, lanes, crew)


def _serve_in(shop: _Shop, job: Job, place: Place, *, here: Worker, verdict: int) -> None:
    handler, lanes, crew = shop
    gc.freeze()
    within = job.settings.graceful_timeout
    os.register_at_fork(after_in_child=crew.detach)
    signal.signal(signal.SIGTERM, lambda number, frame: crew.leave())
    # A signal that comes just before the lane waits would be seen only after its next event.
    signal.set_wakeup_fd(lanes[0].wakeup_fd, warn_on_full_buffer=False)
    # The lanes hear of the master's end between two requests; this is for one that never ends.
    signal.signal(signal.SIGRTMAX, lambda number, frame: _end_within(within))
    lanes[0].follow(signal.SIGRTMAX)
    here.open(bus.duties)
    _say(verdict, READY + handler.interface.encode())
    os.close(verdict)
    log_error = partial(_log_error, job)
    hooks.on_ready.run_each(place.slot, on_error=log_error, on_loop=crew.on_loop)
    own = os.getpid()
    crew.serve()
    if os.getpid() == own:  # not in a child that the application forked
        hooks.on_worker_stop.run_each(place.slot, on_error=log_error, on_loop=crew.on_loop)
        crew.close()
    here.close(within=within)


def _crew_of(
    job: Job, place: Place, handler: Handler, lanes: Sequence[Lane], here: Worker
) -> Crew | LoopCrew:
    leave = partial(_leave, 0, within=job.settings.graceful_timeout)
    if handler.interface not in ON_A_LOOP:
        return Crew(
            lanes,
            partial(_serve, job, place, handler),
            ask=partial(
                ask_wsgi, handler.call, server=job.servers[0], root_path=job.settings.root_path
            ),
            leave=leave,
        )
    from fastfork.worker.looping import LoopCrew

    if len(lanes) > 1:
        raise StartError(
            "--threads is for applications that wait in threads; this one runs on an asyncio loop, which has"
            " one: leave --threads out, and see --worker-connections"
        )
    return LoopCrew(
        lanes,
        handler,
        settings=job.settings,
        servers=job.servers,
        here=here,
        access_log=_access_log(job, place, lanes[0]),
        on_error=partial(_log_error, job),
        leave=leave,
    )


def _begin(job: Job, crew: Crew | LoopCrew, *, slot: int) -> None:
    own = os.getpid()

    def end() -> None:
        if os.getpid() != own:
            return
        hooks.on_exit.run_each(slot, on_error=partial(_log_error, job))
        try:
            job.legacy.of_worker("worker_exit", job.logs.error.write, pid=own, slot=slot)
        except Exception as error:
            _log_error(job, "the hook worker_exit of the file of settings failed", error)

    try:
        job.legacy.of_worker("post_fork", job.logs.error.write, pid=own, slot=slot)
        hooks.on_worker_start.run(slot, on_loop=crew.on_loop)
        if job.generation > 1:
            hooks.on_reload.run(slot, on_loop=crew.on_loop)
    except (Exception, SystemExit) as error:
        raise failed("a hook of the application", error) from None
    atexit.register(end)


def _log_error(job: Job, what: str, error: BaseException | None) -> None:
    job.logs.error.error(in_full(escape(what), error))


def _join_bus(job: Job, place: Place) -> Worker:
    settings = job.settings
    here = Worker(
        Link(place.pipes, limit=settings.bus_queue, overflow=settings.bus_overflow),
        bus.handlers_of(master=False),
        is_patient=settings.bus_overflow == "block",
        on_error=partial(_log_error, job),
    )
    bus.enter(here)
    os.register_at_fork(after_in_child=lambda: bus.enter(None))
    return here


def _serve(job: Job, place: Place, handler: Handler, lane: Lane) -> None:
    if handler.interface == "socket":
        from fastfork.worker import sockets

        sockets.serve(lane, handler.call, on_error=partial(_log_error, job))
        return
    wsgi.serve(
        lane,
        handler.call,
        servers=job.servers,
        errors=cast("TextIO", ErrorStream(job.logs.error.file)),
        on_error=partial(_log_error, job),
        access_log=_access_log(job, place, lane),
        root_path=job.settings.root_path,
        multiprocess=job.settings.workers != 1,
        multithread=job.settings.threads != 1,
    )


def _access_log(job: Job, place: Place, lane: Lane) -> AccessLines | None:
    return job.logs.access.lines_of(lane, slot=place.slot) if job.logs.access else None


def _say(verdict: int, what: bytes) -> None:
    try:
        os.write(verdict, what)
    except BrokenPipeError:
        pass  # the master is gone: the lane will tell


def _sit_down(job: Job, seat: Seat, handler: Handler) -> Lane:
    settings = job.settings
    is_shared = settings.dispatch == "shared"
    spool, spool_dir = room_for_bodies(settings)
    return Lane(
        seat,
        head_timeout=settings.head_timeout,
        body_timeout=settings.body_timeout,
        write_timeout=settings.write_timeout,
        linger=settings.keep_alive if is_shared else _LINGER,
        listeners=job.listeners if is_shared else (),
        at_once=settings.worker_connections if handler.interface in ON_A_LOOP else 0,
        is_raw=handler.interface in RAW,
        replay=settings.replay,
        proxy=settings.proxy_protocol,
        relays=job.proxies.relays,
        trusted=job.proxies.trusted,
        body_buffer=settings.body_buffer,
        spool=spool,
        spool_dir=spool_dir,
        max_body=settings.max_body,
        limit_overhead=settings.limit_chunk_overhead,
        limit_requests=settings.limit_requests_per_connection,
        rate=settings.min_rate,
        refuse_underscores=settings.header_map == "refuse",
        limit_head=settings.limit_head,
        limit_line=settings.limit_request_line,
        limit_field=settings.limit_request_field_size,
        limit_fields=settings.limit_request_fields,
    )


def drop_masters(job: Job, *, keep: set[int]) -> None:
    """Let go of what was the master's, but for the descriptors to *keep*, and take up the logs."""
    ours = {*keep}
    if job.settings.dispatch == "shared":
        ours.update(job.listeners)
    close_all_but({0, 1, 2, job.dump_fd, *job.keep_fds} | ours | job.logs.fds)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    for number in _MASTERS_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # From here on: what the master has reopened before, this process has inherited.
    signal.signal(signal.SIGUSR1, lambda number, frame: job.logs.reopen())
    # Where it is when a signal kills it: a crash, or a request that timed out (SIGABRT). Works whoever
    # holds the GIL.
    faulthandler.enable(job.logs.error.file.fd, all_threads=True)
    faulthandler.register(SHOW_STACKS, job.logs.error.file.fd, all_threads=True)
    faulthandler.register(DUMP_STACKS, job.dump_fd, all_threads=True)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # what came since the fork comes now
    # A core dump would delay the news of a death by seconds.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    atexit._clear()
    if job.settings.reload:
        # What is changed twice within a second would be taken from the bytecode of the first time.
        sys.dont_write_bytecode = True
    if job.settings.bus != "local":
        take_broker(job.settings.bus, job.settings.bus_channel or job.settings.app)
    job.logs.adopt()


def in_full(what: str, error: BaseException | None) -> str:
    """Return *what* happened, with the frames of the application in *error*."""
    if error is None:
        return what
    from traceback import format_exception

    lines = format_exception(type(error), error, users_frames(error.__traceback__))
    return f"{what}\n{''.join(lines).rstrip()}"


def _end_within(seconds: float) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1.0))


def _leave(status: int, *, within: float) -> NoReturn:
    """End as a Python program ends, *within* seconds, and never through the master's call stack."""
    try:
        _end_within(within)
        if "threading" in sys.modules:
            # What the interpreter does first at its end: it waits for threads and executors.
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)
