"""From "module:attribute" to a callable, or to one clear message."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastfork.app import check, load
from fastfork.errors import AppImportError, AppNotFound
from fastfork.interface import CALLED, Handler, socket_handler

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Give a function that writes a module into a fresh current directory."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(path: str, text: str) -> None:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(text: str) -> str:
    """Return why *text* is not found."""
    with pytest.raises(AppNotFound) as caught:
        load(text)
    return str(caught.value)


def failure(text: str) -> str:
    """Return how the code behind *text* failed."""
    with pytest.raises(AppImportError) as caught:
        load(text)
    return str(caught.value)


def test_attribute_of_a_module_is_found(write: Write) -> None:
    write("shop_a.py", "def web(environ, start_response): return 'web'")

    assert load("shop_a:web").call({}, None) == "web"


def test_attribute_of_a_submodule_is_found(write: Write) -> None:
    write("shop_b/__init__.py", "")
    write("shop_b/wsgi.py", "def web(environ, start_response): return 'sub'")

    assert load("shop_b.wsgi:web").call({}, None) == "sub"


def test_dotted_attribute_is_found(write: Write) -> None:
    write("shop_c.py", "class site:\n    web = staticmethod(lambda e, s: 'dotted')")

    assert load("shop_c:site.web").call({}, None) == "dotted"


def test_module_alone_means_application_before_app(write: Write) -> None:
    write("shop_d.py", "def app(e, s): return 'app'\ndef application(e, s): return 'application'")

    assert load("shop_d").call({}, None) == "application"


def test_module_alone_means_app_if_there_is_no_application(write: Write) -> None:
    write("shop_e.py", "def app(e, s): return 'app'")

    assert load("shop_e").call({}, None) == "app"


def test_factory_is_called_with_literal_arguments(write: Write) -> None:
    write("shop_f.py", "def make(name, *, debug): return lambda e, s: (name, debug)")

    assert load("shop_f:make('prod', debug=True)").call({}, None) == ("prod", True)


def test_current_directory_is_imported_from_first(write: Write, tmp_path: Path) -> None:
    write("shop_g.py", "def app(e, s): pass")

    load("shop_g")

    assert sys.path[0] == str(tmp_path)


def test_missing_module_is_told_with_where_it_was_looked_for(write: Write, tmp_path: Path) -> None:
    assert refusal("nosuchshop:app").startswith(
        f"there is no module 'nosuchshop' (looked in {tmp_path} and on sys.path)"
    )


def test_misspelt_module_gets_a_proposal(write: Write) -> None:
    write("bookshop.py", "")

    assert refusal("bokshop:app").endswith("did you mean 'bookshop'?")


def test_missing_submodule_is_named_whole(write: Write) -> None:
    write("shop_h/__init__.py", "")

    assert "no module 'shop_h.wsgi'" in refusal("shop_h.wsgi:app")


def test_misspelt_module_of_a_package_gets_a_proposal(write: Write, tmp_path: Path) -> None:
    (tmp_path / "mall").mkdir()
    write("mall/bookshop.py", "")

    assert refusal("mall.bokshop:app").endswith("did you mean 'mall.bookshop'?")
    assert refusal("mal.bookshop:app").endswith("did you mean 'mall'?")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("shop_i.py", "shop_i"),
        ("shop_i.py:app", "shop_i:app"),
        ("sub/shop_i.py:app", "sub.shop_i:app"),
        ("./shop_i.py:app", "shop_i:app"),
    ],
)
def test_path_of_a_file_gets_the_module_as_a_proposal(write: Write, given: str, meant: str) -> None:
    write("shop_i.py", "def app(e, s): pass")

    assert refusal(given).endswith(f"did you mean {meant!r}?")


def test_missing_attribute_gets_close_names(write: Write) -> None:
    write("shop_j.py", "def application(e, s): pass\ndef other(): pass")

    assert refusal("shop_j:aplication") == (
        "'shop_j' has no attribute 'aplication'; did you mean 'application'?"
    )


def test_missing_attribute_gets_a_list_if_nothing_is_close(write: Write) -> None:
    write("shop_k.py", "def zebra(): pass\ndef yak(): pass\nnumber = 1\ndef _hidden(): pass")

    assert refusal("shop_k:app").endswith("it has: yak, zebra")


def test_module_without_a_default_name_says_what_it_has(write: Write) -> None:
    write("shop_l.py", "def site(e, s): pass")

    assert refusal("shop_l") == (
        "module 'shop_l' has neither 'application' nor 'app'; it has: site"
    )


def test_object_that_cannot_be_called_is_refused(write: Write) -> None:
    write("shop_m.py", "app = {}")

    assert refusal("shop_m:app") == "'shop_m:app' is not an application: a dict can't be called"


def test_factory_that_nobody_calls_is_refused(write: Write) -> None:
    write("shop_z.py", "def create_app(): return lambda e, s: []\nnumber = 1")

    assert refusal("shop_z:create_app") == (
        "'shop_z:create_app' takes no arguments, so it is no application; if it makes one, call it:"
        " 'shop_z:create_app()'"
    )
    assert refusal("shop_z:number").endswith("an int can't be called")


@pytest.mark.parametrize("expression", ["make(name)", "make(", "make(*[1])", "make()()", "1+(2)"])
def test_factory_call_that_is_not_literal_is_refused(write: Write, expression: str) -> None:
    write("shop_n.py", "def make(*args): return lambda e, s: None")

    assert refusal(f"shop_n:{expression}")


@pytest.mark.parametrize("text", [":app", "shop_o:", ""])
def test_half_a_name_is_refused(write: Write, text: str) -> None:
    assert "does not name an application" in refusal(text)


def test_exception_at_import_is_told_with_the_users_frames_only(write: Write) -> None:
    write("shop_p.py", "def boil():\n    raise RuntimeError('too hot')\nboil()")

    told = failure("shop_p:app")

    assert told.startswith("importing 'shop_p' failed:\nTraceback (most recent call last):\n")
    assert told.endswith("RuntimeError: too hot")
    assert told.count("  File ") == 2
    assert "importlib" not in told


def test_missing_import_inside_the_module_is_the_users_failure(write: Write) -> None:
    write("shop_q.py", "import nosuchlibrary")

    told = failure("shop_q:app")

    assert told.endswith("ModuleNotFoundError: No module named 'nosuchlibrary'")
    assert told.count("  File ") == 1


def test_syntax_error_is_told_with_file_and_line(write: Write) -> None:
    write("shop_r.py", "x = 1\nif x\n")

    told = failure("shop_r:app")

    assert "shop_r.py" in told
    assert "line 2" in told
    assert "SyntaxError" in told


def test_exit_at_import_is_a_failure_not_an_exit(write: Write) -> None:
    write("shop_s.py", "import sys\nsys.exit(2)")

    assert "it called sys.exit(2)" in failure("shop_s:app")


def test_exception_in_the_factory_is_the_users_failure(write: Write) -> None:
    write("shop_t.py", "def make(): raise KeyError('DATABASE_URL')")

    told = failure("shop_t:make()")

    assert told.startswith("calling 'make()' failed:\n")
    assert told.endswith("KeyError: 'DATABASE_URL'")


async def coroutine_application(scope: Any, receive: Any, send: Any) -> None:
    """Look like an ASGI application."""


class AsyncInstance:
    """Looks like Starlette."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Do nothing."""


