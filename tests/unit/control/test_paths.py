"""Where control sockets stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastfork.control.paths import clean, folders, name_of, prepare, sockets


@pytest.mark.parametrize(
    ("environ", "uid", "first"),
    [
        ({"XDG_RUNTIME_DIR": "/run/user/7"}, 7, "/run/user/7/fastfork"),
        ({}, 0, "/run/fastfork"),
        ({"XDG_RUNTIME_DIR": "/x"}, 0, "/x/fastfork"),
    ],
)
def test_folder_is_where_the_system_wants_it(environ: dict[str, str], uid: int, first: str) -> None:
    assert folders(environ, uid=uid)[0] == Path(first)


def test_last_folder_is_one_of_the_users_own() -> None:
    assert folders({}, uid=7)[-1].name == "fastfork-7"


@pytest.mark.parametrize(
    ("app", "url", "name"),
    [
        ("shop:app", "http://127.0.0.1:8000", "shop-app-8000"),
        ("shop.wsgi", "http://[::1]:80", "shop.wsgi-80"),
        ("shop:create('x')", "unix:/run/shop.sock", "shop-create-x-shop.sock"),
        ("shop:app", "unix:@shop", "shop-app-shop"),
    ],
)
def test_server_is_called_after_its_application_and_place(app: str, url: str, name: str) -> None:
    assert name_of(app, url) == name


@pytest.mark.parametrize(("name", "told"), [("../../etc", "etc"), ("", "server"), ("a b", "a-b")])
def test_name_cannot_leave_the_folder(name: str, told: str) -> None:
    assert clean(name) == told


def test_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    prepare(tmp_path / "made")

    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)

    with pytest.raises(PermissionError, match="others may write"):
        prepare(tmp_path)


def test_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")

    with pytest.raises(PermissionError):
        prepare(tmp_path / "link")


def test_sockets_of_all_folders_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "fastfork"
    folder.mkdir(mode=0o700)
    (folder / "b.sock").touch()
    (folder / "a.sock").touch()
    (folder / "other").touch()

    found = sockets({"XDG_RUNTIME_DIR": str(tmp_path)}, uid=folder.stat().st_uid)

    assert found[:2] == [folder / "a.sock", folder / "b.sock"]
