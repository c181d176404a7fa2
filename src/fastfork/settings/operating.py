"""Settings of how a server is run: the bus, its surroundings, steering, and logs."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from fastfork.settings.serving import DAY, Serving

ACCESS_LOG_FORMAT = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'


class Settings(Serving, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything `fastfork serve` can be told, already checked."""

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
    preload: Annotated[
        bool | None,
        Meta(
            description="import the application once, in a process that all workers are forked from, so that"
            " they start in milliseconds and share its memory; without it each worker imports for itself"
            " (default: with it, unless the import leaves threads, connections or an event loop)",
        ),
    ] = None
    check: Annotated[
        Annotated[str, Meta(pattern=r"^/")] | None,
        Meta(
            description="path that each worker must answer with 2xx before it gets requests; a reload onto"
            " code that does not leaves the old workers alone",
            extra={"metavar": "PATH"},
        ),
    ] = None
    reload: Annotated[
        bool,
        Meta(
            description="for development: reload when Python files in the working directory change; what"
            " fails is shown, and waits for the next change (extra: reload)",
        ),
    ] = False
    reload_parallel: Annotated[
        int,
        Meta(ge=1, le=512, description="workers that a reload starts at a time"),
    ] = 1
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
            le=366 * DAY,
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
