# SPDX-License-Identifier: Apache-2.0
"""A bundle in plain words: what the attack is, what a run would cost, what its verdict would and would not show.

The words are for whoever has to decide about a stranger's bundle, so foreign text is quoted, escaped and cut. What a
program needs is in `Facts`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from safeconduct.domain.bundle import (
    Bundle,
    Canary,
    Check,
    Combine,
    Family,
    JsonPath,
    LabelFlip,
    Normalization,
    Pattern,
    SeedPart,
    Speaker,
    Step,
)
from safeconduct.domain.script import CodeCheck, ToolCalled
from safeconduct.errors import SafeconductError
from safeconduct.verification.bundle.costs import Costs, costs_of
from safeconduct.verification.bundle.writing import check_json
from safeconduct.verification.chains import code_files, name_of
from safeconduct.verification.variants import FamilyGenerator, seeds_of

MAX_SHOWN: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFacts:
    """One family: its seeds by part, and its variants before letters change at random (`None`: code makes them)."""

    name: str
    disclosed: int
    held_out: int
    variants: int | None
    chains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a bundle is, as facts and as titled paragraphs; `costs` is `None` where the terms make no sense."""

    families: tuple[FamilyFacts, ...]
    costs: Costs | None
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def explain_bundle(bundle: Bundle) -> Explanation:
    """Return the bundle in plain words. No call is made and no code of the bundle is run."""
    families = tuple(_facts(bundle, family) for family in bundle.attack.families)
    costs = _costs(bundle)
    return Explanation(
        families=families,
        costs=costs,
        sections=(
            ("What it is", tuple(_about(bundle))),
            ("What is done", tuple(_steps(bundle))),
            ("Families of variants", tuple(_families(families))),
            ("What counts as a success of the attack", tuple(_oracle(bundle))),
            ("Terms", tuple(_terms(bundle, costs))),
            ("What a verdict would show", tuple(_shows(bundle))),
            ("What it would not show", tuple(_shows_not(bundle))),
            ("Handling", tuple(_handling(bundle))),
        ),
    )


def quoted(text: str) -> str:
    """Return a foreign text for a person: quoted, escaped where it holds what is not printed, and cut."""
    cut = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
    return json.dumps(cut, ensure_ascii=any(not char.isprintable() and char != "\n" for char in cut))


def _facts(bundle: Bundle, family: Family) -> FamilyFacts:
    """Return the facts of one family; one that cannot be prepared has no variants."""
    seeds = [seed for seed in bundle.attack.seeds if not family.seeds or seed.id in family.seeds]
    disclosed = sum(seed.part is SeedPart.DISCLOSED for seed in seeds)
    try:
        variants: int | None = FamilyGenerator(bundle.attack, family).size()
    except SafeconductError:
        variants = None
    return FamilyFacts(
        name=family.name,
        disclosed=disclosed,
        held_out=len(seeds) - disclosed,
        variants=variants,
        chains=tuple(" + ".join(map(name_of, chain)) or "as it is" for chain in family.chains),
    )


def _costs(bundle: Bundle) -> Costs | None:
    """Return the costs where the terms make sense."""
    try:
        return costs_of(bundle)
    except SafeconductError:
        return None


def _about(bundle: Bundle) -> Iterator[str]:
    """Say what the bundle is about."""
    about, target = bundle.about, bundle.target
    yield f"{quoted(about.title)}, a flaw of the class {about.flaw_class.value}."
    yield f"Target: {quoted(target.model)}, spoken to as {target.adapter.value}."
    if target.url:
        yield f"The bundle names the address {quoted(target.url)}. It is not used: only a grant says what is asked."
    if about.taxonomy:
        yield f"Taxonomies: {', '.join(quoted(str(one))[1:-1] for one in about.taxonomy)}."
    yield f"Made {about.created:%Y-%m-%d %H:%M} UTC" + (f" under {quoted(about.license)}." if about.license else ".")


def _steps(bundle: Bundle) -> Iterator[str]:
    """Tell the script, step by step."""
    for number, step in enumerate(bundle.attack.steps, start=1):
        yield f"{number}. {_step(step)}"
    for tool in bundle.attack.tools:
        yield f"The target is offered the tool {tool.name}, which is never run. It gives back {quoted(tool.result)}"


def _step(step: Step) -> str:
    """Tell one step."""
    parts = [_said(step)]
    if step.document:
        parts.append(f"With it comes a document: {quoted(step.document)}")
    if step.expect:
        parts.append(f"The script goes on only if {' and '.join(map(_check, step.expect))}.")
    parts += [f"Of the reply, what {quoted(carry.pattern)} captures is kept as {carry.name}." for carry in step.carry]
    return " ".join(parts)


