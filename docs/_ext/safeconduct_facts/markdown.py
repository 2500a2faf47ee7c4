# SPDX-License-Identifier: Apache-2.0
"""Markdown from values: cells, tables, anchors."""

from collections.abc import Iterable, Sequence


def cell(text: object) -> str:
    """Return text that stays inside one cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def code(text: object) -> str:
    """Return text as code, or nothing for nothing."""
    return f"`{cell(text)}`" if str(text) else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def section(level: int, title: str, *, anchor: str = "") -> str:
    """Return a heading, with an anchor of its own if one is named."""
    return (f"({anchor})=\n" if anchor else "") + "#" * level + f" {title}\n"


def first_sentence(docstring: str | None) -> str:
    """Return what a docstring says first."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())


def paragraphs(docstring: str | None) -> str:
    """Return a docstring as paragraphs, without the part that lists what is raised."""
    text = (docstring or "").partition("Raises:")[0]
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))
