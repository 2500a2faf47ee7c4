# SPDX-License-Identifier: Apache-2.0
"""`attack.json`, read from JSON into the vocabulary: steps, seeds, slots, tools and families of mutator chains.

The parameters of a mutator are read by the mutator itself, so that a bundle with a wrong one is no bundle.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from safeconduct.domain.bundle import (
    AttackScript,
    Family,
    Mutator,
    MutatorName,
    ParamValue,
    Seed,
    SeedPart,
    Slot,
    Speaker,
    Step,
)
from safeconduct.domain.safe_json import Json
from safeconduct.domain.script import Carry, ParameterKind, Tool, ToolParameter
from safeconduct.errors import IncompleteError
from safeconduct.verification.bundle.reading import MAX_CHECKS, MAX_PATTERN, MAX_TEXT, TOOL_NAME, read_check
from safeconduct.verification.chains import CONTAINERS, PARAMETERS
from safeconduct.verification.fields import Fields, Form

MAX_SEEDS: Final = 20_000
MAX_FAMILIES: Final = 100
MAX_CHAINS: Final = 100
MAX_CHAIN: Final = 8
MAX_STEPS: Final = 50
MAX_SLOTS: Final = 50
MAX_SLOT_VALUES: Final = 2_000
MAX_TOOLS: Final = 50
MAX_ARGUMENTS: Final = 50
VARIABLE: Final = Form(pattern="^[a-z][a-z0-9_]*$", wanted="a small letter, then small letters, digits and _")
COMMITMENT: Final = Form(pattern="^([0-9a-f]{64})?$", wanted="a SHA-256 in hexadecimal digits, or empty")


def read_attack(fields: Fields) -> AttackScript:
    """Return what `attack.json` says."""
    return AttackScript(
        steps=fields.each("steps", _step, most=MAX_STEPS),
        seeds=fields.each("seeds", _seed, most=MAX_SEEDS),
        families=fields.each("families", _family, most=MAX_FAMILIES),
        slots=fields.each("slots", _slot, most=MAX_SLOTS, default=True),
        tools=fields.each("tools", _tool, most=MAX_TOOLS, default=True),
        commitment=fields.text("commitment", "", limit=64, form=COMMITMENT),
    )


def _step(fields: Fields) -> Step:
    """Return one turn of the script."""
    return Step(
        role=fields.choice("role", Speaker),
        template=fields.text("template", limit=MAX_TEXT),
        tool=fields.text("tool", "", limit=64, form=TOOL_NAME),
        arguments=fields.table("arguments", most=MAX_ARGUMENTS, limit=MAX_TEXT),
        document=fields.text("document", "", limit=MAX_TEXT),
        expect=fields.each("expect", read_check, most=MAX_CHECKS, default=True),
        carry=fields.each("carry", _carry, most=MAX_SLOTS, default=True),
    )


def _carry(fields: Fields) -> Carry:
    """Return one variable that a reply gives."""
    return Carry(
        name=fields.text("name", limit=50, form=VARIABLE),
        pattern=fields.text("pattern", limit=MAX_PATTERN),
    )


def _tool(fields: Fields) -> Tool:
    """Return one tool on offer."""
    return Tool(
        name=fields.text("name", limit=64, form=TOOL_NAME),
        about=fields.text("about", "", limit=2_000),
        parameters=fields.each("parameters", _parameter, most=MAX_ARGUMENTS, default=True),
        result=fields.text("result", "", limit=MAX_TEXT),
    )


def _parameter(fields: Fields) -> ToolParameter:
    """Return one parameter of a tool."""
    return ToolParameter(
        name=fields.text("name", limit=64, form=TOOL_NAME),
        kind=fields.choice("kind", ParameterKind, ParameterKind.STRING),
        about=fields.text("about", "", limit=2_000),
        required=fields.flag("required", default=True),
    )


def _seed(fields: Fields) -> Seed:
    """Return one seed."""
    return Seed(
        id=fields.name("id"),
        text=fields.text("text", limit=MAX_TEXT),
        part=fields.choice("part", SeedPart, SeedPart.DISCLOSED),
    )


def _slot(fields: Fields) -> Slot:
    """Return one slot and its values."""
    return Slot(
        name=fields.text("name", limit=50, form=VARIABLE),
        values=fields.texts("values", most=MAX_SLOT_VALUES, limit=MAX_TEXT),
    )


def _family(fields: Fields) -> Family:
    """Return one family of mutator chains."""
    return Family(
        name=fields.name("name", limit=100),
        chains=fields.each("chains", _chain, most=MAX_CHAINS),
        about=fields.text("about", "", limit=2_000),
        seeds=fields.texts("seeds", most=MAX_SEEDS, default=True, limit=200),
    )


def _chain(fields: Fields) -> tuple[Mutator, ...]:
    """Return one chain: mutators applied from left to right."""
    return fields.each("mutators", read_mutator, most=MAX_CHAIN)


def read_mutator(fields: Fields) -> Mutator:
    """Return one mutator, told apart by its `name`, with its parameters.

    Raises:
        UnknownValueError: no mutator of ours has this name.
    """
    return fields.tagged("name", _MUTATORS)


def _named(fields: Fields, *, name: MutatorName) -> Mutator:
    """Return the mutator of this name."""
    inner = fields.each("inner", read_mutator, most=MAX_CHAIN, least=1) if name in CONTAINERS else ()
    read = partial(_params, name=name)
    return Mutator(
        name=name,
        params=fields.one("params", read) if _needs_params(name) else fields.one("params", read, {}),
        version=fields.whole("version", 1, least=1, most=1),
        inner=inner,
    )


def _needs_params(name: MutatorName) -> bool:
    """Say whether the mutator has a parameter without a default."""
    try:
        PARAMETERS[name](Fields.of({}, at=name.value))
    except IncompleteError:
        return True
    return False


def _params(fields: Fields, *, name: MutatorName) -> Mapping[str, ParamValue]:
    """Return the parameters of a mutator after the mutator has looked at them."""
    PARAMETERS[name](fields)
    return {key: _param(value) for key, value in fields.values.items() if value is not None}


def _param(value: Json) -> ParamValue:
    """Return one parameter, whose kind its mutator has checked already."""
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    if isinstance(value, dict):
        return {str(key): str(item) for key, item in value.items()}
    return value if value is not None else ""  # Null was left out before; this tells it to the types.


_MUTATORS: Final[Mapping[str, Callable[[Fields], Mutator]]] = {
    name.value: partial(_named, name=name) for name in MutatorName
}