class AsyncHeir(AsyncInstance):
    """Looks like FastAPI."""


@pytest.mark.parametrize(
    "found", [coroutine_application, AsyncInstance(), AsyncHeir(), AsyncInstance().__call__]
)
def test_asynchronous_application_is_asgi(found: Any) -> None:
    assert check(found, name="web") == Handler(found, "asgi")


async def either(*args: Any) -> None:
    """Look like an ASGI application, and like a stream handler."""


def test_an_ambiguous_handler_is_refused_with_both_names() -> None:
    with pytest.raises(AppNotFound) as caught:
        check(either, name="web")

    assert str(caught.value) == (
        "'web' can be a stream handler, async handler(reader, writer) or an ASGI application, async"
        " app(scope, receive, send); say which with --interface stream|asgi"
    )


def test_who_says_the_interface_ends_the_doubt() -> None:
    assert check(either, name="web", interface="stream").interface == "stream"


class Echo(asyncio.Protocol):
    """Looks like a class that PEP 3333 would allow."""


def test_a_protocol_is_not_taken_for_an_application() -> None:
    assert check(Echo, name="web") == Handler(Echo, "protocol")


@socket_handler
def blocking(sock: Any, address: Any) -> None:
    """Take two arguments, as a WSGI application does."""


def test_a_marked_function_is_a_socket_handler() -> None:
    assert check(blocking, name="web") == Handler(blocking, "socket")


