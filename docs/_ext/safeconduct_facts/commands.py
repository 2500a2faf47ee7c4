# SPDX-License-Identifier: Apache-2.0
"""The command line: every command of the Typer application with its arguments and options, as `--help` says them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from typer.main import get_command

from safeconduct.cli.main import app
from safeconduct_facts.markdown import cell, code, paragraphs, section, table

ROOT = "safeconduct"
_WORDS: Mapping[type, str] = {Path: "PATH", str: "TEXT", int: "NUMBER", float: "NUMBER", datetime: "TIME"}


def commands() -> Iterator[tuple[str, Any]]:
    """Yield the full name and the object of every command and group, in the order of the help."""
    yield from _below(ROOT, get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for child, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _below(f"{name} {child}", inner)


def reference() -> str:
    """Return a section for every command."""
    return "\n".join(_section(name, command) for name, command in commands())


def _section(name: str, command: Any) -> str:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    rows = [(_signature(parameter), _meaning(parameter)) for parameter in shown]
    parts = [section(2, code(name), anchor=anchor(name)), paragraphs(command.help or ""), ""]
    children = [(child, inner) for child, inner in getattr(command, "commands", {}).items() if not inner.hidden]
    if children:
        lines = [
            (f"[{code(f'{name} {child}')}](#{anchor(f'{name} {child}')})", cell(inner.get_short_help_str(200)))
            for child, inner in children
        ]
        parts.append(table(("command", "does"), lines))
    if rows:
        parts.append(table(("argument or option", "meaning"), rows))
    return "\n".join(parts)


def anchor(name: str) -> str:
    """Return the anchor of a command's section."""
    return "command-" + name.replace(" ", "-")


def _signature(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(parameter.metavar or parameter.name.upper())
    names = ", ".join(code(name) for name in [*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {code(parameter.metavar or _takes(parameter))}"


def _takes(parameter: Any) -> str:
    """Return what an option takes, in one word or as its choices."""
    hint = parameter.type_descriptor.annotation
    named = [argument for argument in (hint, *get_args(hint)) if isinstance(argument, type)]
    for kind in named:
        if issubclass(kind, Enum):
            return "|".join(str(value.value) for value in kind)
        if kind in _WORDS:
            return _WORDS[kind]
    return "VALUE"


def _meaning(parameter: Any) -> str:
    text = cell(parameter.help or "")
    default = parameter.default
    shown = not (default is None or default in (False, "", (), []) or callable(default))
    required = " Required." if parameter.required and parameter.param_type_name == "option" else ""
    return text + required + (f" Default: {code(getattr(default, 'value', default))}." if shown else "")
