"""The error log: whole lines, and no way to be stopped by them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from fastfork.errors import ConfigError
from fastfork.log import ErrorStream, Log, LogFile, escape, stream_to, without_password


def log_at(path: Path | str) -> LogFile:
    """Return the log file at *path*."""
    return LogFile(str(path), setting="error_logfile", dash=2)


def test_line_has_time_pid_level_and_message(tmp_path: Path) -> None:
    file = log_at(tmp_path / "log")

    Log(file).warning("the roof leaks")

    file.close()
    line = (tmp_path / "log").read_text()
    stamp = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(rf"{stamp} \[{os.getpid()}\] \[WARNING\] the roof leaks\n", line)


def test_levels_below_the_threshold_are_silent(tmp_path: Path) -> None:
    file = log_at(tmp_path / "log")
    log = Log(file, level="warning")

    for write in (log.debug, log.info, log.warning, log.error):
        write(write.__name__)

    file.close()
    words = [line.split()[-1] for line in (tmp_path / "log").read_text().splitlines()]
    assert words == ["warning", "error"]


def test_log_file_is_appended_to(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")

    file = log_at(tmp_path / "log")
    file.write("after\n")

    file.close()
    assert (tmp_path / "log").read_text() == "before\nafter\n"


def test_renamed_file_is_left_when_the_log_is_reopened(tmp_path: Path) -> None:
    file = log_at(tmp_path / "log")
    number = file.fd
    file.write("one\n")

    (tmp_path / "log").rename(tmp_path / "old")
    file.write("two\n")
    file.reopen()
    file.write("three\n")

    assert file.fd == number
    file.close()
    assert (tmp_path / "old").read_text() == "one\ntwo\n"
    assert (tmp_path / "log").read_text() == "three\n"


def test_log_that_cannot_be_reopened_goes_on_in_the_old_file(tmp_path: Path) -> None:
    file = log_at(tmp_path / "log")
    (tmp_path / "log").rename(tmp_path / "old")
    (tmp_path / "log").mkdir()

    with pytest.raises(IsADirectoryError):
        file.reopen()
    file.write("still here\n")

    file.close()
    assert (tmp_path / "old").read_text() == "still here\n"


def test_dash_is_the_given_descriptor_unless_its_reader_could_hold_us_up(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with (tmp_path / "file").open("w") as plain:
        same = LogFile("-", setting="access_logfile", dash=plain.fileno())
        own = LogFile("-", setting="access_logfile", dash=writer)

        assert (same.fd, same.path) == (plain.fileno(), None)
        assert os.get_blocking(writer)
        assert not os.get_blocking(own.fd)
        same.close()
    own.close()
    os.close(reader)
    os.close(writer)


def test_log_file_that_cannot_be_opened_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"error_logfile: can't open .*No such file"):
        log_at(tmp_path / "no" / "log")


def test_full_disk_does_not_stop_the_writer_and_lines_are_counted() -> None:
    file = log_at("/dev/full")

    file.write("lost\n")
    written = ErrorStream(file).write("lost too\n")
    print("as well", file=stream_to(file))

    assert (written, file.lost) == (9, 2)
    file.close()


def test_reader_that_went_away_does_not_stop_the_writer() -> None:
    reader, writer = os.pipe()
    file = LogFile("-", setting="error_logfile", dash=writer)
    os.close(reader)

    file.write("lost\n")

    assert file.lost == 1
    file.close()
    os.close(writer)


def test_reader_that_comes_back_is_told_how_many_lines_it_missed() -> None:
    reader, writer = os.pipe()
    file = LogFile("-", setting="error_logfile", dash=writer)
    log = Log(file)
    while file.lost == 0:
        log.info("x" * 1000)
    log.info("also lost")
    log.info("this, too")

    os.read(reader, 1 << 20)
    log.info("back")

    *_, told, last = os.read(reader, 1 << 20).decode().splitlines()
    assert told.endswith("[WARNING] 3 lines of this log are lost: they could not be written")
    assert last.endswith("back")
    file.close()
    os.close(reader)
    os.close(writer)


def test_log_can_be_led_elsewhere(tmp_path: Path) -> None:
    file = log_at(tmp_path / "log")
    heard: list[tuple[str, str]] = []

    Log(file, level="error", divert=lambda *told: heard.append(told)).info("listen")

    file.close()
    assert heard == [("info", "listen")]
    assert (tmp_path / "log").read_text() == ""


def test_what_is_printed_comes_as_whole_lines(tmp_path: Path) -> None:
    file = log_at(tmp_path / "log")
    stream = stream_to(file)

    print("one", "\ud800", file=stream)
    print("two", end="", file=stream)
    before = (tmp_path / "log").read_text()
    stream.flush()

    assert (before, (tmp_path / "log").read_text()) == ("one \\ud800\n", "one \\ud800\ntwo")
    file.close()


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


def test_error_stream_takes_lines_as_the_wsgi_standard_asks(tmp_path: Path) -> None:
    file = log_at(tmp_path / "log")
    stream = ErrorStream(file)

    stream.write("one\n")
    stream.writelines(["two\n", "\ud800\n"])
    stream.flush()

    file.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n\\ud800\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://:se@cret@host/1", "redis://:***@host/1"),
        ("rediss://shop:secret@host", "rediss://shop:***@host"),
        ("local", "local"),
    ],
)
def test_password_in_a_url_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
