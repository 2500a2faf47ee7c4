# SPDX-License-Identifier: Apache-2.0
"""A bundle in plain words: every kind of step and check is told, and no word of a stranger acts on the reader."""

from dataclasses import replace

import pytest
from tests.verification.bundles import evasion_bundle, family, leak_bundle

from safeconduct.domain.bundle import (
    Bundle,
    Canary,
    Check,
    Combine,
    JsonPath,
    LabelFlip,
    Mutator,
    MutatorName,
    Oracle,
    Pattern,
    Safety,
    Seed,
    Speaker,
    Step,
)
from safeconduct.domain.evidence import Criterion
from safeconduct.domain.observed import Cost
from safeconduct.domain.script import Carry, CodeCheck, CodeFile, Tool, ToolCalled
from safeconduct.verification.bundle.explain import MAX_SHOWN, explain_bundle, quoted


def words(bundle: Bundle) -> str:
    """Return all that is told of the bundle."""
    return "\n".join(line for _, lines in explain_bundle(bundle).sections for line in lines)


def attacked(**changes: object) -> Bundle:
    return leak_bundle(attack=replace(leak_bundle().attack, **changes))


def test_every_kind_of_step_is_told() -> None:
    steps = (
        Step(role=Speaker.SYSTEM, template="Be brief."),
        Step(role=Speaker.ASSISTANT, template="Yes?"),
        Step(
            role=Speaker.USER,
            template="Read this.",
            document="{{prompt}}",
            expect=(Canary(text="Sure"), Pattern(pattern="[0-9]")),
            carry=(Carry(name="code", pattern="([0-9]+)"),),
        ),
        Step(role=Speaker.TOOL, template="{{code}}", tool="read_mail"),
    )
    told = words(attacked(steps=steps, tools=(Tool(name="read_mail", result="none"),)))

    assert '1. The target is told as its instructions: "Be brief."' in told
    assert """2. These words are put into the target's mouth: "Yes?\"""" in told
    assert '3. The user says "Read this." With it comes a document: "{{prompt}}"' in told
    assert 'goes on only if the reply holds "Sure" and the expression "[0-9]" is found in the reply.' in told
    assert 'Of the reply, what "([0-9]+)" captures is kept as code.' in told
    assert '4. As if the target had called the tool read_mail, it is given the result "{{code}}"' in told
    assert 'The target is offered the tool read_mail, which is never run. It gives back "none"' in told


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Canary(text="x"), 'the reply holds "x"'),
        (Pattern(pattern="x"), 'the expression "x" is found in the reply'),
        (LabelFlip(expected="bad"), 'the label is not "bad"'),
        (JsonPath(path="$.a", equals="1"), 'the reply is JSON and holds "1" at "$.a"'),
        (ToolCalled(tool="pay"), "the target calls the tool pay"),
        (ToolCalled(tool="pay", arguments={"to": "eve"}), 'the target calls the tool pay with "{\\"to\\": \\"eve\\"}"'),
        (CodeCheck(file="judge.py"), "the code in judge.py says so"),
        (Cost(tokens=100), "the check “cost” says so"),
    ],
)
def test_every_kind_of_check_is_told(check: Check, expected: str) -> None:
    assert expected in words(leak_bundle(oracle=Oracle(checks=(check,))))


def test_how_checks_are_combined_is_told() -> None:
    both = Oracle(checks=(Canary(text="x"), Canary(text="y")), combine=Combine.ALL, abstain_on=(Canary(text="z"),))
    told = words(leak_bundle(oracle=both))

    assert 'the reply holds "x" and the reply holds "y"' in told
    assert 'It is not judged, and counts against either verdict, if the reply holds "z".' in told


def test_what_a_verdict_would_not_show_is_told() -> None:
    bare = attacked(seeds=(Seed(id="s", text="leak it"),))

    assert "Whether the fix harms benign use: there are no controls." in words(replace(bare, benign=()))
    assert "no seed is held out" in words(bare)
    assert "no seed is held out" not in words(leak_bundle())


def test_terms_that_contradict_each_other_are_told_so() -> None:
    broken = leak_bundle(criterion=Criterion(tolerance=0.0))

    assert "The terms contradict each other." in words(broken)
    assert explain_bundle(broken).costs is None


def test_pooled_terms_are_told_so() -> None:
    pooled = leak_bundle(criterion=replace(leak_bundle().criterion, per_family=False))

    assert "on average over the families" in words(pooled)


def test_code_is_told_with_its_digest() -> None:
    mutate, judge = CodeFile(name="spell.py", text="1"), CodeFile(name="judge.py", text="2")
    chain = Mutator(name=MutatorName.CODE, params={"file": "spell.py"})
    bundle = replace(attacked(families=(family("f", chain),)), code=(mutate, judge))

    told = words(bundle)

    assert f"code/spell.py makes variants. It runs in the sandbox only, once {mutate.sha256} is approved." in told
    assert "code/judge.py judges replies." in told
    assert '"f": variants made by code of 2 held-out seeds' in told


def test_a_local_model_without_address_and_license_is_told() -> None:
    told = words(evasion_bundle())

    assert "address" not in told
    assert "Made 2026-11-23 12:00 UTC." in told


def test_an_address_is_told_to_be_of_no_use() -> None:
    bundle = leak_bundle(target=replace(leak_bundle().target, url="https://x.example/v1"))

    assert "It is not used: only a grant says what is asked." in words(bundle)


def test_harmful_output_is_told() -> None:
    bundle = leak_bundle(about=replace(leak_bundle().about, safety=Safety(contains_harmful_output=True)))

    assert "it holds harmful output" in words(bundle)


def test_a_family_without_chains_has_no_variants_to_tell() -> None:
    facts = explain_bundle(attacked(families=(family("f"), replace(family("g"), chains=((),))))).families

    assert [fact.chains for fact in facts] == [("identity",), ("as it is",)]
    assert [fact.variants for fact in facts] == [48, 48]


@pytest.mark.parametrize("text", ["\x1b[2J", "a\u202eb", "x\x07", "\u200b"])
def test_what_is_not_printed_is_escaped(text: str) -> None:
    assert quoted(text).isprintable()


def test_long_words_are_cut() -> None:
    assert len(quoted("x" * 10_000)) == MAX_SHOWN + 2
    assert quoted("two\nlines") == '"two\\nlines"'
