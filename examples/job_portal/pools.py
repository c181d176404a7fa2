"""The connections of a worker: opened after its fork, as many as are its share, closed at its end.

One that is opened before the fork is the same socket in every worker, and their answers get mixed up.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import fastfork
from fastfork import Gauge

from .model import Storage
from .samples import samples
from .sessions import Sessions

DATABASE = os.environ.get("PORTAL_DATABASE", "sqlite:///job_portal.sqlite3")
REDIS = os.environ.get("PORTAL_REDIS", "")
CONNECTIONS = int(os.environ.get("PORTAL_CONNECTIONS", "40"))
"""What all workers together may have, of the database and of Redis."""

# Each worker says what it has, and the sum is what all have: 4 workers x 10 = 40.
workers = Gauge("portal: workers")
connections = Gauge("portal: connections")


class Pools(NamedTuple):
    """What this worker is connected to."""

    storage: Storage
    sessions: Sessions
    share: int
    """Connections that it may have, to each."""


_here: Pools | None = None


def here() -> Pools:
    """Return what this worker is connected to."""
    if _here is None:
        raise RuntimeError("pools are opened when a worker starts: fastfork serve")
    return _here


@fastfork.on_worker_start
def open_pools(slot: int) -> None:
    """Connect this worker, before its first request."""
    global _here
    share = fastfork.share(CONNECTIONS)
    _here = _open(share)
    if os.environ.get("PORTAL_SAMPLES", "yes") == "yes":
        for job in samples():  # the same ids in every worker, so each of them is there once
            _here.storage.add_job(job)
    workers.set(1)
    connections.set(share)


@fastfork.on_exit
def close_pools(slot: int) -> None:
    """Disconnect it, when its last request and its last duty are done."""
    if _here is not None:
        _here.sessions.close()
        _here.storage.close()


def _open(share: int) -> Pools:
    # Only what is used is imported: the others need not be installed.
    if DATABASE.startswith("mongodb"):
        from .mongo import MongoStorage
        from .redis_sessions import RedisSessions

        if not REDIS:
            raise SystemExit("with MongoDB sessions live in Redis: set PORTAL_REDIS=redis://HOST")
        storage = MongoStorage(DATABASE, connections=share)
        storage.prepare()
        return Pools(storage, RedisSessions(REDIS, connections=share), share)
    from .sql import SqlSessions, SqlStorage, open_engine

    engine = open_engine(DATABASE, connections=share)
    if REDIS:
        from .redis_sessions import RedisSessions

        return Pools(SqlStorage(engine), RedisSessions(REDIS, connections=share), share)
    return Pools(SqlStorage(engine), SqlSessions(engine), share)
