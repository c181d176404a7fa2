"""From "module:attribute" to a callable, and from what can go wrong there to one clear message.

Three outcomes are told apart because their remedies differ: there is no such thing (AppNotFound), the
user's own code failed (AppImportError, with the traceback of that code and nothing of ours), or it is
something that this version can't serve (AppNotFound again).
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from fastfork.errors import AppImportError, AppNotFound
from fastfork.interface import (
    CALLED,
    Handler,
    candidates,
    is_double_callable,
    may_be,
    single_callable,
    takes_at_most,
)

if TYPE_CHECKING:
    from types import ModuleType, TracebackType

_DEFAULT_NAMES = ("application", "app")


def load(text: str, *, interface: str = "auto") -> Handler:
    """Import the application that *text* names, from the current directory first.

    *interface* is a key of `CALLED`, or auto: what it looks like. Raises AppNotFound or AppImportError.
    """
    put_on_path(os.getcwd())
    module_name, _, expression = text.partition(":")
    if not module_name or (":" in text and not expression):
        raise AppNotFound(f"{text!r} does not name an application; write it as module:attribute")
    module = _import(module_name, text=text)
    if not expression:
        return check(_default(module), name=module_name, interface=interface)
    if "(" in expression:
        return check(_call_factory(module, expression), name=text, interface=interface)
    return check(_attribute(module, expression), name=text, interface=interface)


def check(found: Any, *, name: str, interface: str = "auto") -> Handler:
    """Return *found* with its interface; raise AppNotFound saying why if it can't be served."""
    if not callable(found):
        kind = type(found).__name__
        article = "an" if kind[0] in "aeiou" else "a"
        raise AppNotFound(f"{name!r} is not an application: {article} {kind} can't be called")
    if interface == "auto":
        interface = _told_apart(found, name=name)
    elif not may_be(found, interface):
        raise AppNotFound(
            f"{name!r} is not {CALLED[interface]}: it looks like {_looks(found)}; leave out"
            f" --interface {interface}"
        )
    if interface == "asgi" and (is_double_callable(found) or takes_at_most(found) == 1):
        found = single_callable(found)
    return Handler(found, interface)


def _told_apart(found: Any, *, name: str) -> str:
    kinds = candidates(found)
    if kinds == ("wsgi",) and takes_at_most(found) == 0:
        raise AppNotFound(
            f"{name!r} takes no arguments, so it is no application; if it makes one, call it: '{name}()'"
        )
    if kinds == ("wsgi",) and takes_at_most(found) == 1:
        raise AppNotFound(
            f"{name!r} takes one argument, and no application of WSGI or ASGI 3 does; if it is one of ASGI 2,"
            f" say so with --interface asgi; if it makes an application, call it: '{name}(...)'"
        )
    if len(kinds) == 1:
        return kinds[0]
    if not kinds:
        raise AppNotFound(f"{name!r} is {_looks(found)}")
    raise AppNotFound(
        f"{name!r} can be {_looks(found)}; say which with --interface {'|'.join(kinds)}"
    )


def _looks(found: Any) -> str:
    kinds = " or ".join(CALLED[kind] for kind in candidates(found))
    return kinds or "asynchronous, but takes neither two arguments nor three, or yields"


def put_on_path(directory: str) -> None:
    """Make *directory* the first place to import from."""
    if not sys.path or sys.path[0] != directory:
        sys.path.insert(0, directory)


