"""Requests by chance: put together from what is right and what is nearly right, then spoiled a little."""

from __future__ import annotations

from random import Random

METHODS = [
    b"GET",
    b"POST",
    b"PUT",
    b"HEAD",
    b"OPTIONS",
    b"DELETE",
    b"PATCH",
    b"BREW",
    b"get",
    b"GE T",
]
TARGETS = [
    *(
        b"/",
        b"/a/b",
        b"/a?b=c",
        b"/a%20b?c=%26",
        b"*",
        b"http://a/b?c",
        b"http://a",
        b"HTTPS://a:1/b",
    ),
    *(b"//a", b"/a#b", b"a", b"", b"/\xc3\xa9", b'/"<>^`{|}', b"http://u@a/", b"http:///", b"/a b"),
]
VERSIONS = [
    *[b"HTTP/1.1"] * 8,
    b"HTTP/1.0",
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"http/1.1",
    b"HTTP/1.1 ",
]
HOSTS = [
    *[b"Host: a"] * 6,
    b"host:a.example:8000",
    b"HOST: [::1]",
    b"Host:",
    b"Host: a b",
    b"Host: a/b",
]
FIELDS = [
    *(b"Accept: */*", b"X-A: b", b"X-A:b \t", b"X-A:", b"X-A: b:c", b"X-A: \xe9", b"X_A: b"),
    *(b"Cookie: a=b; c=d", b"User-Agent: x/1", b"Content-Type: a/b", b"Connection: close"),
    *(b"Connection: keep-alive", b"connection: x, Close", b"Connection: upgrade", b"Upgrade: h2c"),
    *(b"Expect: 100-continue", b"Expect: x", b"TE: trailers", b"Host: b", b"X-A : b", b" folded"),
    *(b"X-A", b": b", b"X(A: b", b"X-A: b\x01", b"X-A: b\0", b"X-A: b\rc", b"X-A: b\nX-B: c"),
]
LENGTHS = [
    *[b"Content-Length: %d"] * 8,
    *(
        b"content-length:%d",
        b"Content-Length: 00%d",
        b"Content-Length: %d, %d",
        b"Content-Length: +%d",
    ),
    *(
        b"Content-Length: 0x%d",
        b"Content-Length : %d",
        b"Content-Length: -%d",
        b"Content-Length: %d ",
    ),
    *(b"Content-Length: %d\r\nContent-Length: %d", b"Content-Length: 1844674407370955161%d"),
]
CODINGS = [
    *[b"Transfer-Encoding: chunked"] * 8,
    *(
        b"transfer-encoding:CHUNKED",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, gzip",
    ),
    *(b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    *(
        b"Transfer-Encoding: chunked;a=b",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding:\x0bchunked",
    ),
    *(
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: chunked,",
        b"Transfer-Encoding: , chunked",
    ),
]
SIZES = [
    *[b"%x"] * 8,
    b"%X",
    b"00%x",
    b"0x%x",
    b"+%x",
    b"%x ",
    b" %x",
    b"-%x",
    b"1000000000000000%x",
]
EXTENSIONS = [
    *[b""] * 10,
    b";a",
    b";a=b",
    b';a="b c"',
    b"; a",
    b" ;a",
    b";",
    b";a=",
    b";a\n",
    b';a="\r"',
    b";a;b=c",
]
ENDS = [*[b"\r\n"] * 30, b"\n", b"\r", b"\r\r\n", b"\n\r", b""]
TRAILERS = [
    *[b""] * 6,
    b"X-A: b",
    b"X-A:b\r\nX-B: c",
    b"X-A : b",
    b"X-A",
    b"Content-Length: 5",
    b"Host: b",
    b" a: b",
]
SPOILERS = [
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"#",
    b'"',
]


def body_of(random: Random) -> bytes:
    """Return content."""
    return random.choice([b"", b"a", b"hello", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])


def in_chunks(random: Random, body: bytes) -> bytes:
    """Return *body* in chunks, most often good ones."""
    out = b""
    for at in range(0, len(body), 3):
        part = body[at : at + 3]
        size = random.choice(SIZES) % len(part)
        out += size + random.choice(EXTENSIONS) + random.choice(ENDS) + part + random.choice(ENDS)
    trailers = random.choice(TRAILERS)
    out += b"0" + random.choice(EXTENSIONS) + random.choice(ENDS)
    if trailers:
        out += trailers + random.choice(ENDS)
    return out + random.choice(ENDS)


def rare(random: Random, often: list[bytes], seldom: int) -> bytes:
    """Return the first of *often*, or in one of *seldom* tries any of them."""
    return random.choice(often) if random.randrange(seldom) == 0 else often[0]


def request(random: Random) -> bytes:
    """Return a request, whole and most often right."""
    lines = [
        b" ".join([rare(random, METHODS, 2), rare(random, TARGETS, 3), rare(random, VERSIONS, 3)])
    ]
    if random.randrange(20):
        lines.append(rare(random, HOSTS, 4))
    often = FIELDS[: random.choice([11, 19, len(FIELDS)])]
    lines += [random.choice(often) for _ in range(random.randrange(4))]
    body = body_of(random)
    framing = random.randrange(5)
    if framing in (1, 2):
        given = rare(random, LENGTHS, 2)
        lines.append(given % ((len(body),) * given.count(b"%d")))
    if framing in (2, 3) and (framing == 3 or random.randrange(4) == 0):
        lines.append(rare(random, CODINGS, 2))
        body = in_chunks(random, body)
    elif framing not in (1, 2):
        body = b""
    head = b"".join(line + rare(random, ENDS, 10) for line in lines)
    return head + rare(random, ENDS, 10) + body


def spoil(random: Random, octets: bytes) -> bytes:
    """Return *octets* with one thing wrong."""
    at = random.randrange(len(octets) + 1)
    upto = min(len(octets), at + random.randrange(1, 5))
    match random.randrange(5):
        case 0:
            return octets[:at] + random.choice(SPOILERS) + octets[at:]
        case 1:
            return octets[:at] + octets[upto:]
        case 2:
            return octets[:at] + octets[at:upto] * 2 + octets[upto:]
        case 3:
            return octets[:at] + bytes([random.randrange(256)]) + octets[at + 1 :]
        case _:
            return octets[:at] + octets[at:upto].swapcase() + octets[upto:]


def any_request(random: Random, seeds: list[bytes]) -> bytes:
    """Return a generated request, or one of *seeds*; spoiled or not."""
    octets = request(random) if random.randrange(4) else random.choice(seeds)
    for _ in range(random.choice([0, 0, 0, 1, 1, 2])):
        octets = spoil(random, octets)
    return octets
