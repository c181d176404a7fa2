"""Settings of what is served: the application, its connections, and HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DAY = 86_400.0
"""In seconds: as long as most durations may be."""


class Serving(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first part of the table."""

    app: Annotated[
        str,
        Meta(description='the application: "pkg.mod:attr", "pkg.mod" or "mod:factory()"'),
    ]
    interface: Annotated[
        Literal["auto", "wsgi", "asgi", "stream", "protocol", "socket"],
        Meta(
            description="how the application is called: wsgi, app(environ, start_response); asgi, async"
            " app(scope, receive, send); stream, async handler(reader, writer); protocol, a factory of"
            " asyncio.Protocol; socket, handler(sock, address); auto sees by itself which",
            extra={"metavar": "KIND"},
        ),
    ] = "auto"
    bind: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="address to listen on, repeatable: host:port, [v6]:port ([::]: IPv4, too), unix:PATH, fd://N;"
            " port 0 takes a free one",
            extra={
                "flags": ("-b", "--bind"),
                "metavar": "ADDRESS",
                "env": ("PORT", "0.0.0.0:{}"),
            },
        ),
    ] = ("127.0.0.1:8000",)
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=512)] | Literal["auto", "max"],
        Meta(
            description="worker processes to keep alive; auto and max: one for each usable core",
            extra={
                "flags": ("-w", "--workers"),
                "metavar": "N|auto|max",
                "env": ("WEB_CONCURRENCY", "{}"),
            },
        ),
    ] = "auto"
    threads: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="threads of each worker, each with a request of its own at a time;"
            " for applications that are thread-safe and wait a lot",
        ),
    ] = 1
    worker_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=1 << 20,
            description="requests and WebSockets that run or wait in one worker at once, when it serves on"
            " an asyncio loop",
        ),
    ] = 1000
    loop: Annotated[
        Literal["auto", "asyncio", "uvloop"],
        Meta(
            description="the asyncio loop of asynchronous applications; auto is uvloop if it is installed"
            " (extra: standard)",
            extra={"metavar": "auto|asyncio|uvloop"},
        ),
    ] = "auto"
    lifespan: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="whether an ASGI application is told of start and end: off, no; on, and it must take"
            " it; auto, unless it raises at that",
            extra={"metavar": "auto|on|off"},
        ),
    ] = "auto"
    ws_max_size: Annotated[
        int,
        Meta(ge=1, le=1 << 30, description="octets of a WebSocket message, inflated"),
    ] = 16 << 20
    ws_ping_interval: Annotated[
        float,
        Meta(ge=0, le=DAY, description="seconds between pings of a WebSocket; 0: none"),
    ] = 20.0
    ws_ping_timeout: Annotated[
        float,
        Meta(
            ge=0,
            le=DAY,
            description="seconds in which a client must say something behind a ping; 0: any",
        ),
    ] = 20.0
    ws_per_message_deflate: Annotated[
        bool,
        Meta(description="compress the messages of WebSockets whose client can"),
    ] = True
    dispatch: Annotated[
        Literal["auto", "round-robin", "least-loaded", "ip-hash", "shared"],
        Meta(
            description="who gets the next connection, of the workers that can serve it now: round-robin, by"
            " turns; least-loaded, who has the fewest; ip-hash, the same client always the same worker, even"
            " if it has to wait (behind a proxy all clients are one); shared, workers accept for themselves,"
            " and what they have ends with them; auto is round-robin",
            extra={"metavar": "POLICY"},
        ),
    ] = "auto"
    backlog: Annotated[
        int,
        Meta(ge=1, le=65_535, description="connections that may wait in the kernel's queue"),
    ] = 2048
    max_connections: Annotated[
        Annotated[int, Meta(ge=64, le=1_048_576)] | None,
        Meta(
            description="connections held at once; beyond, clients wait in the kernel's queue"
            " (default: 65536, or what the limit of open files allows)",
        ),
    ] = None
    keep_alive: Annotated[
        float,
        Meta(ge=0, le=DAY, description="seconds that a connection may rest between requests"),
    ] = 75.0
    replay: Annotated[
        Literal["off", "safe", "idempotent"],
        Meta(
            description="requests of a dead worker that another one may run again:"
            " safe (GET, HEAD, OPTIONS, TRACE), idempotent (also PUT, DELETE), or none",
            extra={"metavar": "off|safe|idempotent"},
        ),
    ] = "safe"
    timeout: Annotated[
        float,
        Meta(
            ge=0,
            le=DAY,
            description="seconds that the application may be quiet with a request; then its worker is"
            " replaced and the client gets 504; 0: any",
            extra={"flags": ("-t", "--timeout")},
        ),
    ] = 30.0
    boot_timeout: Annotated[
        float,
        Meta(
            ge=0,
            le=DAY,
            description="seconds in which a worker must have loaded the application; 0: any",
        ),
    ] = 60.0
    head_timeout: Annotated[
        float,
        Meta(gt=0, le=DAY, description="seconds in which a request's head must arrive"),
    ] = 10.0
    body_timeout: Annotated[
        float,
        Meta(gt=0, le=DAY, description="seconds of silence allowed inside a request's body"),
    ] = 30.0
    write_timeout: Annotated[
        float,
        Meta(gt=0, le=DAY, description="seconds that a client may take no octet of its response"),
    ] = 30.0
    min_rate: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="octets a second that a client must send of a body and read of a response, on"
            " average; a pause of --body-timeout or --write-timeout is forgiven; 0: any",
        ),
    ] = 500
    graceful_timeout: Annotated[
        float,
        Meta(ge=0, le=DAY, description="seconds that running requests get when the server stops"),
    ] = 30.0
    max_requests: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 53,
            description="requests after which a fresh worker takes over, running before the old one"
            " leaves; 0: never",
        ),
    ] = 0
    max_requests_jitter: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 53,
            description="up to so many requests more, by chance, so that workers retire apart",
        ),
    ] = 0
    max_memory: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 23,
            description="MiB of resident memory with which a worker is relieved in the same way;"
            " 0: any",
            extra={"metavar": "SIZE"},
        ),
    ] = 0
    max_lifetime: Annotated[
        float,
        Meta(
            ge=0,
            le=365 * DAY,
            description="seconds after which a worker is relieved in the same way; 0: never",
        ),
    ] = 0.0
    limit_head: Annotated[
        int,
        Meta(ge=1024, le=16_384, description="octets of a request's whole head"),
    ] = 16_384
    limit_request_line: Annotated[
        int, Meta(ge=64, le=16_384, description="octets of a request line")
    ] = 8190
    limit_request_fields: Annotated[
        int, Meta(ge=1, le=32_768, description="header fields of a request")
    ] = 100
    limit_request_field_size: Annotated[
        int,
        Meta(
            ge=64,
            le=16_384,
            description="octets of one header field",
            extra={"flags": ("--limit-request-field-size", "--limit-request-field_size")},
        ),
    ] = 8190
    limit_requests_per_connection: Annotated[
        int,
        Meta(
            ge=0, le=(1 << 32) - 1, description="requests that a connection may send; 0: any number"
        ),
    ] = 0
    limit_chunk_overhead: Annotated[
        int,
        Meta(
            ge=256,
            le=1 << 20,
            description="octets of chunk extensions and trailers in a request's body, beyond one for each"
            " octet of content",
        ),
    ] = 16_384
    max_body: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 53,
            description="octets of a request's body, else 413, before it is read if its length tells; 0: any",
        ),
    ] = 0
    body_buffer: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 30,
            description="octets up to which a request's body is read before the application runs",
        ),
    ] = 1 << 20
    max_spool: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 53,
            description="octets of a request's body that wait in a temporary file until the application runs,"
            " if they are more than --body-buffer; a larger body is streamed and keeps its thread waiting; 0:"
            " all are. Under ASGI bodies beyond --body-buffer are always streamed",
        ),
    ] = 1 << 30
    spool_dir: Annotated[
        str | None,
        Meta(
            description="directory of temporary files, which nobody else can open (default: $TMPDIR, /tmp,"
            " /var/tmp)",
            extra={"metavar": "PATH"},
        ),
    ] = None
    header_map: Annotated[
        Literal["drop", "refuse"],
        Meta(
            description="what becomes of fields with _ in their name, which the application can't tell from"
            " -: drop the field, or refuse the request (400)",
            extra={"metavar": "drop|refuse"},
        ),
    ] = "drop"
    root_path: Annotated[
        str,
        Meta(
            pattern=r"^(/.*[^/])?$",
            description="path that the application is mounted at, its SCRIPT_NAME, as in /shop",
            extra={"metavar": "PATH", "env": ("SCRIPT_NAME", "{}")},
        ),
    ] = ""
    forwarded_allow_ips: Annotated[
        str,
        Meta(
            description="proxies whose X-Forwarded-For, -Proto, -Host and -Port are believed: addresses,"
            " networks, unix, or * for all, with commas between",
            extra={"metavar": "LIST", "env": ("FORWARDED_ALLOW_IPS", "{}")},
        ),
    ] = "127.0.0.1,::1"
    proxy_protocol: Annotated[
        Literal["off", "v1", "v2", "auto"],
        Meta(
            description="version of the PROXY protocol that peers in --proxy-allow-ips must begin each"
            " connection with; auto: either",
            extra={"metavar": "off|v1|v2|auto"},
        ),
    ] = "off"
    proxy_allow_ips: Annotated[
        str,
        Meta(
            description="peers that must send a PROXY header; what comes from others is served as it is",
            extra={"metavar": "LIST"},
        ),
    ] = "127.0.0.1,::1"
