"""Where a request's body ends: RFC 9112 6 and 7."""

from __future__ import annotations

from probe.case import Case, Cases, Level, Refused, Unfinished, head, in_chunks, post, seen

CHUNKED = "Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"


def length(value: str | bytes, body: bytes = b"hello", level: Level = "must") -> Case:
    """Return a case of a Content-Length that is refused."""
    octets = value if isinstance(value, bytes) else value.encode("latin-1")
    return Case(level, "9112 6.3", post(b"Content-Length:" + octets, body=body), Refused())


LENGTHS: Cases = {
    "length-plain": Case(
        "must", "9112 6.2", post("Content-Length: 5", body=b"hello"), seen(body="hello")
    ),
    "length-zero": Case("must", "9112 6.2", post("Content-Length: 0"), seen(body="")),
    "length-none": Case("must", "9112 6.3", post(), seen(body="")),
    "length-leading-zeros": Case(
        "must", "9110 8.6", post("Content-Length: 0005", body=b"hello"), seen(body="hello")
    ),
    "length-space-around": Case(
        "must", "9112 5.1", post("Content-Length: \t5 \t", body=b"hello"), seen(body="hello")
    ),
    "length-of-get": Case(
        "must", "9112 6.3", head("Content-Length: 5") + b"hello", seen(method="GET", body="hello")
    ),
    "length-of-options": Case(
        "must",
        "9112 6.3",
        head("Content-Length: 5", line="OPTIONS * HTTP/1.1") + b"hello",
        seen(body="hello"),
    ),
    "length-of-delete": Case(
        "must",
        "9112 6.3",
        head("Content-Length: 5", line="DELETE / HTTP/1.1") + b"hello",
        seen(body="hello"),
    ),
    "length-of-1-0": Case(
        "must",
        "9112 6.3",
        head("Content-Length: 5", line="POST / HTTP/1.0") + b"hello",
        seen(body="hello", lives=False),
    ),
    "length-of-binary": Case(
        "must",
        "9112 6.2",
        post("Content-Length: 256", body=bytes(range(256))),
        seen(body=bytes(range(256)).decode("latin-1")),
    ),
    "length-of-a-request": Case(  # what looks like a request in a body is none
        "must",
        "9112 6.3",
        post("Content-Length: 37", body=b"GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r"),
        seen(body="GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r"),
    ),
    "length-larger-than-buffer": Case(
        "must",
        "9112 6.2",
        post(f"Content-Length: {100_000}", body=b"x" * 100_000),
        seen(body="x" * 100_000),
    ),
    "length-plus": length(" +5"),
    "length-minus": length(" -5"),
    "length-minus-zero": length(" -0", b""),
    "length-hexadecimal": length(" 0x5"),
    "length-letters": length(" five"),
    "length-letter-behind": length(" 5a"),
    "length-fraction": length(" 5.0"),
    "length-exponent": length(" 5e0"),
    "length-underscore": length(" 1_0"),
    "length-semicolon": length(" 5;"),
    "length-two-numbers": length(" 5 5"),
    "length-quoted": length(' "5"'),
    "length-empty": length(""),
    "length-of-spaces": length("  "),
    "length-list": length(" 5, 6"),
    "length-list-of-same": length(" 5, 5", level="hardening"),
    "length-trailing-comma": length(" 5,", level="hardening"),
    "length-nbsp": length("\xa05"),
    "length-vertical-tab": length(" \x0b5"),
    "length-nul": length(" 5\0"),
    "length-arabic-digit": length(" \u0665".encode()),
    "length-full-width-digit": length(" \uff15".encode()),
    "length-2-64": length(" 18446744073709551616"),
    "length-2-64-and-5": length(" 18446744073709551621"),
    "length-2-32-times-2-32": length(" 4294967296429496729600"),
    "length-5000-digits": length(" " + "9" * 5000),
    "length-minus-overflow": length(" -123456789123456789123456789"),
    "length-twice": Case(
        "must",
        "9112 6.3",
        post("Content-Length: 5", "Content-Length: 6", body=b"hello!"),
        Refused(),
    ),
    "length-twice-the-same": Case(
        "hardening",
        "9112 6.3",
        post("Content-Length: 5", "Content-Length: 5", body=b"hello"),
        Refused(),
    ),
    "length-twice-in-other-case": Case(
        "must",
        "9112 6.3",
        post("Content-Length: 5", "content-length: 6", body=b"hello!"),
        Refused(),
    ),
    "length-folded": Case(
        "must", "9112 5.2", post("Content-Length:", " 5", body=b"hello"), Refused()
    ),
}


