"""The access log: gunicorn's atoms, JSON, and no way to forge a line."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from fastfork.errors import ConfigError
from fastfork.log import LogFile
from fastfork.settings import ACCESS_LOG_FORMAT
from fastfork.worker.access_log import AccessLog

HEADERS = [("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("set-cookie", "b")]


def line(form: str, *, status: str = "200 OK", octets: int = 12, **environ: Any) -> str:
    """Return the line that *form* makes of a request, with additions to a plain environ."""
    lines: list[str] = []
    plain = {
        "REMOTE_ADDR": "10.0.0.7",
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/caf%C3%A9?x=1",
        "PATH_INFO": "/caf\xc3\xa9",
        "QUERY_STRING": "x=1",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    log = AccessLog(None, form, sink=lines.append).lines_of(None, slot=3)
    log.write({**plain, **environ}, status, HEADERS, octets, 1_234_567, 89)
    return lines[0]


def test_default_format_is_gunicorns() -> None:
    told = line(ACCESS_LOG_FORMAT, HTTP_USER_AGENT="curl/8", HTTP_REFERER="http://x/")

    stamp = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    rest = re.escape('"GET /caf%C3%A9?x=1 HTTP/1.1" 200 12 "http://x/" "curl/8"')
    assert re.fullmatch(rf"10\.0\.0\.7 - - {stamp} {rest}", told)


@pytest.mark.parametrize(
    ("atom", "expected"),
    [
        ("h", "10.0.0.7"),
        ("l", "-"),
        ("u", "-"),
        ("r", "GET /caf%C3%A9?x=1 HTTP/1.1"),
        ("m", "GET"),
        ("U", "/caf\\xc3\\xa9"),
        ("q", "x=1"),
        ("H", "HTTP/1.1"),
        ("s", "200"),
        ("B", "12"),
        ("b", "12"),
        ("f", "-"),
        ("a", "-"),
        ("T", "1"),
        ("D", "1234567"),
        ("M", "1234"),
        ("L", "1.234567"),
        ("p", f"<{os.getpid()}>"),
        ("slot", "3"),
        ("wait", "0.000089"),
        ("{host}i", "-"),
        ("{content-type}i", "-"),
        ("{Content-Type}o", "text/plain"),
        ("{Set-Cookie}o", "a, b"),
        ("{x-none}o", "-"),
        ("{REQUEST_METHOD}e", "GET"),
        ("{none}e", "-"),
    ],
)
def test_atom_is_filled(atom: str, expected: str) -> None:
    assert line(f"%({atom})s") == expected


def test_headers_of_the_request_are_found_without_regard_to_case() -> None:
    told = line("%({X-Trace}i)s %({content-type}i)s", HTTP_X_TRACE="7", CONTENT_TYPE="text/html")

    assert told == "7 text/html"


def test_empty_body_is_a_dash_or_a_zero() -> None:
    assert line("%(b)s %(B)s", octets=0) == "- 0"


@pytest.mark.parametrize(
    ("header", "user"),
    [
        ("Basic YWxpY2U6c2VjcmV0", "alice"),
        ("basic YWxpY2U6c2VjcmV0", "alice"),
        ("Basic YSJiOng=", 'a\\"b'),
        ("Basic ???", "-"),
        ("Basic \xe9", "-"),
        ("Basic Og==", "-"),
        ("Bearer abc", "-"),
    ],
)
def test_user_comes_from_basic_credentials(header: str, user: str) -> None:
    assert line("%(u)s", HTTP_AUTHORIZATION=header) == user


def test_client_cannot_forge_a_line_or_end_a_quote() -> None:
    told = line('"%(a)s"', HTTP_USER_AGENT='x" 200\r\n10.0.0.8 - "\\')

    assert told == '"x\\" 200\\x0d\\x0a10.0.0.8 - \\"\\\\"'


def test_application_cannot_forge_a_line() -> None:
    assert line("%(s)s", status="200\nfake OK") == "200\\x0afake"


def test_request_line_without_a_raw_target_is_made_of_its_parts() -> None:
    assert line("%(r)s", RAW_URI=None, SCRIPT_NAME="/a", PATH_INFO="/b") == "GET /a/b?x=1 HTTP/1.1"


@pytest.mark.parametrize(("form", "told"), [("100%%", "100%"), ("50% off", "50% off"), ("", "")])
def test_percent_sign_is_kept(form: str, told: str) -> None:
    assert line(form) == told


@pytest.mark.parametrize("atom", ["z", "{host}x", "{host", ""])
def test_unknown_atom_is_refused_with_the_known_ones(atom: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no atom .*allowed are h, l, u"):
        AccessLog(None, f"%({atom})s")


def test_what_the_application_put_into_the_environ_is_shown_whatever_it_is() -> None:
    told = line("%({a}e)s %({b}e)s", a=7, b="\u20ac\n")

    assert told == r"7 \\u20ac\x0a"


def test_json_has_a_field_for_everything() -> None:
    told = json.loads(line("json", HTTP_USER_AGENT='x"\r\n\xe9'))

    stamp = told.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", stamp)
    assert told == {
        "client": "10.0.0.7",
        "user": None,
        "method": "GET",
        "target": "/caf%C3%A9?x=1",
        "protocol": "HTTP/1.1",
        "status": 200,
        "octets": 12,
        "duration": 1.234567,
        "wait": 0.000089,
        "referer": None,
        "agent": 'x"\r\n\xe9',
        "slot": 3,
        "pid": os.getpid(),
    }


def test_lines_are_written_together_or_at_once_after_a_long_request(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "log"), setting="access_logfile", dash=1)
    log = AccessLog(file, "%(m)s %(D)s").lines_of(None, slot=0)
    environ = {"REQUEST_METHOD": "GET"}

    log.write(environ, "200 OK", [], 0, 5, 0)
    log.write(environ, "200 OK", [], 0, 6, 0)
    gathered = (tmp_path / "log").read_text()
    log.write(environ, "200 OK", [], 0, 5000, 0)

    assert (gathered, (tmp_path / "log").read_text()) == ("", "GET 5\nGET 6\nGET 5000\n")
    file.close()


def test_line_that_fails_leaves_those_before_it(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "log"), setting="access_logfile", dash=1)
    log = AccessLog(file, "%(m)s %({x}o)s").lines_of(None, slot=0)

    log.write({"REQUEST_METHOD": "GET"}, "200 OK", [("X", "1")], 0, 5, 0)
    with pytest.raises(TypeError):
        log.write({"REQUEST_METHOD": "PUT"}, "200 OK", [("X", 1)], 0, 5, 0)  # type: ignore[list-item]
    log.flush()

    assert (tmp_path / "log").read_text() == "GET 1\n"
    file.close()
