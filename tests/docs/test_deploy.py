"""examples/deploy: the Dockerfile's steps, the manifests, and nginx in front."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import kubernetes_validate
import pytest
import yaml
from examples.deploy import rehearse
from websockets.sync.client import connect

from fix_pages import ROOT
from fix_processes import Sessions, wait_until
from fix_server import Serve
from fix_services import free_port

DEPLOY = ROOT / "examples" / "deploy"
NGINX = next((path for path in ("/usr/sbin/nginx", "/usr/bin/nginx") if os.path.exists(path)), None)


def manifests() -> list[dict[str, Any]]:
    """Return what kubernetes.yaml holds."""
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


def container() -> dict[str, Any]:
    """Return the container of its deployment."""
    found: dict[str, Any] = manifests()[0]["spec"]["template"]["spec"]["containers"][0]
    return found


def port_of(probe: dict[str, Any]) -> int:
    """Return the number of the port that a probe names."""
    numbers = {port["name"]: port["containerPort"] for port in container()["ports"]}
    number: int = numbers[probe["httpGet"]["port"]]
    return number


@pytest.mark.parametrize("manifest", manifests(), ids=lambda one: one["kind"])
@pytest.mark.parametrize("version", ["1.29", "1.34"])
def test_manifests_follow_the_schema_of_kubernetes(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_schema_would_see_a_mistake() -> None:
    wrong = manifests()[0]
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


def test_compose_file_follows_its_schema() -> None:
    done = subprocess.run(
        [
            Path(sys.executable).parent / "check-jsonschema",
            *("--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"),
        ],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_pod_has_time_to_finish() -> None:
    spec = manifests()[0]["spec"]["template"]["spec"]
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])

    assert spec["terminationGracePeriodSeconds"] > pause + 30.0


@pytest.mark.parametrize(
    "command", [container()["args"], rehearse.command_of("CMD")], ids=["kubernetes", "Docker"]
)
def test_commands_of_containers_are_understood(command: list[str]) -> None:
    program, word, *options = command
    assert (program, word) == ("fastfork", "serve")

    check = [sys.executable, "-m", "fastfork", "config", "check", *options]
    done = subprocess.run(check, cwd=ROOT / "examples", capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_image_does_not_run_as_root() -> None:
    words = [step.word for step in rehearse.steps()]

    assert words.index("USER") < words.index("CMD")
    assert rehearse.steps()[words.index("USER")].rest not in {"root", "0"}


@pytest.mark.slow
def test_probes_and_health_check_are_answered(serve: Serve) -> None:
    admin = free_port()
    serve("examples.hello:app", "--chdir", str(ROOT), "--admin", f"127.0.0.1:{admin}")
    probes = [container()[kind] for kind in ("startupProbe", "readinessProbe", "livenessProbe")]
    (*health,) = (word.replace("9000", str(admin)) for word in rehearse.command_of("HEALTHCHECK"))

    assert {port_of(probe) for probe in probes} == {9000}
    for probe in probes:
        with urlopen(f"http://127.0.0.1:{admin}{probe['httpGet']['path']}", timeout=10) as answer:
            assert answer.status == 200
    assert subprocess.run([sys.executable, *health[1:]]).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(NGINX is None, reason="no nginx here (Debian: nginx-light)")
def test_nginx_in_front_passes_on_who_asks(
    serve: Serve, sessions: Sessions, tmp_path: Path
) -> None:
    site = serve("examples.django_site:app", "--chdir", str(ROOT))
    with nginx(sessions, tmp_path, site.port) as front:
        client = HTTPConnection("127.0.0.1", front, timeout=10, source_address=("127.0.0.2", 0))

        client.request("GET", "/visitor", headers={"X-Forwarded-For": "8.8.8.8"})
        said = client.getresponse().read()
        client.close()

    assert said == b'{"address": "127.0.0.2", "secure": false}'


@pytest.mark.slow
@pytest.mark.skipif(NGINX is None, reason="no nginx here (Debian: nginx-light)")
def test_nginx_in_front_passes_on_websockets(
    serve: Serve, sessions: Sessions, tmp_path: Path
) -> None:
    chat = serve("examples.chat:app", "--chdir", str(ROOT))
    with (
        nginx(sessions, tmp_path, chat.port) as front,
        connect(f"ws://127.0.0.1:{front}/socket", open_timeout=10) as socket,
    ):
        socket.send("hello")
        assert socket.recv(10) == "0: hello"


@contextmanager
def nginx(sessions: Sessions, folder: Path, behind: int) -> Iterator[int]:
    """Run nginx as nginx.conf says, but for its ports; give the one it listens on."""
    front = free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    for told, now in {
        "127.0.0.1:8000": f"127.0.0.1:{behind}",
        "listen 8080": f"listen {front}",
    }.items():
        assert told in text
        text = text.replace(told, now)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    text = text.replace("http {\n", f"http {{\naccess_log off;\n{places}", 1)
    (folder / "nginx.conf").write_text(f"daemon off; pid {folder}/nginx.pid;\n" + text)
    assert NGINX is not None
    process = sessions.start(
        [NGINX, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")],
        cwd=folder,
        log=folder / "nginx.log",
    )
    wait_until(lambda: process.poll() is not None or _answers(front))
    assert process.poll() is None, (folder / "nginx.log").read_text()
    yield front
    process.terminate()  # it keeps connections to the server
    assert process.wait(10) == 0


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True


@pytest.mark.long
def test_steps_of_the_dockerfile_make_a_server_in_an_empty_environment(
    sessions: Sessions, tmp_path: Path
) -> None:
    port, admin = free_port(), free_port()
    command = [sys.executable, "-m", "examples.deploy.rehearse", str(tmp_path / "opt")]
    log = tmp_path / "log"
    (tmp_path / "opt").mkdir()

    process = sessions.start([*command, f"8000={port}", f"9000={admin}"], cwd=ROOT, log=log)
    wait_until(lambda: "Listening at" in log.read_text() or process.poll() is not None, within=600)

    assert process.poll() is None, log.read_text()
    with urlopen(f"http://127.0.0.1:{port}", timeout=10) as answer:
        assert answer.read().startswith(b"Response from worker")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
