"""The error log: whole lines, and no way to be stopped by them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from fastfork.errors import ConfigError
from fastfork.log import ErrorStream, Log, escape, open_log, write_line


def test_line_has_time_pid_level_and_message(tmp_path: Path) -> None:
    fd = open_log(str(tmp_path / "log"), setting="error_logfile", dash=2)

    Log(fd).warning("the roof leaks")

    os.close(fd)
    line = (tmp_path / "log").read_text()
    stamp = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(rf"{stamp} \[{os.getpid()}\] \[WARNING\] the roof leaks\n", line)


def test_levels_below_the_threshold_are_silent(tmp_path: Path) -> None:
    fd = open_log(str(tmp_path / "log"), setting="error_logfile", dash=2)
    log = Log(fd, level="warning")

    for write in (log.debug, log.info, log.warning, log.error):
        write(write.__name__)

    os.close(fd)
    words = [line.split()[-1] for line in (tmp_path / "log").read_text().splitlines()]
    assert words == ["warning", "error"]


def test_log_file_is_appended_to(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")

    fd = open_log(str(tmp_path / "log"), setting="error_logfile", dash=2)
    write_line(fd, "after")

    os.close(fd)
    assert (tmp_path / "log").read_text() == "before\nafter\n"


def test_dash_is_the_given_descriptor() -> None:
    assert open_log("-", setting="access_logfile", dash=1) == 1


def test_log_file_that_cannot_be_opened_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"access_logfile: can't open .*No such file"):
        open_log(str(tmp_path / "no" / "log"), setting="access_logfile", dash=1)


def test_full_disk_does_not_stop_the_writer() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)

    write_line(fd, "lost")
    written = ErrorStream(fd).write("lost too")

    os.close(fd)
    assert written == 8


def test_reader_that_went_away_does_not_stop_the_writer() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    write_line(writer, "lost")

    os.close(writer)


def test_full_pipe_loses_the_line_instead_of_waiting() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    room = os.write(writer, b"x" * (1 << 20))

    write_line(writer, "lost")

    assert len(os.read(reader, 1 << 20)) == room
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain text", "plain text"),
        ('say "hi"', 'say \\"hi\\"'),
        ("back\\slash", "back\\\\slash"),
        ("two\r\nlines", "two\\x0d\\x0alines"),
        ("\x1b[31mred\x7f", "\\x1b[31mred\\x7f"),
        ("caf\xe9\x85", "caf\\xe9\\x85"),
    ],
)
def test_what_could_forge_a_line_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_error_stream_takes_lines_as_the_wsgi_standard_asks() -> None:
    reader, writer = os.pipe()
    stream = ErrorStream(writer)

    stream.write("one\n")
    stream.writelines(["two\n", "\ud800\n"])
    stream.flush()

    assert os.read(reader, 100) == b"one\ntwo\n\\ud800\n"
    os.close(reader)
    os.close(writer)
