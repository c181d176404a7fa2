"""How long a connection lives, and what an answer looks like: RFC 9112 6 to 9, RFC 9110 6 to 10 and 15."""

from __future__ import annotations

from probe.case import Case, Cases, Refused, Waits, head, in_chunks, post, reply, seen


def says(value: str, line: str = "GET / HTTP/1.1") -> bytes:
    """Return a request with this Connection."""
    return head(f"Connection: {value}", line=line)


LIVES: Cases = {
    "connection-lives": Case("must", "9112 9.3", head(), seen(path="/")),
    "connection-keep-alive": Case("must", "9112 9.3", says("keep-alive"), seen(path="/")),
    "connection-unknown-option": Case("must", "9110 7.6.1", says("x-a"), seen(path="/")),
    "connection-close": Case("must", "9112 9.6", says("close"), seen(lives=False)),
    "connection-close-in-any-case": Case("must", "9110 7.6.1", says("CLOSE"), seen(lives=False)),
    "connection-close-in-list": Case(
        "must", "9110 7.6.1", says("x-a , close,x-b"), seen(lives=False)
    ),
    "connection-close-beside-keep-alive": Case(
        "must", "9112 9.3", says("keep-alive, close"), seen(lives=False)
    ),
    "connection-close-in-second-line": Case(
        "must", "9110 5.3", head("Connection: keep-alive", "Connection: close"), seen(lives=False)
    ),
    "connection-close-before-keep-alive": Case(
        "must", "9110 5.3", head("Connection: close", "Connection: keep-alive"), seen(lives=False)
    ),
    "connection-empty-elements": Case("must", "9110 5.6.1", says(", ,close,,"), seen(lives=False)),
    "connection-word-that-begins-so": Case("must", "9110 7.6.1", says("closed"), seen(path="/")),
    "connection-1-0": Case("must", "9112 9.3", head(line="GET / HTTP/1.0"), seen(lives=False)),
    "connection-1-0-keep-alive": Case(
        "should", "9112 9.3", says("Keep-Alive", "GET / HTTP/1.0"), seen(version="1.0")
    ),
    "connection-1-0-close": Case(
        "must", "9112 9.3", says("close, keep-alive", "GET / HTTP/1.0"), seen(lives=False)
    ),
    "connection-upgrade-ignored": Case(
        "must",
        "9110 7.8",
        head(
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        seen(path="/"),
    ),
    "connection-upgrade-of-unknown": Case(
        "must", "9110 7.8", head("Connection: upgrade", "Upgrade: x/1"), seen(path="/")
    ),
    "connection-upgrade-of-1-0": Case(
        "must",
        "9110 7.8",
        head("Connection: upgrade", "Upgrade: websocket", line="GET / HTTP/1.0"),
        seen(lives=False),
    ),
    "connection-websocket-without-connection": Case(
        "must", "9110 7.8", head("Upgrade: websocket"), seen(path="/")
    ),
    "connection-te-trailers": Case(
        "must", "9110 10.1.4", head("TE: trailers", "Connection: TE"), seen(path="/")
    ),
}

EXPECT: Cases = {
    "expect-with-body": Case(
        "must",
        "9110 10.1.1",
        post("Expect: 100-continue", "Content-Length: 5", body=b"hello"),
        seen(body="hello"),
    ),
    "expect-without-body": Case("must", "9110 10.1.1", head("Expect: 100-continue"), seen(body="")),
    "expect-in-any-case": Case("must", "9110 10.1.1", head("Expect: 100-CONTINUE"), seen(body="")),
    "expect-of-1-0": Case(
        "must",
        "9110 10.1.1",
        head("Expect: 100-continue", "Content-Length: 1", line="POST / HTTP/1.0") + b"x",
        seen(body="x", lives=False),
    ),
    "expect-twice": Case(
        "must", "9110 5.3", head("Expect: 100-continue", "Expect: 100-continue"), seen(body="")
    ),
    "expect-twice-in-list": Case(
        "must", "9110 5.6.1", head("Expect: 100-continue,, 100-Continue ,"), seen(body="")
    ),
    "expect-unknown": Case("should", "9110 10.1.1", head("Expect: x"), Refused((417,))),
    "expect-unknown-beside": Case(
        "should", "9110 10.1.1", head("Expect: 100-continue, x"), Refused((417,))
    ),
    "expect-unknown-of-1-0": Case(
        "must", "9110 10.1.1", head("Expect: x", line="GET / HTTP/1.0"), seen(lives=False)
    ),
    "expect-and-unread": Case(
        "must",
        "9110 10.1.1",
        post("Expect: 100-continue", "Content-Length: 5000000", path="/unread"),
        reply(200, lives=False, has={"Connection": "close"}),
    ),
}


def asks(path: str, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    """Return a request for one of the probe's own answers."""
    return head(line=f"{method} {path} {version}")


CLOSE = {"Connection": "close"}

ANSWERS: Cases = {
    "answer-length": Case(
        "must", "9112 6.2", asks("/length"), reply(200, has={"Content-Length": "4"})
    ),
    "answer-date": Case("must", "9110 6.6.1", asks("/length"), reply(200, has={"Date": None})),
    "answer-date-of-404": Case(
        "must", "9110 6.6.1", asks("/404"), reply(404, b"nothing here", has={"Date": None})
    ),
    "answer-date-of-application": Case(
        "must",
        "9110 6.6.1",
        asks("/date"),
        reply(200, has={"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Server": "x"}),
    ),
    "answer-server": Case(
        "should", "9110 10.2.4", asks("/length"), reply(200, has={"Server": None})
    ),
    "answer-stream": Case(
        "must",
        "9112 6.1",
        asks("/stream"),
        reply(
            200, b"one,two,three", has={"Transfer-Encoding": "chunked"}, lacks=("Content-Length",)
        ),
    ),
    "answer-stream-to-1-0": Case(
        "must",
        "9112 6.1",
        asks("/stream", version="HTTP/1.0"),
        reply(200, b"one,two,three", has=CLOSE, lacks=("Transfer-Encoding",), lives=False),
    ),
    "answer-to-head": Case(
        "must",
        "9110 9.3.2",
        asks("/length", "HEAD"),
        reply(200, b"", has={"Content-Length": "4"}, to_head=True),
    ),
    "answer-stream-to-head": Case(
        "must",
        "9110 9.3.2",
        asks("/stream", "HEAD"),
        reply(200, b"", to_head=True),
    ),
    "answer-refusal-of-head": Case(
        "must",
        "9110 9.3.2",
        head("Host: b", line="HEAD / HTTP/1.1"),
        Refused(to_head=True),
    ),
    "answer-early-hints": Case(
        "must", "9110 15.2", asks("/early"), reply(200, has={"Content-Length": "4"})
    ),
    "answer-early-hints-to-1-0": Case(
        "must", "9110 15.2", asks("/early", version="HTTP/1.0"), reply(200, lives=False)
    ),
    "answer-204": Case(
        "must",
        "9110 8.6",
        asks("/204"),
        reply(204, b"", lacks=("Content-Length", "Transfer-Encoding")),
    ),
    "answer-204-with-body": Case(
        "must",
        "9110 15.3.5",
        asks("/204-with-body"),
        reply(204, b"", lacks=("Content-Length", "Transfer-Encoding")),
    ),
    "answer-205-with-body": Case(
        "must",
        "9110 15.3.6",
        asks("/205-with-body"),
        reply(205, b"", has={"Content-Length": "0"}, lacks=("Transfer-Encoding",)),
    ),
    "answer-205-with-length": Case(
        "must",
        "9110 15.3.6",
        asks("/205-with-length"),
        reply(205, b"", has={"Content-Length": "0"}, lacks=("Transfer-Encoding",)),
    ),
    "answer-304": Case(
        "must", "9110 15.4.5", asks("/304"), reply(304, b"", lacks=("Transfer-Encoding",))
    ),
    "answer-304-with-body": Case(
        "must", "9110 15.4.5", asks("/304-with-body"), reply(304, b"", lacks=("Transfer-Encoding",))
    ),
    "answer-501": Case("should", "9110 9.1", asks("/501", "BREW"), reply(501, b"no such method")),
    "answer-too-short": Case(
        "must", "9112 6.3", asks("/short"), reply(200, is_cut=True, lives=False)
    ),
    "answer-too-long": Case("must", "9112 6.3", asks("/long"), reply(200, b"body", lives=False)),
    "answer-closes": Case("must", "9112 9.6", asks("/close"), reply(200, has=CLOSE, lives=False)),
    "answer-without-reason": Case("must", "9112 4", asks("/without-reason"), reply(299)),
    "answer-fails-late": Case(
        "must", "9112 8", asks("/fails-late"), reply(200, b"part", is_cut=True, lives=False)
    ),
    "answer-unread-body": Case(
        "must",
        "9112 9.3",
        post("Content-Length: 5", body=b"hello", path="/unread"),
        reply(200),
    ),
    "answer-unread-chunks": Case(
        "must", "9112 9.3", in_chunks(b"5\r\nhello\r\n0\r\n\r\n", path="/unread"), reply(200)
    ),
    "answer-unread-large-body": Case(
        "must",
        "9112 9.3",
        post("Content-Length: 5000000", body=b"x" * 1000, path="/unread"),
        reply(200, has=CLOSE, lives=False),
    ),
    "answer-unread-large-chunks": Case(
        "must",
        "9112 9.3",
        in_chunks(b"FFFFFF\r\n" + b"x" * 2_000_000, path="/unread"),
        reply(200, has=CLOSE, lives=False),
    ),
    **{
        f"answer-refused-{name}": Case(
            "must",
            rule,
            asks(f"/{name}"),
            reply(500, b"", has={"Connection": "close"}, lives=False),
        )
        for name, rule in {
            "cr": "9110 5.5",
            "lf": "9110 5.5",
            "crlf": "9110 5.5",
            "nul": "9110 5.5",
            "bad-name": "9110 5.1",
            "empty-name": "9110 5.1",
            "bad-length": "9110 8.6",
            "two-lengths": "9110 8.6",
            "keep-alive-field": "9110 7.6.1",
            "chunked-field": "9112 6.1",
            "upgrade-field": "9110 7.8",
        }.items()
    },
}

WHOLE = b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"

PIECES: Cases = {
    f"piece-{name}": Case("must", "9112 2.2", WHOLE[:n], Waits(WHOLE[n:]))
    for name, n in {
        "method": 1,
        "method-end": 4,
        "space": 5,
        "target": 11,
        "target-end": 12,
        "version": 16,
        "version-end": 20,
        "line-cr": 21,
        "line-crlf": 22,
        "name": 25,
        "colon": 27,
        "value-space": 28,
        "value": 29,
        "value-cr": 30,
        "value-crlf": 31,
        "second-field": 47,
        "length": 48,
        "length-cr": 49,
        "length-crlf": 50,
        "head-cr": 51,
        "head": 52,
        "body": 53,
    }.items()
} | {
    "piece-chunks": Case("must", "9112 7.1", in_chunks(b"5\r\nhe"), Waits(b"llo\r\n0\r\n\r\n")),
    "piece-last-chunk": Case("must", "9112 7.1", in_chunks(b"5\r\nhello\r\n0\r\n"), Waits(b"\r\n")),
}

CASES: Cases = LIVES | EXPECT | ANSWERS | PIECES
