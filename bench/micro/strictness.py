"""What does it cost that requests are read strictly?

lenient.c reads the same heads beside the parser and only looks for their delimiters: no octet of a method,
target, version, name, value or host is judged. It finds the same, so what the parser has more is what
strictness costs; here as a share of a whole hello on a kept connection, the interpreter's work included.
Counted by valgrind (callgrind), so the figure is the same in every run.
"""

from __future__ import annotations

import argparse

import counts
import instructions

KINDS = ("a hello head", "the same, leniently", "a browser's head", "the same of it, leniently")
"""The kinds of lenient.c in their order."""


def main() -> None:
    """Print both heads, and the share of a hello."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    try:
        found = counts.by_callgrind("lenient", KINDS)
    except counts.Missing as why:
        parser.error(str(why))
    for kind, figure in found.items():
        print(f"{kind:28}{figure:9.0f} instructions", flush=True)
    strict, lenient = (found[kind] for kind in KINDS[:2])
    _, hello = instructions.each(instructions.ask_kept)
    print(f"{'a whole hello':28}{hello:9.0f} instructions")
    print(f"strictness is {(strict - lenient) / hello:.1%} of it")


if __name__ == "__main__":
    main()
