"""`python -m fastfork` is the `fastfork` command."""

from __future__ import annotations

from fastfork.cli import main

if __name__ == "__main__":
    main(prog_name="fastfork")