def codings(*lines: str | bytes, level: Level = "must", statuses: tuple[int, ...] = (400,)) -> Case:
    """Return a case of codings that are refused; their body would be an empty one in chunks."""
    return Case(level, "9112 6.1", post(*lines, body=LAST), Refused(statuses))


def coding(value: str | bytes, level: Level = "must", statuses: tuple[int, ...] = (400,)) -> Case:
    """Return a case of one Transfer-Encoding that is refused."""
    octets = value if isinstance(value, bytes) else value.encode("latin-1")
    return codings(b"Transfer-Encoding:" + octets, level=level, statuses=statuses)


CODINGS: Cases = {
    "coding-chunked": Case(
        "must", "9112 6.1", in_chunks(b"5\r\nhello\r\n" + LAST), seen(body="hello")
    ),
    "coding-in-any-case": Case(
        "must", "9112 7", post("tRANSFER-eNCODING: ChUnKeD", body=LAST), seen(body="")
    ),
    "coding-tab-before": Case(
        "must", "9112 5.1", post("Transfer-Encoding:\tchunked", body=LAST), seen(body="")
    ),
    "coding-of-get": Case("must", "9112 6.1", head(CHUNKED) + b"1\r\na\r\n" + LAST, seen(body="a")),
    "coding-and-length": codings("Content-Length: 5", CHUNKED),
    "coding-before-length": codings(CHUNKED, "Content-Length: 5"),
    "coding-and-zero-length": codings("Content-Length: 0", CHUNKED),
    "coding-and-bad-length": codings(CHUNKED, "Content-Length: x"),
    "coding-unknown-and-length": codings(
        "Transfer-Encoding: x", "Content-Length: 5", statuses=(400, 501)
    ),
    "coding-of-1-0": Case(
        "must", "9112 6.1", head(CHUNKED, line="POST / HTTP/1.0") + LAST, Refused()
    ),
    "coding-and-length-of-1-0": Case(
        "must",
        "9112 6.1",
        head("Content-Length: 5", CHUNKED, line="POST / HTTP/1.0") + LAST,
        Refused(),
    ),
    "coding-not-final": coding(" chunked, gzip", statuses=(400, 501)),
    "coding-identity-behind": coding(" chunked, identity", statuses=(400, 501)),
    "coding-twice": coding(" chunked, chunked"),
    "coding-twice-in-lines": codings(CHUNKED, CHUNKED),
    "coding-split-over-lines": codings(
        "Transfer-Encoding: chunked", "Transfer-Encoding: identity", statuses=(400, 501)
    ),
    "coding-unknown": coding(" gzip", "should", (501, 400)),
    "coding-unknown-before": coding(" gzip, chunked", "should", (501,)),
    "coding-identity": coding(" identity", "should", (501, 400)),
    "coding-nonsense": coding(" xchunked", statuses=(501, 400)),
    "coding-with-suffix": coding(" chunkedx", statuses=(501, 400)),
    "coding-with-space-inside": coding(" chun ked"),
    "coding-with-parameter": coding(" chunked;a=b", "should", (400, 501)),
    "coding-quoted": coding(' "chunked"', statuses=(400, 501)),
    "coding-single-quoted": coding(" 'chunked'", statuses=(400, 501)),
    "coding-empty": coding("", statuses=(400, 501)),
    "coding-trailing-comma": coding(" chunked,", "hardening", (400, 501)),
    "coding-leading-comma": coding(" , chunked", "hardening", (400, 501)),
    "coding-semicolon": coding(" chunked;", statuses=(400, 501)),
    "coding-vertical-tab": coding(" \x0bchunked"),
    "coding-form-feed": coding(" chunked\x0c"),
    "coding-nul": coding(b" chunked\0"),
    "coding-nbsp": coding(b" chunked\xa0", statuses=(400, 501)),
    "coding-cr": coding(b" chunked\r"),
    "coding-folded": codings("Transfer-Encoding:", " chunked"),
    "coding-name-with-dash-behind": Case(
        "must", "9112 6.1", head("Transfer-Encoding-: chunked"), seen(body="")
    ),
}


def chunk(octets: bytes, level: Level = "must", statuses: tuple[int, ...] = (400,)) -> Case:
    """Return a case of chunks that are refused."""
    return Case(level, "9112 7.1", in_chunks(octets), Refused(statuses))


def good(octets: bytes, body: str, level: Level = "must", rule: str = "9112 7.1") -> Case:
    """Return a case of chunks that are read as *body*."""
    return Case(level, rule, in_chunks(octets), seen(body=body))


