"""The files for systemd."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from fastfork.cli import main
from fastfork.cli.systemd_unit import listen_stream, quote
from fastfork.errors import ConfigError

APP = ["shop:create('a b')", "-w", "4", "--graceful-timeout", "60"]


def run(*words: str) -> str:
    """Return what the command prints."""
    done = CliRunner().invoke(main, ["systemd-unit", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_files_are_made_for_the_options_of_serve() -> None:
    text = run("--user", "www", *APP, "-b", ":8000", "-b", "unix:/run/shop.sock", "--name", "shop")

    assert "# /etc/systemd/system/shop.service" in text
    assert "Type=notify" in text
    assert "User=www" in text
    assert "serve \"shop:create('a b')\" -w 4" in text
    assert "--control-socket /run/shop/control.sock" in text
    assert "TimeoutStopSec=70" in text
    assert "ListenStream=0.0.0.0:8000\nListenStream=/run/shop.sock\n" in text


def test_wrong_option_is_refused_here_already() -> None:
    done = CliRunner().invoke(main, ["systemd-unit", "shop:app", "--workers", "many"])

    assert done.exit_code == 1
    assert "workers: 'many' can't be used" in done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_files(tmp_path: Path) -> None:
    run("--user", "root", "--output", str(tmp_path), *APP, "-b", "[::]:8000", "--name", "shop")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "shop.service")],
        capture_output=True,
        text=True,
    )

    told = [line for line in done.stderr.splitlines() if "shop." in line]
    assert (done.returncode, told) == (0, [])


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("a b", '"a b"'),
        ("50%", "50%%"),
        ("$HOME", "$$HOME"),
        ('say "hi"\\', '"say \\"hi\\"\\\\"'),
        ("%(h)s", '"%%(h)s"'),
    ],
)
def test_word_is_quoted_as_systemd_reads_it(word: str, quoted: str) -> None:
    assert quote(word) == quoted


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "example.org:80", "fd://3"])
def test_address_that_systemd_cannot_open_is_refused(bind: str) -> None:
    with pytest.raises(ConfigError, match="can't be a socket of systemd"):
        listen_stream(bind)
