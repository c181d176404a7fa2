"""A worker as its master sees it."""

from __future__ import annotations

import os
import signal
from unittest import mock

from fastfork.supervisor.spawn import Worker


def test_a_signal_for_a_worker_that_is_buried_goes_to_nobody() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    verdict, ours = os.pipe()
    worker = Worker(child, lanes=(0,), pidfd=os.pidfd_open(child), verdict=verdict)
    worker.kill()  # it has ended, or is about to
    assert worker.bury() in (0, -signal.SIGKILL)
    os.close(ours)

    with mock.patch("os.kill") as kill, mock.patch("signal.pidfd_send_signal") as send:
        worker.kill()  # another process may have its number by now

    assert not kill.called
    assert not send.called
