"""The pages of the master: what is answered to which request."""

from __future__ import annotations

import pytest

from fastfork.control.web import Page, answer

PAGES = {"/": lambda: Page(b"<p>", "text/html"), "/full": lambda: Page(b"no\n", status=503)}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"200 OK"),
        (b"GET /?x=1 HTTP/1.0\r\n\r\n", b"200 OK"),
        (b"GET /full HTTP/1.1\r\n\r\n", b"503 Service Unavailable"),
        (b"GET /none HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"POST / HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (b"GET / HTTP/2\r\n\r\n", b"400 Bad Request"),
        (b"GET http://a/ HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"\x16\x03\x01\r\n\r\n", b"400 Bad Request"),
    ],
)
def test_request_has_its_status(head: bytes, status: bytes) -> None:
    assert answer(head, PAGES).startswith(b"HTTP/1.1 " + status + b"\r\n")


def test_answer_says_its_kind_and_length_and_that_it_is_the_last() -> None:
    head, _, body = answer(b"GET / HTTP/1.1\r\n\r\n", PAGES).partition(b"\r\n\r\n")

    assert body == b"<p>"
    assert {b"Content-Type: text/html", b"Content-Length: 3", b"Connection: close"} <= set(
        head.split(b"\r\n")
    )
    assert b"Access-Control" not in head


def test_head_has_the_same_head_and_no_body() -> None:
    get = answer(b"GET / HTTP/1.1\r\n\r\n", PAGES)

    assert answer(b"HEAD / HTTP/1.1\r\n\r\n", PAGES) == get.removesuffix(b"<p>")
