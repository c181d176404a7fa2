"""Where we differ from strict llhttp and h11 on purpose: the table of wanted disagreements.

Everything else that one of them says otherwise is a failure of the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from probe.codec import Read
from probe.oracles import Seen

LLHTTP_METHODS = frozenset(
    [
        "DELETE",
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "CONNECT",
        "OPTIONS",
        "TRACE",
        "COPY",
        "LOCK",
        "MKCOL",
        "MOVE",
        "PROPFIND",
        "PROPPATCH",
        "SEARCH",
        "UNLOCK",
        "BIND",
        "REBIND",
        "UNBIND",
        "ACL",
        "REPORT",
        "MKACTIVITY",
        "CHECKOUT",
        "MERGE",
        "M-SEARCH",
        "NOTIFY",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "PATCH",
        "PURGE",
        "MKCALENDAR",
        "LINK",
        "UNLINK",
        "SOURCE",
        "QUERY",
    ]
)


@dataclass(frozen=True)
class Allowance:
    """Something that we take and another refuses, or reads otherwise."""

    reason: str
    applies: Callable[[bytes, Read, Seen], bool]


# Requests that we take although llhttp refuses them.
BEYOND_LLHTTP = [
    Allowance(
        "9110 9.1: a method is any token; llhttp has a list",
        lambda octets, request, seen: request.method.decode() not in LLHTTP_METHODS,
    ),
    Allowance(
        "9110 2.5: a higher minor version is read as 1.1; llhttp has a list",
        lambda octets, request, seen: re.search(rb" HTTP/1\.[2-9]\r\n", octets) is not None,
    ),
    Allowance(
        "9110 7.8: an Upgrade that nobody wants is ignored; llhttp stops at it",
        lambda octets, request, seen: seen.has_left,
    ),
    Allowance(
        "9112 3.2: a target is checked by its grammar, llhttp wants more of a URL",
        lambda octets, request, seen: "url" in seen.refusal.lower(),
    ),
    Allowance(
        "9112 3.2.3: CONNECT is read as any request, and then answered 501",
        lambda octets, request, seen: request.method == b"CONNECT",
    ),
    Allowance(
        "9112 5.1: a tab behind a value is whitespace, as it is before; llhttp knows it there only",
        lambda octets, request, seen: (
            "Transfer-Encoding" in seen.refusal
            and re.search(rb"(?i)chunked[ \t]*\t", octets) is not None
        ),
    ),
]

# The same for h11.
BEYOND_H11 = [
    Allowance(
        "9110 2.5: a higher minor version is read as 1.1; h11 refuses it",
        lambda octets, request, seen: re.search(rb" HTTP/1\.[2-9]\r\n", octets) is not None,
    ),
    Allowance(
        "h11 knows no empty lines before the request line but one",
        lambda octets, request, seen: octets.startswith(b"\r\n"),
    ),
    Allowance(
        "the limits differ",
        lambda octets, request, seen: "too long" in seen.refusal or "bigger" in seen.refusal,
    ),
]


def reason_for(table: list[Allowance], octets: bytes, request: Read, seen: Seen) -> str | None:
    """Return why the disagreement is wanted; None if it isn't."""
    return next((row.reason for row in table if row.applies(octets, request, seen)), None)


@dataclass(frozen=True)
class Refusal:
    """Why we refuse what llhttp takes: the rule, and how such a request looks."""

    reason: str
    applies: Callable[[bytes, int, Seen], bool]


def values(seen: Seen, name: bytes) -> list[bytes]:
    """Return the values of the fields called *name*."""
    return [value for key, value in seen.fields if key.lower() == name]


HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|([-A-Za-z0-9._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*)(:[0-9]*)?")


EXTENDED = re.compile(rb"\n[0-9A-Fa-f]+(;[^\r\n]*)\r")
EXTENSIONS = re.compile(
    rb"""(;[-!#$%&'*+.^_`|~0-9A-Za-z]+(=([-!#$%&'*+.^_`|~0-9A-Za-z]+|"([^"\\]|\\.)*"))?)*"""
)


def has_bad_target(octets: bytes, status: int, seen: Seen) -> bool:
    """Is the target of no form, or of the wrong one for its method?"""
    target = seen.target
    if re.search(rb"[^\x21-\x7e]|#", target):
        return True
    if target == b"*":
        return seen.method != b"OPTIONS"
    if target.startswith(b"/"):
        return seen.method == b"CONNECT"
    absolute = re.match(rb"(?i)https?://([^/?]*)", target)
    if not absolute:
        return True
    return HOST.fullmatch(absolute[1]) is None or absolute[1].startswith(b":") or not absolute[1]


BEYOND_US = [
    Refusal("9112 3.2: the target is of none of the four forms", has_bad_target),
    Refusal(
        "9112 3.2: one Host, and a proper one",
        lambda octets, status, seen: (
            len(values(seen, b"host")) > 1
            or (not values(seen, b"host") and b" HTTP/1.0\r" not in octets)
            or not all(HOST.fullmatch(value) for value in values(seen, b"host"))
        ),
    ),
    Refusal(
        "9112 3.2: a host in brackets is an IPv6 address",
        lambda octets, status, seen: b"[" in seen.target + b"".join(values(seen, b"host")),
    ),
    Refusal(
        "9112 6.1: chunked is the only coding, once, and not in HTTP/1.0",
        lambda octets, status, seen: (
            bool(values(seen, b"transfer-encoding"))
            and (
                b" HTTP/1.0\r" in octets
                or [value.lower() for value in values(seen, b"transfer-encoding")] != [b"chunked"]
            )
        ),
    ),
    Refusal(
        "9112 6.3: lengths have at most 19 digits",
        lambda octets, status, seen: any(
            len(value) > 19 for value in values(seen, b"content-length")
        ),
    ),
    Refusal(
        "9112 7.1: chunk sizes have at most 16 digits",
        lambda octets, status, seen: re.search(rb"\n[0-9A-Fa-f]{17,}", octets) is not None,
    ),
    Refusal(
        "9112 7.1.2 and our own: trailers are well-formed, and none rules a head",
        lambda octets, status, seen: (
            re.search(rb"(?is)\n0+[^\r]*\r\n.*(host|content-length|transfer-encoding):", octets)
            is not None
        ),
    ),
    Refusal(
        "9110 10.1.1: 100-continue is the only expectation",
        lambda octets, status, seen: status == 417,
    ),
    Refusal(
        "9112 3: a version ends the request line; llhttp takes HTTP/0.9",
        lambda octets, status, seen: b" HTTP/" not in octets.lstrip(b"\r\n").partition(b"\n")[0],
    ),
    Refusal(
        "9112 3: one space stands between the parts of the request line",
        lambda octets, status, seen: b"  " in octets.lstrip(b"\r\n").partition(b"\r\n")[0],
    ),
    Refusal(
        "9112 7.1.1: an extension is a name, and behind = a token or a quoted-string",
        lambda octets, status, seen: any(
            EXTENSIONS.fullmatch(each) is None for each in EXTENDED.findall(octets)
        ),
    ),
    Refusal("9110 2.5: only HTTP/1.x is spoken", lambda octets, status, seen: status == 505),
    Refusal("limits: 413, 414, 431", lambda octets, status, seen: status in (413, 414, 431)),
    Refusal(
        "9110 8.3: one Content-Type",
        lambda octets, status, seen: len(values(seen, b"content-type")) > 1,
    ),
    Refusal(
        "9112 2.2: nothing but CRLF comes before a request line",
        lambda octets, status, seen: octets[:1] in (b"\r", b"\n"),
    ),
]


def rule_for(octets: bytes, status: int, seen: Seen) -> str | None:
    """Return the rule by which we refuse what llhttp takes; None if there is none."""
    return next((row.reason for row in BEYOND_US if row.applies(octets, status, seen)), None)
