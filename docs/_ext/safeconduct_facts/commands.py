# SPDX-License-Identifier: Apache-2.0
"""The command line: every command of the Typer application with its arguments and options, as `--help` says them."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from safeconduct.cli.main import app
from safeconduct_facts.markdown import cell, code, paragraphs, section, table

ROOT = "safeconduct"


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
        return code(parameter.make_metavar() if _takes_nothing(parameter) else (parameter.name or "").upper())
    names = "`, `".join([*parameter.opts, *parameter.secondary_opts])
    takes = "" if getattr(parameter, "is_flag", False) else f" {(parameter.metavar or parameter.type.name).upper()}"
    return f"`{names}`" + (f"{cell(takes)}" if takes else "")


def _takes_nothing(parameter: Any) -> bool:
    return bool(parameter.metavar)


def _meaning(parameter: Any) -> str:
    text = cell(getattr(parameter, "help", None) or "")
    required = " Required." if parameter.required else ""
    default = parameter.default
    shown = not (default is None or default in (False, "", (), []) or callable(default))
    return text + required + (f" Default: {code(default)}." if shown and not parameter.required else "")
