"""An application that can't be imported while a certain file exists."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

if Path(os.environ["BROKEN"]).exists():
    raise RuntimeError("the file is there")
app = import_module("process").app
