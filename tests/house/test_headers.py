"""Contracts: a header says who runs it, whether it waits and what it owns; a binding has its stub."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADERS = sorted((ROOT / "ext" / "core").glob("*.h"))
BINDINGS = sorted((ROOT / "ext" / "bind").glob("*.pyx"))


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_header_opens_with_its_contract(header: Path) -> None:
    text = header.read_text()
    opening = text.partition("*/")[0]

    assert opening.startswith(f"/* {header.stem}: ")
    assert [word for word in ("Runs in:", "Blocks:", "Owns:") if word not in opening] == []


@pytest.mark.parametrize("binding", BINDINGS, ids=lambda path: path.name)
def test_binding_is_documented_by_a_stub(binding: Path) -> None:
    assert (ROOT / "src" / "fastfork" / "_native" / f"{binding.stem}.pyi").exists()
