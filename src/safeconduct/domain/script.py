# SPDX-License-Identifier: Apache-2.0
"""What a scripted conversation can hold beside its words: tools, calls of tools, carried variables and code files.

Tools are spoken of as OpenAI-compatible chat interfaces do (a function with named parameters). A tool of a bundle is
never run: its result is words of the script, so that an agent can be led to a poisoned document (indirect injection)
without touching the world. A code file is the one thing in a bundle that is not data; it runs in the sandbox alone, and
only after a case handler has approved its digest.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from safeconduct.domain.safe_json import Json


class ParameterKind(StrEnum):
    """What a parameter of a tool takes."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolParameter:
    """One named parameter of a tool."""

    name: str
    kind: ParameterKind = ParameterKind.STRING
    about: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the target is offered. Whenever it calls the tool, it is given `result`.

    The result may hold `{{prompt}}`: then the variant reaches the target through the tool and not through the user.
    """

    name: str
    about: str = ""
    parameters: tuple[ToolParameter, ...] = ()
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool: made by the target, or put into its mouth by the script. `id` links it to its result."""

    tool: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """A variable taken from a reply: what the one group of the expression (RE2 syntax) captures.

    Later steps may hold it as `{{name}}`. A reply in which nothing is found ends the script there.
    """

    name: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled:
    """A hit when the target called the tool; each named argument must hold its regular expression (RE2 syntax)."""

    tool: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCheck:
    """A hit when the function `judge` of a code file says so."""

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFile:
    """A Python file of the bundle, by its name in the folder `code`. It is shown and named by its digest."""

    name: str
    text: str

    @property
    def size(self) -> int:
        """Return its length in bytes."""
        return len(self.text.encode())

    @property
    def sha256(self) -> str:
        """Return the digest that a case handler approves."""
        return hashlib.sha256(self.text.encode()).hexdigest()
