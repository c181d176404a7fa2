"""The request that a worker must answer before it gets others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from fastfork.errors import AppImportError
from fastfork.worker import check

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def answering(status: str) -> Application:
    """Return an application that says where it was asked."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response(status, [])(b"written, ")
        return [f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]

    return app


def ask(call: Application, path: str = "/health", *, root_path: str = "") -> None:
    """Check an application."""
    check.ask_wsgi(call, path, server=("127.0.0.1", "80"), root_path=root_path)


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
def test_2xx_will_do(status: str) -> None:
    ask(answering(status))


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "503 Service Unavailable"])
def test_anything_else_will_not_and_is_shown(status: str) -> None:
    with pytest.raises(AppImportError) as failure:
        ask(answering(status), "/shop/health", root_path="/shop")

    told = f"the check of /shop/health was answered {status}\nwritten, /shop /health"
    assert str(failure.value) == told


def test_exception_is_told_with_its_traceback() -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise KeyError(environ["REQUEST_METHOD"])

    with pytest.raises(AppImportError, match=r"(?s)the check of /health failed:.*KeyError: 'GET'"):
        ask(app)


def test_content_is_closed() -> None:
    class Content:
        is_closed = False

        def __iter__(self) -> Any:
            return iter([b"whole"])

        def close(self) -> None:
            self.is_closed = True

    content = Content()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [], exc_info=None)
        return content

    ask(app)

    assert content.is_closed