def _import(name: str, *, text: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise AppNotFound(_missing_module(name, missing=error.name, text=text)) from None
        raise failed(f"importing {name!r}", error) from None
    except (ImportError, TypeError, ValueError) as error:
        if not all(part.isidentifier() for part in name.split(".")):
            raise AppNotFound(_missing_module(name, missing=name, text=text)) from None
        raise failed(f"importing {name!r}", error) from None
    except (Exception, SystemExit) as error:
        raise failed(f"importing {name!r}", error) from None


def _missing_module(name: str, *, missing: str, text: str) -> str:
    said = f"there is no module {missing!r} (looked in {os.getcwd()} and on sys.path)"
    path = name.removesuffix(".py") if name.endswith(".py") else name
    if path != name or "/" in name:
        dotted = os.path.normpath(path).strip("/.").replace("/", ".")
        return f"{said}; did you mean {text.replace(name, dotted, 1)!r}?"
    package, _, last = missing.rpartition(".")
    folder = package.replace(".", "/") or "."
    known = _modules_in(folder) if os.path.isdir(folder) else []
    close = [f"{package}.{one}".strip(".") for one in _close(last, known)]
    return f"{said}; did you mean {' or '.join(map(repr, close))}?" if close else said


def _modules_in(folder: str) -> list[str]:
    entries = os.listdir(folder)
    files = [entry[:-3] for entry in entries if entry.endswith(".py")]
    return files + [
        entry for entry in entries if entry.isidentifier() and os.path.isdir(f"{folder}/{entry}")
    ]


def _default(module: ModuleType) -> Any:
    for name in _DEFAULT_NAMES:
        if hasattr(module, name):
            return getattr(module, name)
    raise AppNotFound(
        f"module {module.__name__!r} has neither 'application' nor 'app'; {_offer(module, '')}"
    )


def _attribute(module: ModuleType, dotted: str) -> Any:
    if not all(part.isidentifier() for part in dotted.split(".")):
        raise AppNotFound(f"{dotted!r} is neither a name nor a call with literal arguments")
    found: Any = module
    for part in dotted.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            owner = found.__name__ if found is module else type(found).__name__
            message = f"{owner!r} has no attribute {part!r}; {_offer(found, part)}"
            raise AppNotFound(message) from None
        except Exception as error:
            raise failed(f"reading {dotted!r}", error) from None
    return found


def _call_factory(module: ModuleType, expression: str) -> Any:
    import ast

    wrong = (
        f"{expression!r} is not a call with literal arguments, as in create_app('prod', debug=True)"
    )
    try:
        call = ast.parse(expression.strip(), mode="eval").body
        if not isinstance(call, ast.Call):
            raise AppNotFound(wrong)
        args = [ast.literal_eval(arg) for arg in call.args]
        keywords = {str(kw.arg): ast.literal_eval(kw.value) for kw in call.keywords if kw.arg}
    except (SyntaxError, ValueError):
        raise AppNotFound(wrong) from None
    if len(keywords) != len(call.keywords):
        raise AppNotFound(wrong)
    factory = _attribute(module, ast.unparse(call.func))
    if not callable(factory):
        raise AppNotFound(f"{ast.unparse(call.func)!r} can't be called: it is no factory")
    try:
        return factory(*args, **keywords)
    except (Exception, SystemExit) as error:
        raise failed(f"calling {expression!r}", error) from None


def _offer(owner: Any, wanted: str) -> str:
    names = (
        [
            name
            for name, value in vars(owner).items()
            if not name.startswith("_") and callable(value)
        ]
        if hasattr(owner, "__dict__")
        else []
    )
    if not names:
        return "it has nothing that can be called"
    close = _close(wanted, names)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"it has: {', '.join(sorted(names)[:20])}"


def _close(wanted: str, names: list[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(wanted, names, n=2)


def failed(doing: str, error: BaseException) -> AppImportError:
    """Return the error for what the application's own code raised at the start."""
    from traceback import format_exception

    told = "".join(format_exception(type(error), error, users_frames(error.__traceback__))).rstrip()
    if isinstance(error, SystemExit):
        return AppImportError(
            f"{doing} ended the process: it called sys.exit({error.code!r})\n{told}"
        )
    return AppImportError(f"{doing} failed:\n{told}")


def users_frames(frames: TracebackType | None) -> TracebackType | None:
    """Return *frames* from the first one on that is neither ours nor the import system's."""
    while frames is not None:
        module = str(frames.tb_frame.f_globals.get("__name__"))
        if not module.startswith(("fastfork.", "importlib")):
            return frames
        frames = frames.tb_next
    return None
