"""The one table of settings: command line, files, environment and `fastfork.run` are read from it.

A setting is one field. Its `Meta` holds the help text, the limits, and in `extra` what the command line
needs beyond the name: `flags` (default: the name with dashes), `metavar`, `env` (variable and template).
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

ACCESS_LOG_FORMAT = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'

_DAY = 86_400.0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything `fastfork serve` can be told, already checked."""

    app: Annotated[
        str,
        Meta(description='the application: "pkg.mod:attr", "pkg.mod" or "mod:factory()"'),
    ]
    bind: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="address to listen on, repeatable: host:port, [v6]:port, unix:PATH, fd://N;"
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
        Meta(ge=0, le=_DAY, description="seconds that a connection may rest between requests"),
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
            le=_DAY,
            description="seconds that the application may be quiet with a request; then its worker is"
            " replaced and the client gets 504; 0: any",
            extra={"flags": ("-t", "--timeout")},
        ),
    ] = 30.0
    boot_timeout: Annotated[
        float,
        Meta(
            ge=0,
            le=_DAY,
            description="seconds in which a worker must have loaded the application; 0: any",
        ),
    ] = 60.0
    head_timeout: Annotated[
        float,
        Meta(gt=0, le=_DAY, description="seconds in which a request's head must arrive"),
    ] = 10.0
    body_timeout: Annotated[
        float,
        Meta(gt=0, le=_DAY, description="seconds of silence allowed inside a request's body"),
    ] = 30.0
    write_timeout: Annotated[
        float,
        Meta(gt=0, le=_DAY, description="seconds that a client may take no octet of its response"),
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
        Meta(ge=0, le=_DAY, description="seconds that running requests get when the server stops"),
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
            le=365 * _DAY,
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
    body_buffer: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 30,
            description="octets up to which a request's body is read before the application runs",
        ),
    ] = 1 << 20
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
    bus: Annotated[
        Annotated[str, Meta(pattern=r"^(local|(rediss?|unix)://.+)$")],
        Meta(
            description="how far the bus reaches: local, or to all servers at a Redis broker,"
            " redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// with TLS, unix://PATH (extra: redis)",
            extra={"metavar": "local|URL"},
        ),
    ] = "local"
    bus_channel: Annotated[
        str | None,
        Meta(
            description="servers that have broker, database and this name in common share a bus"
            " (default: the application, as it is named here)",
            extra={"metavar": "NAME"},
        ),
    ] = None
    bus_queue: Annotated[
        int,
        Meta(
            ge=1 << 18,
            le=1 << 30,
            description="octets of messages on the bus that may wait for one worker",
        ),
    ] = 4 << 20
    bus_overflow: Annotated[
        Literal["drop-oldest", "drop-new", "block"],
        Meta(
            description="what becomes of a published message that finds no room there: the oldest ones make"
            " room, it is dropped itself, or its sender waits (but for nobody who reads nothing for 1 s)",
            extra={"metavar": "POLICY"},
        ),
    ] = "drop-oldest"
    chdir: Annotated[
        str | None,
        Meta(
            description="directory to work in, and to import the application from",
            extra={"metavar": "DIR"},
        ),
    ] = None
    env: Annotated[
        tuple[str, ...],
        Meta(
            description="variable for the application, repeatable: KEY=VALUE",
            extra={"flags": ("-e", "--env"), "metavar": "KEY=VALUE"},
        ),
    ] = ()
    env_file: Annotated[
        str | None,
        Meta(
            description="file of such variables, one a line; --env goes before it",
            extra={"metavar": "FILE"},
        ),
    ] = None
    user: Annotated[
        str | None,
        Meta(
            description="user, by name or number, that workers become before they load the application;"
            " the master stays who it is",
            extra={"flags": ("-u", "--user"), "metavar": "USER"},
        ),
    ] = None
    group: Annotated[
        str | None,
        Meta(
            description="group, by name or number, that workers become (default: that of --user)",
            extra={"flags": ("-g", "--group"), "metavar": "GROUP"},
        ),
    ] = None
    umask: Annotated[
        Annotated[str, Meta(pattern=r"^(0o?)?[0-7]{1,3}$")] | None,
        Meta(
            description="permissions that files of the application never get, in octal, as in 027",
            extra={"flags": ("-m", "--umask"), "metavar": "MODE"},
        ),
    ] = None
    pid: Annotated[
        str | None,
        Meta(
            description="file that holds the master's pid while it runs",
            extra={"flags": ("-p", "--pid"), "metavar": "FILE"},
        ),
    ] = None
    name: Annotated[
        str | None,
        Meta(
            description="what the server is called by other commands (default: application and port)",
            extra={"metavar": "NAME"},
        ),
    ] = None
    control_socket: Annotated[
        str | None,
        Meta(
            description="socket that commands like fastfork status go to (default: a file called as the"
            " server in $XDG_RUNTIME_DIR/fastfork, else /run/fastfork, else a folder of the user's in the"
            " temporary directory)",
            extra={"metavar": "PATH"},
        ),
    ] = None
    no_control_socket: Annotated[
        bool,
        Meta(description="have none: the server can be steered by signals only"),
    ] = False
    admin: Annotated[
        str | None,
        Meta(
            description="address for /healthz, /readyz, /metrics (Prometheus), /status.json and a live page:"
            " host:port or unix:PATH; whoever reaches it may read all of it",
            extra={"metavar": "ADDRESS"},
        ),
    ] = None
    shutdown_delay: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="seconds that the server goes on serving after TERM, with /readyz saying 503, so that"
            " load balancers turn away first",
        ),
    ] = 0.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        Meta(description="least level that is logged", extra={"metavar": "LEVEL"}),
    ] = "info"
    error_logfile: Annotated[
        str,
        Meta(
            description="file of the error log; - is stderr",
            extra={"flags": ("--error-logfile", "--log-file"), "metavar": "FILE"},
        ),
    ] = "-"
    access_logfile: Annotated[
        str | None,
        Meta(description="file of the access log; - is stdout", extra={"metavar": "FILE"}),
    ] = None
    access_log_format: Annotated[
        str,
        Meta(
            description="line of the access log, in gunicorn's atoms, %(slot)s and %(wait)s (seconds until"
            " the application got the request); or json",
            extra={"flags": ("--access-log-format", "--access-logformat"), "metavar": "FORMAT"},
        ),
    ] = ACCESS_LOG_FORMAT
    log_config: Annotated[
        str | None,
        Meta(
            description="configuration of the standard logging package, for the loggers fastfork.error and"
            " fastfork.access: .toml or .json as for dictConfig, or an ini file",
            extra={"metavar": "FILE"},
        ),
    ] = None
    capture_output: Annotated[
        bool,
        Meta(description="put what workers print into the error log"),
    ] = False
    log_max_size: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 23,
            description="MiB with which a log file is renamed and a new one begun; 0: any",
            extra={"metavar": "SIZE"},
        ),
    ] = 0
    log_max_age: Annotated[
        float,
        Meta(
            ge=0,
            le=366 * _DAY,
            description="seconds after which a log file is renamed and a new one begun, from midnight on,"
            " so that 86400 is once a day; 0: any",
        ),
    ] = 0.0
    log_keep: Annotated[
        int,
        Meta(ge=0, le=10_000, description="old log files to keep of each; 0: all of them"),
    ] = 14
    log_compress: Annotated[
        bool,
        Meta(description="compress old log files with gzip"),
    ] = False