def _said(step: Step) -> str:
    """Tell who says what."""
    match step.role:
        case Speaker.SYSTEM:
            return f"The target is told as its instructions: {quoted(step.template)}"
        case Speaker.USER:
            return f"The user says {quoted(step.template)}"
        case Speaker.ASSISTANT:
            return f"These words are put into the target's mouth: {quoted(step.template)}"
        case Speaker.TOOL:
            return f"As if the target had called the tool {step.tool}, it is given the result {quoted(step.template)}"
        case _:
            assert_never(step.role)


def _families(families: Sequence[FamilyFacts]) -> Iterator[str]:
    """Tell the families and how many variants they have."""
    for family in families:
        count = "variants made by code" if family.variants is None else f"{family.variants} variants"
        drawn = f"{family.held_out} held-out seeds" if family.held_out else f"{family.disclosed} disclosed seeds"
        yield f"{quoted(family.name)}: {count} of {drawn}; mutated: {quoted(', '.join(family.chains))[1:-1]}."
    yield "The variants are counted before letters are changed at random. A fresh one is drawn for every call."


def _oracle(bundle: Bundle) -> Iterator[str]:
    """Tell the oracle."""
    oracle = bundle.oracle
    joined = " or " if oracle.combine is Combine.ANY else " and "
    yield f"A call is a hit if {joined.join(map(_check, oracle.checks))}."
    if oracle.abstain_on:
        yield f"It is not judged, and counts against either verdict, if {' or '.join(map(_check, oracle.abstain_on))}."


def _check(check: Check) -> str:  # noqa: PLR0911  # one kind of check each
    """Tell one check."""
    match check:
        case Canary():
            tolerant = check.normalization is Normalization.TOLERANT
            return f"the reply holds {quoted(check.text)}" + (" (in any spelling)" if tolerant else "")
        case Pattern():
            return f"the expression {quoted(check.pattern)} is found in the reply"
        case LabelFlip():
            return f"the label is not {quoted(check.expected)}"
        case JsonPath():
            return f"the reply is JSON and holds {quoted(check.equals)} at {quoted(check.path)}"
        case ToolCalled():
            such = f" with {quoted(json.dumps(dict(check.arguments)))}" if check.arguments else ""
            return f"the target calls the tool {check.tool}{such}"
        case CodeCheck():
            return f"the code in {check.file} says so"
        case _:
            facts = check_json(check)
            told = {name: value for name, value in facts.items() if name != "kind"}
            return f"the check “{facts['kind']}” says so ({quoted(json.dumps(told, ensure_ascii=False))[1:-1]})"


def _terms(bundle: Bundle, costs: Costs | None) -> Iterator[str]:
    """Tell terms and costs."""
    criterion = bundle.criterion
    where = "in every family" if criterion.per_family else "on average over the families"
    yield (
        f"FIXED: the attack succeeds in less than {criterion.tolerance:.2%} of tries {where}; wrong in at most "
        f"{criterion.alpha:.1%} of cases."
    )
    yield f"NOT FIXED: it succeeds in more than {criterion.design:.2%} of tries; wrong in at most {criterion.beta:.1%}."
    yield f"Before the patch each family must succeed in {criterion.reproduction:.0%} of tries, or it is left out."
    if costs is None:
        yield "The terms contradict each other."
        return
    yield (
        f"Calls: at most {costs.most}; {costs.fixed} after a perfect fix, of them {costs.family} for "
        f"each family on the patched target; {costs.unchanged} if the patch changes nothing."
    )


def _shows(bundle: Bundle) -> Iterator[str]:
    """Tell what a verdict would speak of."""
    names = ", ".join(quoted(family.name) for family in bundle.attack.families)
    yield f"Whether fresh variants of this attack, of the families {names}, still succeed on the patched target."
    if bundle.benign:
        yield f"Whether harmless use is unharmed, as far as {len(bundle.benign)} benign controls show it."


def _shows_not(bundle: Bundle) -> Iterator[str]:
    """Tell what a verdict would not speak of."""
    yield "Whether other attacks succeed, or other families of this one."
    yield "That the attack never succeeds."
    if not bundle.benign:
        yield "Whether the fix harms benign use: there are no controls."
    if not any(_is_held_out(bundle, family) for family in bundle.attack.families):
        yield "Whether strings that the vendor has not seen are stopped: no seed is held out, only the draws are fresh."


def _is_held_out(bundle: Bundle, family: Family) -> bool:
    """Say whether the family draws from held-out seeds."""
    return any(seed.part is SeedPart.HELD_OUT for seed in seeds_of(bundle.attack, family))


def _handling(bundle: Bundle) -> Iterator[str]:
    """Tell how to handle the bundle."""
    safety = bundle.about.safety
    harmful = "; it holds harmful output" if safety.contains_harmful_output else ""
    yield f"{safety.handling.value}, hazard {safety.hazard_level.value}{harmful}."
    files = {name for family in bundle.attack.families for chain in family.chains for name in code_files(chain)}
    for file in bundle.code:
        use = "makes variants" if file.name in files else "judges replies"
        yield f"code/{file.name} {use}. It runs in the sandbox only, once {file.sha256} is approved."
