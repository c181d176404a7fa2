"""The access log: gunicorn's atoms, and no way to forge a line."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from fastfork.errors import ConfigError
from fastfork.settings import ACCESS_LOG_FORMAT
from fastfork.worker.access_log import AccessLog


class Request:
    """A finished request, as the binding tells it."""

    status = "200 OK"
    sent = 12
    seconds = 1.234567

    def __init__(self, **environ: Any) -> None:
        """Take additions to a plain environ."""
        self.headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("set-cookie", "b")]
        self.environ = {
            "REMOTE_ADDR": "10.0.0.7",
            "REQUEST_METHOD": "GET",
            "RAW_URI": "/caf%C3%A9?x=1",
            "PATH_INFO": "/caf\xc3\xa9",
            "QUERY_STRING": "x=1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            **environ,
        }


def line(form: str, **environ: Any) -> str:
    """Return the line that *form* makes of a request."""
    return AccessLog(-1, form).line(Request(**environ))


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
    request = Request()
    request.sent = 0

    assert AccessLog(-1, "%(b)s %(B)s").line(request) == "- 0"


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
    request = Request()
    request.status = "200\nfake OK"

    assert AccessLog(-1, "%(s)s").line(request) == "200\\x0afake"


def test_request_line_without_a_raw_target_is_made_of_its_parts() -> None:
    assert line("%(r)s", RAW_URI=None, SCRIPT_NAME="/a", PATH_INFO="/b") == "GET /a/b?x=1 HTTP/1.1"


@pytest.mark.parametrize(("form", "told"), [("100%%", "100%"), ("50% off", "50% off"), ("", "")])
def test_percent_sign_is_kept(form: str, told: str) -> None:
    assert line(form) == told


@pytest.mark.parametrize("atom", ["z", "{host}x", "{host", ""])
def test_unknown_atom_is_refused_with_the_known_ones(atom: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no atom .*allowed are h, l, u"):
        AccessLog(-1, f"%({atom})s")


def test_line_is_written_whole() -> None:
    reader, writer = os.pipe()

    AccessLog(writer, "%(m)s %(s)s").write(Request())

    assert os.read(reader, 100) == b"GET 200\n"
    os.close(reader)
    os.close(writer)