class Iterating:
    """A WSGI application that is a class, as PEP 3333 allows."""

    def __init__(self, environ: Any, start_response: Any) -> None:
        """Take what a WSGI application gets."""


def plain(*args: Any) -> Any:
    """May return anything, an awaitable too."""


@pytest.mark.parametrize("interface", [*CALLED])
def test_a_plain_function_is_taken_for_what_is_said(interface: str) -> None:
    assert check(plain, name="web", interface=interface) == Handler(plain, interface)


async def with_four(a: Any, b: Any, c: Any, d: Any) -> None:
    """Look like nothing we know."""


@pytest.mark.parametrize(
    ("found", "interface"),
    [
        (coroutine_application, "wsgi"),
        (coroutine_application, "stream"),
        (AsyncInstance(), "socket"),
        (Echo, "asgi"),
        (Iterating, "protocol"),
        (blocking, "wsgi"),
        (with_four, "asgi"),
    ],
)
def test_what_is_said_must_not_contradict_what_is_seen(found: Any, interface: str) -> None:
    with pytest.raises(AppNotFound, match=f"looks like .*leave out --interface {interface}"):
        check(found, name="web", interface=interface)


def test_an_asynchronous_function_of_no_interface_is_refused() -> None:
    with pytest.raises(AppNotFound, match="'web' is asynchronous, but takes neither"):
        check(with_four, name="web")


class Double:
    """An application of ASGI 2."""

    def __init__(self, scope: Any) -> None:
        """Keep *scope*."""
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        """Give back what was received, with the scope."""
        await send((self.scope, await receive()))


def twice(scope: Any) -> Any:
    """Return what is called with the channels."""
    return Double(scope)


@pytest.mark.parametrize(("found", "interface"), [(Double, "auto"), (twice, "asgi")])
def test_double_callable_of_asgi_2_is_called_as_asgi_3_is(found: Any, interface: str) -> None:
    sent: list[Any] = []

    async def receive() -> str:
        return "received"

    async def send(message: Any) -> None:
        sent.append(message)

    handler = check(found, name="web", interface=interface)
    asyncio.run(handler.call({"type": "http"}, receive, send))

    assert (sent, handler.interface) == ([({"type": "http"}, "received")], "asgi")


@pytest.mark.parametrize("found", [twice, lambda settings=None: None])
def test_function_of_one_argument_is_refused_with_what_it_may_be(found: Any) -> None:
    with pytest.raises(AppNotFound) as caught:
        check(found, name="web:make")

    assert str(caught.value) == (
        "'web:make' takes one argument, and no application of WSGI or ASGI 3 does; if it is one of ASGI 2,"
        " say so with --interface asgi; if it makes an application, call it: 'web:make(...)'"
    )


@pytest.mark.parametrize("found", [len, Iterating, lambda e, s: None])
def test_any_other_callable_is_taken(found: Any) -> None:
    assert check(found, name="web") == Handler(found, "wsgi")
