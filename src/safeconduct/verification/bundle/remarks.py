# SPDX-License-Identifier: Apache-2.0
"""A remark on a bundle: how bad, where, what, and what to do. Its code is stable, so that programs can tell it apart.

An error means that the bundle cannot be run to a verdict; a warning means that the verdict would be worth less, or
that whoever handles the bundle should know something first.
"""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a remark is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One remark on a bundle. Foreign words in it are quoted and escaped; a secret is never repeated."""

    level: Level
    code: str
    at: str
    message: str
    hint: str = ""


def error(code: str, at: str, message: str, hint: str = "") -> Remark:
    """Return an error."""
    return Remark(level=Level.ERROR, code=code, at=at, message=message, hint=hint)


def warning(code: str, at: str, message: str, hint: str = "") -> Remark:
    """Return a warning."""
    return Remark(level=Level.WARNING, code=code, at=at, message=message, hint=hint)
