"""The fields of a head: RFC 9112 2.2, 3.2 and 5, RFC 9110 5 and 7.2."""

from __future__ import annotations

from probe.case import Case, Cases, Level, Refused, head, seen

HOSTS: Cases = {
    "host-plain": Case("must", "9110 7.2", head(host="b.example"), seen(host="b.example")),
    "host-with-port": Case("must", "9110 7.2", head(host="b:8000"), seen(host="b:8000")),
    "host-ipv4": Case("must", "9110 7.2", head(host="127.0.0.1:80"), seen(host="127.0.0.1:80")),
    "host-ipv6": Case("must", "9110 7.2", head(host="[::1]:80"), seen(host="[::1]:80")),
    "host-encoded": Case("must", "3986 3.2.2", head(host="b%20c"), seen(host="b%20c")),
    "host-name-in-other-case": Case("must", "9110 5.1", head("hOsT: b", host=None), seen(host="b")),
    "host-absent": Case("must", "9112 3.2", head(host=None), Refused()),
    "host-absent-of-post": Case(
        "must", "9112 3.2", head("Content-Length: 0", line="POST / HTTP/1.1", host=None), Refused()
    ),
    "host-absent-with-absolute-target": Case(
        "must", "9112 3.2", head(line="GET http://b/ HTTP/1.1", host=None), Refused()
    ),
    "host-absent-of-options-asterisk": Case(
        "must", "9112 3.2", head(line="OPTIONS * HTTP/1.1", host=None), Refused()
    ),
    "host-absent-of-1-0": Case(
        "must", "9112 3.2", head(line="GET / HTTP/1.0", host=None), seen(host=None, lives=False)
    ),
    "host-twice": Case("must", "9112 3.2", head("Host: b"), Refused()),
    "host-twice-the-same": Case("must", "9112 3.2", head("Host: a"), Refused()),
    "host-twice-in-other-case": Case("must", "9112 3.2", head("HOST: a"), Refused()),
    "host-twice-apart": Case("must", "9112 3.2", head("X-A: b", "Host: c"), Refused()),
    "host-twice-of-1-0": Case(
        "must", "9112 3.2", head("Host: b", line="GET / HTTP/1.0"), Refused()
    ),
    "host-twice-with-absolute-target": Case(
        "must", "9112 3.2", head("Host: b", line="GET http://b/ HTTP/1.1"), Refused()
    ),
    "host-bad-with-absolute-target": Case(
        "must", "9112 3.2", head(line="GET http://b/ HTTP/1.1", host="c/d"), Refused()
    ),
    "host-is-overruled-by-absolute-target": Case(
        "must", "9112 3.2.2", head(line="GET http://b:1/ HTTP/1.1", host="c"), seen(host="b:1")
    ),
    "host-empty-with-absolute-target": Case(
        "must", "9112 3.2.2", head(line="GET http://b/ HTTP/1.1", host=""), seen(host="b")
    ),
    **{
        f"host-{name}": Case("must", "9112 3.2", head(host=value), Refused())
        for name, value in {
            "list": "a, b",
            "comma": "a,b",
            "with-path": "a/b",
            "with-scheme": "http://a",
            "with-userinfo": "u@a",
            "with-query": "a?b",
            "with-fragment": "a#b",
            "with-space": "a b",
            "with-tab": "a\tb",
            "with-backslash": "a\\b",
            "with-quote": 'a"b',
            "with-angle": "<a>",
            "with-high-octet": "\xe9",
            "with-control-octet": "a\x01b",
            "with-letter-port": "a:8b",
            "with-signed-port": "a:+80",
            "with-two-ports": "a:80:80",
            "with-half-encoding": "a%2",
            "with-bad-encoding": "a%zz",
            "open-bracket": "[::1",
            "close-bracket": "::1]",
            "bare-ipv6": "::1",
            "bad-ipv6": "[:::1]",
            "name-in-brackets": "[a.example]",
            "behind-bracket": "[::1]b",
        }.items()
    },
}


def bad(*lines: str | bytes, level: Level = "should", rule: str = "9112 5") -> Case:
    """Return a case of fields that are refused."""
    return Case(level, rule, head(*lines), Refused())


