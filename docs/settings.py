"""Write the table of settings into README.md, from the table that the server itself reads: make docs."""

from __future__ import annotations

from pathlib import Path

from fastfork.settings import Setting, table

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- settings: written by make docs -->\n", "<!-- end of settings -->\n"


def refresh(text: str) -> str:
    """Return *text* with a fresh table between the marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    assert end, "README.md has lost its marks"
    rows = [_row(setting) for setting in table() if setting.name != "app"]
    return "".join([head, begin, "| option | default | |\n|---|---|---|\n", *rows, end, tail])


def _row(setting: Setting) -> str:
    *others, last = setting.flags
    if not setting.is_switch:
        last = f"{last} {setting.metavar}"
    elif not last.startswith("--no-"):
        last = last.replace("--", "--[no-]")
    flags = ", ".join(f"`{flag}`" for flag in [*others, last])
    told = setting.description
    if setting.env is not None:
        variable, template = setting.env
        target = f", as `{template.format('$' + variable)}`" if template != "{}" else ""
        told += f" (environment: `{variable}`{target})"
    cells = [flags, _default(setting), told]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def _default(setting: Setting) -> str:
    values = setting.default if setting.is_repeatable else [setting.default]
    return ", ".join(
        f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
        for value in values
        if value is not None
    )


if __name__ == "__main__":
    README.write_text(refresh(README.read_text()))
