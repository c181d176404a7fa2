"""What becomes of gunicorn's settings."""

from __future__ import annotations

import os
from typing import Any

import pytest

from fastfork.config.gunicorn import translate, worker_class
from fastfork.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value", "ours"),
    [
        ("bind", ["0.0.0.0:80"], {"bind": ["0.0.0.0:80"]}),
        ("wsgi_app", "shop:app", {"app": "shop:app"}),
        ("keepalive", 5, {"keep_alive": 5}),
        ("errorlog", "-", {"error_logfile": "-"}),
        ("accesslog", None, {}),
        ("raw_env", ["A=1"], {"env": ["A=1"]}),
        ("umask", 0o27, {"umask": "027"}),
        ("user", 33, {"user": "33"}),
        ("proxy_protocol", True, {"proxy_protocol": "auto"}),
        ("forwarded_allow_ips", ["::1", "10.0.0.1"], {"forwarded_allow_ips": "::1,10.0.0.1"}),
        ("certfile", None, {}),
        ("my_helper", 3, {}),
        ("os", os, {}),
    ],
)
def test_setting_of_gunicorn_becomes_ours(name: str, value: Any, ours: dict[str, Any]) -> None:
    assert translate({name: value}, path="gunicorn.conf.py") == (ours, [])


def test_what_has_no_meaning_is_listed() -> None:
    names = {"worker_tmp_dir": "/dev/shm", "pre_request": print}

    assert translate(names, path="g.py")[1] == [
        "g.py: without a meaning here, ignored: pre_request, worker_tmp_dir"
    ]


def test_tls_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(ConfigError, match="certfile is not supported: end TLS in the proxy"):
        translate({"certfile": "server.pem"}, path="g.py")


@pytest.mark.parametrize("kind", ["gevent", "eventlet", "tornado", "gunicorn.workers.ggevent.X"])
def test_green_threads_are_refused_with_what_to_do_instead(kind: str) -> None:
    with pytest.raises(ConfigError, match="use --threads N"):
        worker_class(kind)


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_classes_that_mean_what_we_do_are_taken_in_silence(kind: str) -> None:
    assert worker_class(kind) == []


def test_other_classes_are_explained() -> None:
    (told,) = worker_class("uvicorn.workers.UvicornWorker")

    assert "UvicornWorker is not needed" in told
