"""What gunicorn's settings mean here. Pure: names and values in, ours out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastfork.errors import ConfigError
from fastfork.settings import table

if TYPE_CHECKING:
    from collections.abc import Mapping

RENAMED = {
    "wsgi_app": "app",
    "keepalive": "keep_alive",
    "pidfile": "pid",
    "accesslog": "access_logfile",
    "errorlog": "error_logfile",
    "loglevel": "log_level",
    "logconfig": "log_config",
    "raw_env": "env",
    "proc_name": "name",
    "preload_app": "preload",
    "tmp_upload_dir": "spool_dir",
}

# Either without a counterpart, or what this server does in its own way.
IGNORED = frozenset(
    """
    after_request check_config config daemon dirty_exit dogstatsd_tags
    disable_redirect_access_to_syslog enable_stdio_inheritance forwarder_headers initgroups
    logconfig_dict logconfig_json logger_class nworkers_changed paste
    post_request post_worker_init pre_exec pre_request print_config
    pythonpath reload_engine reload_extra_files reuse_port secure_scheme_headers sendfile spew
    statsd_host statsd_prefix strip_header_spaces syslog syslog_addr syslog_facility syslog_prefix
    worker_abort worker_int worker_tmp_dir
    """.split()  # noqa: SIM905 - a word a name is easier to read than a column of them
)

_OURS = ("sync", "gthread")
INSTEAD = {
    "certfile": "end TLS in the proxy before this server (nginx, HAProxy, Caddy)",
    "keyfile": "end TLS in the proxy before this server (nginx, HAProxy, Caddy)",
}


def translate(names: Mapping[str, Any], *, path: str) -> tuple[dict[str, Any], list[str]]:
    """Return our settings for gunicorn's *names*, and a line for the log of what has no meaning here.

    Raises ConfigError for what can't be left out without harm.
    """
    values: dict[str, Any] = {}
    notes: list[str] = []
    ours = {row.name for row in table()}
    ignored = []
    for name, value in names.items():
        renamed = RENAMED.get(name, name)
        if name == "worker_class":
            notes += worker_class(value)
        elif name in INSTEAD and value:
            refuse(name)
        elif name in IGNORED:
            ignored.append(name)
        elif renamed in ours and value is not None:
            values[renamed] = _value(name, value)
    if ignored:
        notes.append(f"{path}: without a meaning here, ignored: {', '.join(sorted(ignored))}")
    return values, notes


def worker_class(name: Any) -> list[str]:
    """Return what there is to say of a class of gunicorn's workers. Raises ConfigError."""
    kind = name if isinstance(name, str) else getattr(name, "__name__", str(name))
    if kind in _OURS:
        return []
    if any(green in kind for green in ("gevent", "eventlet", "tornado")):
        raise ConfigError(
            f"worker class {kind}: green threads are not supported; use --threads N for applications"
            " that wait, and --workers N for those that compute"
        )
    return [f"worker class {kind} is not needed: fastfork sees what the application is by itself"]


def refuse(name: str) -> None:
    """Raise ConfigError for a setting that can't be left out without harm."""
    raise ConfigError(f"{name} is not supported: {INSTEAD[name]}")


def _value(name: str, value: Any) -> Any:
    if name == "umask" and isinstance(value, int):
        return f"{value:03o}"
    if name == "preload_app":
        return bool(value)
    if name == "proxy_protocol" and isinstance(value, bool):
        return "auto" if value else "off"
    if name in {"user", "group"}:
        return str(value)
    if name in {"forwarded_allow_ips", "proxy_allow_ips"} and not isinstance(value, str):
        return ",".join(value)
    return value
