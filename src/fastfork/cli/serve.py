"""`fastfork serve`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastfork.cli.command import Command
from fastfork.cli.options import gather, parameters
from fastfork.config.legacy import LegacyHooks

if TYPE_CHECKING:
    from fastfork.settings import Settings


def _run(**given: Any) -> None:
    from fastfork.server import serve
    from fastfork.supervisor.upgrade import image_of

    image = image_of(os.environ)
    environ = dict(os.environ)
    config, notes, hooks = gather(given, environ)
    legacy = LegacyHooks()
    legacy.take(hooks)

    def read() -> Settings:
        config, _, hooks = gather(given, environ)
        legacy.take(hooks)
        return config.settings

    serve(config.settings, notes=notes, read=read, legacy=legacy, image=image)


serve: Command = Command(
    "serve",
    callback=_run,
    params=parameters(),
    short_help="Serve an application until a signal stops it.",
    help="Serve APP: pkg.mod:attr, pkg.mod (its application or app), or a factory as mod:create_app().",
)
