"""Descriptors of processes, also where Python or the kernel has no call for them."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import subprocess

import pytest

from fastfork.errors import StartError
from fastfork.supervisor import pidfds


@pytest.fixture(params=["with its functions", "built against old headers"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this Python one that has, or lacks, what was added for pidfds."""
    if request.param == "built against old headers":
        monkeypatch.delattr(os, "pidfd_open")
        monkeypatch.delattr(signal, "pidfd_send_signal")


@pytest.mark.usefixtures("python")
def test_a_signal_goes_by_the_descriptor_which_tells_the_end() -> None:
    child = subprocess.Popen(["sleep", "60"])
    fd = pidfds.of(child.pid)
    assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert not select.select([fd], [], [], 0)[0]

    pidfds.send_signal(fd, signal.SIGKILL)

    assert select.select([fd], [], [], 10)[0]
    assert child.wait() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        pidfds.send_signal(fd, signal.SIGKILL)
    os.close(fd)


@pytest.mark.usefixtures("python")
def test_a_process_that_is_none_has_no_descriptor() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        pidfds.of(-1)


def test_this_kernel_has_them() -> None:
    pidfds.check()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.ENOSYS, r"Linux \S+ is too old: fastfork needs 5\.3 or newer, for pidfd_open\(2\)"),
        (errno.EPERM, r"forbidden here: .* allow it in the seccomp profile .*20\.10"),
        (errno.EMFILE, r"pidfd_open\(2\) failed: Too many open files"),
    ],
    ids=["old kernel", "seccomp", "else"],
)
def test_a_machine_without_them_is_refused_with_what_to_do(
    code: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(pid: int) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(pidfds, "of", fails)

    with pytest.raises(StartError, match=told):
        pidfds.check()