class Setting(msgspec.Struct, frozen=True):
    """One row of the table."""

    name: str
    type: Any
    default: Any
    description: str
    flags: tuple[str, ...]
    metavar: str
    env: tuple[str, str] | None

    @property
    def is_switch(self) -> bool:
        """Whether the setting is on or off."""
        return isinstance(plain(self.type), msgspec.inspect.BoolType)

    @property
    def is_repeatable(self) -> bool:
        """Whether the setting takes several values."""
        return isinstance(plain(self.type), msgspec.inspect.VarTupleType)


@cache
def table() -> tuple[Setting, ...]:
    """Return every setting, in the order of the class."""
    info = msgspec.inspect.type_info(Settings)
    assert isinstance(info, msgspec.inspect.StructType)
    return tuple(_row(field) for field in info.fields)


def _row(field: msgspec.inspect.Field) -> Setting:
    meta = field.type
    assert isinstance(meta, msgspec.inspect.Metadata)
    extra = meta.extra or {}
    return Setting(
        name=field.encode_name,
        type=meta.type,
        default=field.default,
        description=(meta.extra_json_schema or {})["description"],
        flags=extra.get("flags", ("--" + field.encode_name.replace("_", "-"),)),
        metavar=extra.get("metavar", _metavar(meta.type)),
        env=extra.get("env"),
    )


def plain(kind: Any) -> Any:
    """Return *kind* without its limits."""
    return kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind


def _metavar(kind: Any) -> str:
    return "SECONDS" if isinstance(kind, msgspec.inspect.FloatType) else "N"