CHUNKS: Cases = {
    "chunk-several": good(b"1\r\na\r\n2\r\nbc\r\n" + LAST, "abc"),
    "chunk-upper-case": good(b"A\r\n0123456789\r\n" + LAST, "0123456789"),
    "chunk-lower-case": good(b"a\r\n0123456789\r\n" + LAST, "0123456789"),
    "chunk-leading-zeros": good(b"0005\r\nhello\r\n" + LAST, "hello"),
    "chunk-last-of-zeros": good(b"1\r\na\r\n000\r\n\r\n", "a"),
    "chunk-with-crlf-inside": good(b"6\r\na\r\nb\r\n\r\n" + LAST, "a\r\nb\r\n"),
    "chunk-of-what-looks-like-the-end": good(b"5\r\n0\r\n\r\n\r\n" + LAST, "0\r\n\r\n"),
    "chunk-large": good(b"186A0\r\n" + b"x" * 100_000 + b"\r\n" + LAST, "x" * 100_000),
    "chunk-extension": good(b"5;a\r\nhello\r\n" + LAST, "hello", rule="9112 7.1.1"),
    "chunk-extension-with-value": good(
        b"5;a=b;c=d\r\nhello\r\n" + LAST, "hello", rule="9112 7.1.1"
    ),
    "chunk-extension-quoted": good(
        b'5;a="b; c\\""\r\nhello\r\n' + LAST, "hello", rule="9112 7.1.1"
    ),
    "chunk-extension-of-last": good(b"1\r\na\r\n0;a=b\r\n\r\n", "a", rule="9112 7.1.1"),
    "chunk-trailer": good(b"1\r\na\r\n0\r\nX-A: b\r\n\r\n", "a", rule="9112 7.1.2"),
    "chunk-trailer-is-no-field": Case(
        "must",
        "9110 6.5.1",
        in_chunks(b"0\r\nX-A: bad\r\nX-B: bad\r\nAuthorization: bad\r\n\r\n", "X-A: good"),
        seen(body="", fields={"X_A": "good", "X_B": None, "AUTHORIZATION": None}),
    ),
    "chunk-trailer-host": chunk(b"0\r\nHost: evil\r\n\r\n", "hardening"),
    "chunk-trailer-length": chunk(b"0\r\nContent-Length: 5\r\n\r\n", "hardening"),
    "chunk-trailer-codings": chunk(b"0\r\nTransfer-Encoding: chunked\r\n\r\n", "hardening"),
    "chunk-size-empty": chunk(b"\r\nhello\r\n" + LAST),
    "chunk-size-no-number": chunk(b"g\r\nhello\r\n" + LAST),
    "chunk-size-plus": chunk(b"+5\r\nhello\r\n" + LAST),
    "chunk-size-minus": chunk(b"-1\r\nhello\r\n" + LAST),
    "chunk-size-0x": chunk(b"0x5\r\nhello\r\n" + LAST),
    "chunk-size-underscore": chunk(b"0_5\r\nhello\r\n" + LAST),
    "chunk-size-fraction": chunk(b"5.0\r\nhello\r\n" + LAST),
    "chunk-size-space-before": chunk(b" 5\r\nhello\r\n" + LAST),
    "chunk-size-space-behind": chunk(b"5 \r\nhello\r\n" + LAST, "hardening"),
    "chunk-size-tab-behind": chunk(b"5\t\r\nhello\r\n" + LAST, "hardening"),
    "chunk-size-nul": chunk(b"5\0\r\nhello\r\n" + LAST),
    "chunk-size-comma": chunk(b"5,\r\nhello\r\n" + LAST),
    "chunk-size-2-64": chunk(b"10000000000000005\r\nhello\r\n" + LAST),
    "chunk-size-all-f": chunk(b"fffffffffffffffff\r\nhello\r\n" + LAST),
    "chunk-size-endless-zeros": chunk(b"0" * 5000 + b"5\r\nhello\r\n" + LAST, "hardening"),
    "chunk-size-bare-lf": chunk(b"5\nhello\r\n" + LAST),
    "chunk-size-bare-cr": chunk(b"5\rhello\r\n" + LAST),
    "chunk-size-two-cr": chunk(b"5\r\r\nhello\r\n" + LAST),
    "chunk-data-too-long": chunk(b"5\r\nhello!\r\n" + LAST),
    "chunk-data-too-short": chunk(b"6\r\nhello\r\n" + LAST),
    "chunk-data-without-crlf": chunk(b"5\r\nhello0\r\n\r\n"),
    "chunk-data-bare-lf": chunk(b"5\r\nhello\n0\r\n\r\n"),
    "chunk-data-bare-cr": chunk(b"5\r\nhello\r0\r\n\r\n"),
    "chunk-data-lf-cr": chunk(b"5\r\nhello\n\r0\r\n\r\n"),
    "chunk-last-bare-lf": chunk(b"0\n\n"),
    "chunk-end-bare-lf": chunk(b"0\r\n\n"),
    "chunk-end-bare-cr": chunk(b"0\r\n\rX"),
    "chunk-extension-lf-inside": chunk(b"5;a\nb\r\nhello\r\n" + LAST),
    "chunk-extension-cr-inside": chunk(b"5;a\rb\r\nhello\r\n" + LAST),
    "chunk-extension-bare-lf": chunk(b"5;a\nhello\r\n" + LAST),
    "chunk-extension-nul": chunk(b"5;a\0\r\nhello\r\n" + LAST),
    "chunk-extension-lf-in-quotes": chunk(b'5;a="\n"\r\nhello\r\n' + LAST),
    "chunk-extension-cr-in-quotes": chunk(b'5;a="\r"\r\nhello\r\n' + LAST),
    "chunk-extension-unclosed-quote": chunk(b'5;a="b\r\nhello\r\n' + LAST),
    "chunk-extension-empty": chunk(b"5;\r\nhello\r\n" + LAST, "hardening"),
    "chunk-extension-without-value": chunk(b"5;a=\r\nhello\r\n" + LAST, "hardening"),
    "chunk-extension-with-space": chunk(b"5 ; a\r\nhello\r\n" + LAST, "hardening"),
    "chunk-extension-long": chunk(
        b"5;" + b"a" * 5000 + b"\r\nhello\r\n" + LAST, "must", (413, 400)
    ),
    "chunk-extensions-in-all": chunk(
        (b"1;" + b"a" * 250 + b"\r\nx\r\n") * 100 + LAST, "hardening", (413, 400)
    ),
    "chunk-trailer-space-before-colon": chunk(b"0\r\nX-A : b\r\n\r\n"),
    "chunk-trailer-without-colon": chunk(b"0\r\nX-A\r\n\r\n"),
    "chunk-trailer-folded": chunk(b"0\r\nX-A: b\r\n c\r\n\r\n"),
    "chunk-trailer-nul": chunk(b"0\r\nX-A: b\0\r\n\r\n"),
    "chunk-trailer-bare-lf": chunk(b"0\r\nX-A: b\n\r\n", "hardening"),
    "chunk-trailer-bare-cr": chunk(b"0\r\nX-A: b\rc\r\n\r\n"),
    "chunk-trailer-long": chunk(b"0\r\nX-A: " + b"b" * 9000 + b"\r\n\r\n", "must", (413, 431, 400)),
    "chunk-trailers-in-all": chunk(
        b"0\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n", "must", (413, 431, 400)
    ),
}

