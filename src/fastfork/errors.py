"""Everything fastfork raises on purpose; each message says what to do about it.

    FastforkError            exit code
    ├── ConfigError              1     a setting has a value that can't be used
    ├── BindError                1     an address can't be listened on
    ├── StartError               1     this process can't become a master now
    │   └── ClusterStopping            nobody is forked any more
    ├── CounterError             1     a shared counter can't be made
    ├── BusError                 1     a request on the bus has no answer
    │   ├── BusUnavailable           nobody could answer it
    │   ├── BusFull                  too much waits already
    │   ├── BusTimeout               no answer in time
    │   └── BusFailed                the responder raised, or died
    └── AppError
        ├── AppImportError       3     the application's own code failed while it was loaded
        └── AppNotFound          4     there is no such application, or it can't be called

The exit codes are gunicorn's: process supervisors already know them.
"""

from __future__ import annotations


class FastforkError(Exception):
    """What every error of fastfork can be caught as."""

    exit_code = 1


class ConfigError(FastforkError):
    """A setting has a value that can't be used."""


class BindError(FastforkError):
    """An address can't be listened on."""


class StartError(FastforkError):
    """This process can't become a master now."""


class ClusterStopping(StartError):
    """Nobody is forked any more: the cluster is being disconnected."""


class CounterError(FastforkError):
    """A shared counter can't be made."""


class BusError(FastforkError):
    """A request on the bus has no answer."""


class BusUnavailable(BusError):
    """Nobody could answer: there is no responder, or no server here."""


class BusFull(BusError):
    """Too many messages wait already."""


class BusTimeout(BusError, TimeoutError):
    """The answer did not come in time."""


class BusFailed(BusError):
    """The responder raised an exception, or its worker died."""


class AppError(FastforkError):
    """The application can't be served."""

    exit_code = 3


class AppImportError(AppError):
    """The application's own code failed while it was loaded; the message ends with its traceback."""


class AppNotFound(AppError):
    """There is no such application, or it can't be called."""

    exit_code = 4
