# SPDX-License-Identifier: Apache-2.0
"""Does a script fit together: is the target asked, is the variant in it, is every variable carried before it is used?

Variables are carried from earlier replies into later steps only. So a circle, in which two steps each wait for what the
other carries, is always found here as a variable that is used too early.
"""

import re
from collections.abc import Iterator
from typing import Final

from safeconduct.domain.bundle import PROMPT_SLOT, Adapter, Bundle, Speaker, Step
from safeconduct.domain.safe_json import shown
from safeconduct.domain.script import CodeCheck, ToolCalled
from safeconduct.errors import MalformedError
from safeconduct.verification.bundle.remarks import Remark, error, warning
from safeconduct.verification.expressions import compile_expression
from safeconduct.verification.oracles import prepare_check
from safeconduct.verification.variants import PROMPT

_VARIABLE: Final = re.compile(r"\{\{([a-z][a-z0-9_]{0,49})\}\}")
_ANSWERED: Final = frozenset({Speaker.USER, Speaker.TOOL})
_GIVEN: Final = frozenset({Speaker.ASSISTANT, Speaker.TOOL})


def check_script(bundle: Bundle) -> Iterator[Remark]:
    """Look at the steps and the tools."""
    yield from _whole(bundle)
    steps = bundle.attack.steps
    carried: set[str] = set()
    for number, step in enumerate(steps, start=1):
        at = f"attack.json, step {number}"
        following = steps[number] if number < len(steps) else None
        is_answered = step.role in _ANSWERED and (following is None or following.role not in _GIVEN)
        yield from _fields(at, step, is_answered=is_answered)
        yield from _variables(at, step, carried, later={c.name for one in steps[number - 1 :] for c in one.carry})
        yield from _carries(at, step, carried, slots={slot.name for slot in bundle.attack.slots})
        yield from _expectations(at, step)
        carried |= {carry.name for carry in step.carry}
    yield from _tools(bundle)


def holds_prompt(step: Step) -> bool:
    """Say whether the variant reaches the target with this step."""
    is_spoken = step.role in _ANSWERED and PROMPT in step.template
    return is_spoken or (step.role is Speaker.USER and PROMPT in step.document)


def _whole(bundle: Bundle) -> Iterator[Remark]:
    """Look for the variant, for a step that is answered, and at whether the target can be told all of it."""
    attack, at = bundle.attack, "attack.json"
    if not any(holds_prompt(step) for step in attack.steps) and not any(PROMPT in tool.result for tool in attack.tools):
        message = f"no step, document or tool holds {PROMPT}"
        yield error("script.no-prompt", at, message, "add the step that carries the variant")
    if not attack.steps or attack.steps[-1].role not in _ANSWERED:
        message = "the script does not end with a step that the target answers"
        yield error("script.never-asked", at, message, "end it with a user's or a tool's step")
    uses_tools = attack.tools or any(step.role is Speaker.TOOL for step in attack.steps)
    if uses_tools and bundle.target.adapter is not Adapter.OPENAI_CHAT:
        message = f"a target of kind {bundle.target.adapter.value} takes no tools"
        yield error("script.no-tools", at, message, "put the words into a document of a user's step")
    if not bundle.target.adapter.is_remote and any(step.document or step.expect or step.carry for step in attack.steps):
        message = f"a target of kind {bundle.target.adapter.value} is asked one text at a time"
        yield error("script.no-dialogue", at, message, "it takes no document, and nothing is expected or carried")


def _fields(at: str, step: Step, *, is_answered: bool) -> Iterator[Remark]:
    """Look for fields that do not belong to the role."""
    if (step.role is Speaker.TOOL) != bool(step.tool) or (step.arguments and not step.tool):
        yield error(
            "script.tool-fields", at, "tool and arguments belong to a tool's step", "name the tool there and only there"
        )
    if step.document and step.role is not Speaker.USER:
        yield error("script.document", at, "a document belongs to a user's step", "move it")
    if (step.expect or step.carry) and not is_answered:
        message = "the target does not answer this step, so nothing can be expected of it or carried from it"
        yield error("script.unanswered", at, message, "move it to the step before which the target speaks")


def _variables(at: str, step: Step, carried: set[str], *, later: set[str]) -> Iterator[Remark]:
    """Look for variables that nothing has carried yet."""
    for name in sorted(set(_VARIABLE.findall(step.template)) - carried - {PROMPT_SLOT}):
        if name in later:
            message = f"{{{{{name}}}}} is used before it is carried"
            yield error("script.cyclic", at, message, "carry it in an earlier step; circles have no beginning")
        else:
            message = f"{{{{{name}}}}} stands for nothing"
            yield error("script.unknown-slot", at, message, "a step knows {{prompt}} and what earlier steps carry")
    if step.role not in _ANSWERED and PROMPT in step.template:
        message = f"{PROMPT} stays as it is in a {step.role.value}'s step"
        yield error("script.prompt-role", at, message, "put the variant into a user's or a tool's step")
    if set(_VARIABLE.findall(step.document)) - {PROMPT_SLOT}:
        yield error("script.unknown-slot", at, f"a document knows {PROMPT} only", "put the variable into the template")


def _carries(at: str, step: Step, carried: set[str], *, slots: set[str]) -> Iterator[Remark]:
    """Look at names and expressions of what is carried."""
    names: set[str] = set()
    for carry in step.carry:
        if carry.name in carried | names | slots | {PROMPT_SLOT}:
            message = f"the variable {shown(carry.name)} has this name already"
            yield error("script.repeated-variable", at, message, "give each variable its own name")
        names.add(carry.name)
        try:
            compile_expression(carry.pattern, groups=1)
        except MalformedError as refusal:
            yield error("script.carry", at, refusal.message, refusal.hint)


def _expectations(at: str, step: Step) -> Iterator[Remark]:
    """Compile what is expected; code cannot be waited for in the middle of a script."""
    for check in step.expect:
        if isinstance(check, CodeCheck):
            yield error("script.expect", at, "an expectation cannot be code", "use code in the oracle")
            continue
        try:
            prepare_check(check)
        except MalformedError as refusal:
            yield error("script.expect", at, refusal.message, refusal.hint)


def _tools(bundle: Bundle) -> Iterator[Remark]:
    """Look at the tools on offer and at what speaks of them."""
    attack, at = bundle.attack, "attack.json"
    offered = {tool.name for tool in attack.tools}
    for tool in attack.tools:
        names = [parameter.name for parameter in tool.parameters]
        if len(set(names)) < len(names):
            yield error(
                "script.repeated-parameter", at, f"the tool {tool.name} names a parameter twice", "name it once"
            )
        if set(_VARIABLE.findall(tool.result)) - {PROMPT_SLOT}:
            yield error("script.unknown-slot", at, f"the result of a tool knows {PROMPT} only", "write it out")
    awaited = {check.tool for check in bundle.oracle.checks if isinstance(check, ToolCalled)}
    for name in sorted(awaited - offered):
        message = f"the oracle waits for a call of {name}, which is not on offer"
        yield warning("oracle.tool-not-offered", "oracle.json", message, "offer the tool in attack.json")
