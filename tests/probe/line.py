"""The request line: RFC 9112 2.2 and 3, RFC 9110 2.5, RFC 3986."""

from __future__ import annotations

from probe.case import Case, Cases, Refused, head, seen

H = "Host: a"


def get(target: str, version: str = "HTTP/1.1") -> bytes:
    """Return a request for *target*."""
    return head(line=f"GET {target} {version}")


def raw(line: bytes) -> bytes:
    """Return a request with this first line."""
    return line + b"\r\nHost: a\r\n\r\n"


FORM: Cases = {
    "line-plain": Case("must", "9112 3", get("/"), seen(method="GET", path="/", version="1.1")),
    "line-only-method": Case("should", "9112 3", raw(b"GET"), Refused()),
    "line-method-and-space": Case("should", "9112 3", raw(b"GET "), Refused()),
    "line-no-target": Case("should", "9112 3", raw(b"GET HTTP/1.1"), Refused()),
    "line-empty-target": Case("should", "9112 3", raw(b"GET  HTTP/1.1"), Refused()),
    "line-two-spaces-before-version": Case("should", "9112 3", raw(b"GET /  HTTP/1.1"), Refused()),
    "line-tab-after-method": Case("hardening", "9112 3", raw(b"GET\t/ HTTP/1.1"), Refused()),
    "line-tab-before-version": Case("hardening", "9112 3", raw(b"GET /\tHTTP/1.1"), Refused()),
    "line-vertical-tab": Case("hardening", "9112 3", raw(b"GET /\x0bHTTP/1.1"), Refused()),
    "line-form-feed": Case("hardening", "9112 3", raw(b"GET\x0c/ HTTP/1.1"), Refused()),
    "line-nbsp": Case("hardening", "9112 3", raw(b"GET\xa0/ HTTP/1.1"), Refused()),
    "line-space-at-end": Case("should", "9112 3", raw(b"GET / HTTP/1.1 "), Refused()),
    "line-tab-at-end": Case("should", "9112 3", raw(b"GET / HTTP/1.1\t"), Refused()),
    "line-space-first": Case("should", "9112 3", raw(b" GET / HTTP/1.1"), Refused()),
    "line-more-behind-version": Case("should", "9112 3", raw(b"GET / HTTP/1.1 x"), Refused()),
    "line-space-in-target": Case("should", "9112 3.2", raw(b"GET /a b HTTP/1.1"), Refused()),
    "line-bare-lf": Case("hardening", "9112 2.2", b"GET / HTTP/1.1\nHost: a\r\n\r\n", Refused()),
    "line-bare-lf-all": Case("hardening", "9112 2.2", b"GET / HTTP/1.1\nHost: a\n\n", Refused()),
    "line-bare-cr": Case("must", "9112 2.2", b"GET / HTTP/1.1\rHost: a\r\n\r\n", Refused()),
    "line-cr-inside": Case("must", "9112 2.2", b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", Refused()),
    "line-two-cr": Case("must", "9112 2.2", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Refused()),
    "line-nul": Case("hardening", "9112 3", raw(b"GET /\0 HTTP/1.1"), Refused()),
    "line-binary": Case("should", "9112 3", bytes(range(128, 256)) + b"\r\n\r\n", Refused()),
    "line-tls-hello": Case(
        "should", "9112 3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", Refused()
    ),
    "line-http2-preface": Case(
        "should", "9112 3", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused((400, 505))
    ),
    "line-empty-before": Case("should", "9112 2.2", b"\r\n" + get("/x"), seen(path="/x")),
    "line-some-empty-before": Case("should", "9112 2.2", b"\r\n" * 3 + get("/x"), seen(path="/x")),
    "line-bare-lf-before": Case("hardening", "9112 2.2", b"\n" + get("/"), Refused()),
    "line-bare-cr-before": Case("must", "9112 2.2", b"\r" + get("/"), Refused()),
    "line-endless-empty-before": Case(
        "hardening", "9112 2.2", b"\r\n" * 20_000 + get("/"), Refused((431,))
    ),
    "line-lf-cr": Case("hardening", "9112 2.2", b"GET / HTTP/1.1\n\rHost: a\r\n\r\n", Refused()),
    "line-space-line-before": Case("should", "9112 2.2", b" \r\n" + get("/"), Refused()),
    "line-8000-octets": Case(
        "should", "9112 3", get("/" + "a" * 7985), seen(path="/" + "a" * 7985)
    ),
    "line-too-long": Case("must", "9112 3", get("/" + "a" * 9000), Refused((414,))),
    "line-much-too-long": Case("must", "9112 3", get("/" + "a" * 40_000), Refused((414,))),
    "line-query-too-long": Case("must", "9112 3", get("/?" + "a" * 9000), Refused((414,))),
    "line-endless-method": Case(
        "hardening", "9112 3", raw(b"A" * 9000 + b" / HTTP/1.1"), Refused((501,))
    ),
}

METHODS: Cases = {
    f"method-{method.lower()}": Case(
        "must", "9110 9.1", head(line=f"{method} / HTTP/1.1"), seen(method=method)
    )
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND")
} | {
    "method-is-case-sensitive": Case(
        "must", "9110 9.1", head(line="get / HTTP/1.1"), seen(method="get")
    ),
    "method-of-all-token-octets": Case(
        "must",
        "9110 9.1",
        head(line="!#$%&'*+-.^_`|~09azAZ / HTTP/1.1"),
        seen(method="!#$%&'*+-.^_`|~09azAZ"),
    ),
    "method-with-paren": Case("should", "9112 3.1", raw(b"G(T / HTTP/1.1"), Refused((400, 501))),
    "method-with-colon": Case("should", "9112 3.1", raw(b"GET: / HTTP/1.1"), Refused((400, 501))),
    "method-with-slash": Case("should", "9112 3.1", raw(b"G/T / HTTP/1.1"), Refused((400, 501))),
    "method-with-nul": Case("should", "9112 3.1", raw(b"G\0T / HTTP/1.1"), Refused((400, 501))),
    "method-with-high-octet": Case(
        "should", "9112 3.1", raw(b"G\xc9T / HTTP/1.1"), Refused((400, 501))
    ),
    "method-empty": Case("should", "9112 3.1", raw(b" / HTTP/1.1"), Refused()),
}

TARGETS: Cases = {
    "target-path-and-query": Case(
        "must", "9112 3.2.1", get("/a/b?c=d&e"), seen(path="/a/b", query="c=d&e")
    ),
    "target-empty-query": Case("must", "9112 3.2.1", get("/a?"), seen(path="/a", query="")),
    "target-two-question-marks": Case(
        "must", "9112 3.2.1", get("/a?b?c"), seen(path="/a", query="b?c")
    ),
    "target-encoded": Case("must", "3986 2.1", get("/a%20b"), seen(path="/a b", target="/a%20b")),
    "target-encoded-lower-case": Case("must", "3986 2.1", get("/%3f"), seen(path="/?", query="")),
    "target-encoded-crlf": Case(
        "hardening",
        "9110 5.5",
        get("/%0d%0aX-A:%20b"),
        seen(path="/\r\nX-A: b", fields={"X_A": None}),
    ),
    "target-encoded-nul": Case("hardening", "3986 7.3", get("/a%00b"), seen(path="/a\0b")),
    "target-plus-is-no-space": Case("must", "3986 2.2", get("/a+b"), seen(path="/a+b")),
    "target-query-stays-encoded": Case("must", "3986 2.1", get("/?a=%26"), seen(query="a=%26")),
    "target-encoded-slash": Case(
        "hardening", "3986 2.2", get("/a%2Fb"), seen(path="/a/b", target="/a%2Fb")
    ),
    "target-malformed-triplet": Case("hardening", "3986 2.1", get("/a%zz%4"), seen(path="/a%zz%4")),
    "target-twice-encoded": Case("hardening", "3986 2.4", get("/a%2541"), seen(path="/a%41")),
    "target-dots-stay": Case("hardening", "9112 3", get("/a/../b"), seen(path="/a/../b")),
    "target-two-slashes": Case("hardening", "9112 3", get("//a/b"), seen(path="//a/b")),
    "target-all-path-octets": Case(
        "must",
        "3986 3.3",
        get("/-._~!$&'()*+,;=:@09azAZ"),
        seen(path="/-._~!$&'()*+,;=:@09azAZ"),
    ),
    "target-relative": Case("should", "9112 3.2", get("a"), Refused()),
    "target-query-alone": Case("should", "9112 3.2", get("?a"), Refused()),
    "target-fragment": Case("should", "9112 3.2", get("/a#b"), Refused()),
    "target-control-octet": Case("should", "9112 3.2", get("/a\x01b"), Refused()),
    "target-delete-octet": Case("should", "9112 3.2", get("/a\x7fb"), Refused()),
    "target-tab": Case("should", "9112 3.2", get("/a\tb"), Refused()),
    "target-high-octet": Case("should", "9112 3.2", get("/\xe9"), Refused()),
    "target-utf-8": Case("should", "9112 3.2", get("/\xc3\xa9"), Refused()),
    "target-high-octet-in-query": Case("should", "9112 3.2", get("/?\xe9"), Refused()),
    "target-nul-in-query": Case("should", "9112 3.2", get("/?a\0b"), Refused()),
    "target-asterisk-of-options": Case(
        "must", "9112 3.2.4", head(line="OPTIONS * HTTP/1.1"), seen(method="OPTIONS")
    ),
    "target-asterisk-of-get": Case("should", "9112 3.2.4", get("*"), Refused()),
    "target-asterisk-and-more": Case(
        "should", "9112 3.2.4", head(line="OPTIONS *a HTTP/1.1"), Refused()
    ),
    "target-absolute": Case(
        "must", "9112 3.2.2", get("http://b/c?d"), seen(path="/c", query="d", host="b")
    ),
    "target-absolute-with-port": Case(
        "must", "9112 3.2.2", get("http://b:80/c"), seen(path="/c", host="b:80")
    ),
    "target-absolute-without-path": Case(
        "must", "9112 3.2.2", get("http://b"), seen(path="/", host="b")
    ),
    "target-absolute-with-query-only": Case(
        "must", "9112 3.2.2", get("http://b?c"), seen(path="/", query="c", host="b")
    ),
    "target-absolute-upper-case": Case(
        "must", "9110 4.2.3", get("HTTP://b/c"), seen(path="/c", host="b")
    ),
    "target-absolute-ipv6": Case(
        "must", "9112 3.2.2", get("http://[::1]:8000/c"), seen(path="/c", host="[::1]:8000")
    ),
    "target-absolute-options": Case(
        "must", "9112 3.2.2", head(line="OPTIONS http://b/c HTTP/1.1"), seen(path="/c", host="b")
    ),
    "target-absolute-https": Case(  # from an address that may be a proxy which ended TLS
        "must", "9110 7.4", get("https://b/c"), seen(path="/c", host="b")
    ),
    "target-absolute-empty-host": Case("must", "9110 4.2.1", get("http:///c"), Refused()),
    "target-absolute-only-port": Case("must", "9110 4.2.1", get("http://:80/c"), Refused()),
    "target-absolute-userinfo": Case("should", "9110 4.2.4", get("http://u:p@b/c"), Refused()),
    "target-absolute-fragment": Case("should", "9112 3.2", get("http://b/c#d"), Refused()),
    "target-absolute-one-slash": Case("should", "9112 3.2", get("http:/b/c"), Refused()),
    "target-absolute-unknown-scheme": Case(
        "should", "9110 7.4", get("ftp://b/c"), Refused((400, 421))
    ),
    "target-absolute-bad-port": Case("should", "9112 3.2", get("http://b:8a/c"), Refused()),
    "target-connect": Case(
        "must", "9110 9.3.6", head(line="CONNECT b:443 HTTP/1.1", host="b:443"), Refused((501, 405))
    ),
    "target-connect-without-port": Case(
        "must", "9110 9.3.6", head(line="CONNECT b HTTP/1.1"), Refused()
    ),
    "target-connect-path": Case("should", "9112 3.2.3", head(line="CONNECT / HTTP/1.1"), Refused()),
    "target-authority-of-get": Case("should", "9112 3.2.3", get("b:443"), Refused()),
}

VERSIONS: Cases = {
    "version-1-0": Case("must", "9110 2.5", get("/", "HTTP/1.0"), seen(version="1.0", lives=False)),
    "version-1-2": Case("should", "9110 2.5", get("/", "HTTP/1.2"), seen(path="/")),
    "version-1-9": Case("should", "9110 2.5", get("/", "HTTP/1.9"), seen(path="/")),
    "version-2-0": Case("should", "9110 15.6.6", get("/", "HTTP/2.0"), Refused((505,))),
    "version-3-0": Case("should", "9110 15.6.6", get("/", "HTTP/3.0"), Refused((505,))),
    "version-9-9": Case("should", "9110 15.6.6", get("/", "HTTP/9.9"), Refused((505,))),
    "version-0-9": Case("should", "9110 15.6.6", get("/", "HTTP/0.9"), Refused((505, 400))),
    "version-none": Case("should", "9112 3", b"GET /\r\n\r\n", Refused()),
    "version-lower-case": Case("must", "9112 2.3", get("/", "http/1.1"), Refused()),
    "version-other-name": Case("should", "9112 2.3", get("/", "HTTPS/1.1"), Refused()),
    "version-two-digits": Case("should", "9112 2.3", get("/", "HTTP/1.10"), Refused((400, 505))),
    "version-zero-first": Case("should", "9112 2.3", get("/", "HTTP/01.1"), Refused((400, 505))),
    "version-without-minor": Case("should", "9112 2.3", get("/", "HTTP/1"), Refused((400, 505))),
    "version-empty-minor": Case("should", "9112 2.3", get("/", "HTTP/1."), Refused((400, 505))),
    "version-comma": Case("should", "9112 2.3", get("/", "HTTP/1,1"), Refused((400, 505))),
    "version-letter": Case("should", "9112 2.3", get("/", "HTTP/1.x"), Refused((400, 505))),
    "version-space-inside": Case("should", "9112 2.3", get("/", "HTTP/ 1.1"), Refused()),
}

CASES: Cases = FORM | METHODS | TARGETS | VERSIONS