FORM: Cases = {
    "field-plain": Case("must", "9112 5", head("X-A: b"), seen(fields={"X_A": "b"})),
    "field-without-space": Case("must", "9112 5", head("X-A:b"), seen(fields={"X_A": "b"})),
    "field-space-around": Case(
        "must", "9112 5.1", head("X-A:  \t b c \t "), seen(fields={"X_A": "b c"})
    ),
    "field-empty": Case("must", "9110 5.5", head("X-A:"), seen(fields={"X_A": ""})),
    "field-of-spaces": Case("must", "9110 5.5", head("X-A: \t "), seen(fields={"X_A": ""})),
    "field-name-in-any-case": Case("must", "9110 5.1", head("x-A: b"), seen(fields={"X_A": "b"})),
    "field-twice": Case("must", "9110 5.2", head("X-A: b", "x-a: c"), seen(fields={"X_A": "b,c"})),
    "field-type-twice": bad(
        "Content-Type: a/b", "Content-Type: c/d", level="hardening", rule="9110 8.3"
    ),
    "field-with-colons": Case("must", "9112 5", head("X-A: b:c"), seen(fields={"X_A": "b:c"})),
    "field-obs-text": Case(
        "must", "9110 5.5", head("X-A: \xe9\xff"), seen(fields={"X_A": "\xe9\xff"})
    ),
    "field-tab-inside": Case("must", "9110 5.5", head("X-A: b\tc"), seen(fields={"X_A": "b\tc"})),
    "field-name-of-all-token-octets": Case(
        "must", "9110 5.6.2", head("!#$%&'*+-.^`|~09azAZ: x"), seen(path="/")
    ),
    "field-space-before-colon": bad("X-A : b", level="must", rule="9112 5.1"),
    "field-tab-before-colon": bad("X-A\t: b", level="must", rule="9112 5.1"),
    "field-space-before-colon-of-length": bad("Content-Length : 5", level="must", rule="9112 5.1"),
    "field-space-before-colon-of-codings": bad(
        "Transfer-Encoding : chunked", level="must", rule="9112 5.1"
    ),
    "field-space-in-name": bad("X A: b"),
    "field-space-before-name": bad(" X-A: b", rule="9112 2.2"),
    "field-without-colon": bad("X-A"),
    "field-without-name": bad(": b"),
    "field-name-with-paren": bad("X(A: b"),
    "field-name-with-brackets": bad("X-A[]: b"),
    "field-name-with-quote": bad('X"A: b'),
    "field-name-with-nul": bad(b"X\0A: b", level="must", rule="9110 5.5"),
    "field-name-with-control-octet": bad("X\x01A: b"),
    "field-name-with-delete-octet": bad("X\x7fA: b"),
    "field-name-with-high-octet": bad("X\xe9: b"),
    "field-name-with-nbsp": bad("X-A\xa0: b"),
    "field-folded": bad("X-A: b", " c", level="must", rule="9112 5.2"),
    "field-folded-by-tab": bad("X-A: b", "\tc", level="must", rule="9112 5.2"),
    "field-folded-empty": bad("X-A: b", " ", "X-B: c", level="must", rule="9112 5.2"),
    "field-folded-host": Case(
        "must", "9112 5.2", b"GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n", Refused()
    ),
    "field-space-before-first": Case(
        "must", "9112 2.2", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Refused()
    ),
    "field-space-line-before-first": Case(
        "must", "9112 2.2", b"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", Refused()
    ),
    "field-nul-in-value": bad(b"X-A: b\0c", level="must", rule="9110 5.5"),
    "field-cr-in-name": bad(b"Content\rLength: 5", level="must", rule="9112 2.2"),
    "field-cr-in-value": bad(b"X-A: b\rc", level="must", rule="9110 5.5"),
    "field-lf-in-value": bad(b"X-A: b\nc", level="must", rule="9110 5.5"),
    "field-cr-at-end": bad(b"X-A: b\r", level="must", rule="9112 2.2"),
    "field-bare-lf": bad(b"X-A: b\nX-B: c", level="hardening", rule="9112 2.2"),
    "field-bare-lf-at-end": Case(
        "hardening", "9112 2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\n", Refused()
    ),
    "field-bare-cr-at-end": Case(
        "must", "9112 2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\rX-A: b\r\n\r\n", Refused()
    ),
    **{
        f"field-{name}-in-value": bad(b"X-A: b" + bytes([octet]) + b"c", level="hardening")
        for name, octet in {
            "start-of-heading": 1,
            "bell": 7,
            "backspace": 8,
            "vertical-tab": 11,
            "form-feed": 12,
            "escape": 27,
            "delete": 127,
        }.items()
    },
}

LIMITS: Cases = {
    "limit-100-fields": Case(
        "must", "9110 5.4", head(*[f"X-{i}: a" for i in range(99)]), seen(fields={"X_98": "a"})
    ),
    "limit-fields": Case(
        "must", "9110 5.4", head(*[f"X-{i}: a" for i in range(120)]), Refused((431,))
    ),
    "limit-field": Case("must", "9110 5.4", head("X-A: " + "b" * 9000), Refused((431,))),
    "limit-field-name": Case("must", "9110 5.4", head("X" * 9000 + ": b"), Refused((431,))),
    "limit-head": Case(
        "must", "9110 5.4", head(*[f"X-{i}: {'a' * 4000}" for i in range(5)]), Refused((431,))
    ),
    "limit-endless-fields": Case(
        "must", "9110 5.4", head(*[f"X-{i}: a" for i in range(10_000)]), Refused((431,))
    ),
}

SPOOFS: Cases = {
    "spoof-underscore": Case(
        "hardening",
        "3875 4.1.18",
        head("X_Forwarded_For: 6.6.6.6"),
        seen(fields={"X_FORWARDED_FOR": None}),
    ),
    "spoof-underscore-beside-dash": Case(
        "hardening", "3875 4.1.18", head("X-A: good", "X_A: bad"), seen(fields={"X_A": "good"})
    ),
    "spoof-content-length-by-underscore": Case(
        "hardening", "3875 4.1.18", head("Content_Length: 5"), seen(body="")
    ),
    "spoof-codings-by-underscore": Case(
        "hardening", "3875 4.1.18", head("Transfer_Encoding: chunked"), seen(body="")
    ),
}

CASES: Cases = HOSTS | FORM | LIMITS | SPOOFS