UNFINISHED: Cases = {
    "unfinished-length": Case(
        "must", "9112 8", post("Content-Length: 50", body=b"hello"), Unfinished()
    ),
    "unfinished-large-length": Case(
        "must", "9112 8", post("Content-Length: 5000000", body=b"x" * 70_000), Unfinished()
    ),
    "unfinished-chunk": Case("must", "9112 8", in_chunks(b"50\r\nhello"), Unfinished()),
    "unfinished-chunks": Case("must", "9112 8", in_chunks(b"5\r\nhello\r\n"), Unfinished()),
    "unfinished-last-chunk": Case(
        "must", "9112 8", in_chunks(b"5\r\nhello\r\n0\r\n"), Unfinished()
    ),
    "unfinished-end": Case("must", "9112 8", in_chunks(b"5\r\nhello\r\n0\r\n\r"), Unfinished()),
    "unfinished-trailer": Case("must", "9112 8", in_chunks(b"0\r\nX-A: b\r\n"), Unfinished()),
    "unfinished-chunk-larger-than-buffer": Case(
        "must", "9112 8", in_chunks(b"FFFFFF\r\n" + b"x" * 70_000), Unfinished()
    ),
    "unfinished-head": Case("must", "9112 8", b"GET / HTTP/1.1\r\nHost: a\r\n", Unfinished()),
    "unfinished-line": Case("must", "9112 8", b"GET / HT", Unfinished()),
}

CASES: Cases = LENGTHS | CODINGS | CHUNKS | UNFINISHED
