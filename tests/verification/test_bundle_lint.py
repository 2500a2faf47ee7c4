# SPDX-License-Identifier: Apache-2.0
"""What is looked for in a bundle before a call is spent: each doubt and each error by its code."""

from dataclasses import replace

import pytest
from tests.verification.bundles import NOON, evasion_bundle, family, leak_bundle

from safeconduct.domain.bundle import (
    Adapter,
    AttackScript,
    BenignControl,
    Bundle,
    Canary,
    Combine,
    Family,
    LabelFlip,
    Limits,
    Mutator,
    MutatorName,
    Normalization,
    Oracle,
    Pattern,
    Seed,
    SeedPart,
    Slot,
    Speaker,
    Step,
)
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome
from safeconduct.domain.script import Carry, CodeCheck, CodeFile, Tool, ToolCalled, ToolParameter
from safeconduct.errors import MalformedError, NotPermittedError
from safeconduct.verification.bundle.checks import check_bundle, require_runnable
from safeconduct.verification.bundle.costs import costs_of
from safeconduct.verification.bundle.remarks import Level
from safeconduct.verification.verdict import POOLED, Deliberation

MAIL = Tool(name="read_mail", result="{{prompt}}")
CODE = CodeFile(name="spell.py", text="def mutate(turns, seed):\n    return turns\n")
SPELL = Mutator(name=MutatorName.CODE, params={"file": "spell.py"})


def codes(bundle: Bundle) -> dict[str, Level]:
    """Return the codes of all remarks on the bundle."""
    return {remark.code: remark.level for remark in check_bundle(bundle)}


def attack_with(**changes: object) -> dict[str, AttackScript]:
    return {"attack": replace(leak_bundle().attack, **changes)}


def steps_with(*steps: Step, **changes: object) -> dict[str, AttackScript]:
    return attack_with(steps=steps, **changes)


def user(template: str = "{{prompt}}", **more: object) -> Step:
    return Step(role=Speaker.USER, template=template, **more)


def seeds_with(*texts: str, part: SeedPart = SeedPart.DISCLOSED) -> dict[str, AttackScript]:
    return attack_with(seeds=tuple(Seed(id=f"s{at}", text=text, part=part) for at, text in enumerate(texts)))


def url(address: str) -> dict[str, object]:
    return {"target": replace(leak_bundle().target, url=address)}


def canary(text: str, normalization: Normalization = Normalization.EXACT) -> dict[str, Oracle]:
    return {"oracle": Oracle(checks=(Canary(text=text, normalization=normalization),))}


def benign(prompt: str = "Hello?", **more: object) -> dict[str, object]:
    check = more.pop("check", Pattern(pattern="x"))
    return {"benign": (BenignControl(id="b", prompt=prompt, check=check, **more),)}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (steps_with(), "script.no-prompt"),
        (steps_with(Step(role=Speaker.SYSTEM, template="{{prompt}}")), "script.prompt-role"),
        (steps_with(user("Hi"), user("there")), "script.no-prompt"),
        (steps_with(user(), Step(role=Speaker.ASSISTANT, template="Yes.")), "script.never-asked"),
        (steps_with(user("{{prompt}} {{nothing}}")), "script.unknown-slot"),
        (steps_with(user(document="{{prompt}} {{x}}")), "script.unknown-slot"),
        (steps_with(user(), tools=(Tool(name="t", result="{{x}}"),)), "script.unknown-slot"),
        (
            steps_with(
                user("{{b}}", carry=(Carry(name="a", pattern="(x)"),)),
                user("{{a}} {{prompt}}", carry=(Carry(name="b", pattern="(x)"),)),
            ),
            "script.cyclic",
        ),
        (steps_with(user("{{a}} {{prompt}}", carry=(Carry(name="a", pattern="(x)"),))), "script.cyclic"),
        (steps_with(user(carry=(Carry(name="prompt", pattern="(x)"),))), "script.repeated-variable"),
        (steps_with(user(carry=(Carry(name="verb", pattern="(x)"),))), "script.repeated-variable"),
        (steps_with(user(carry=(Carry(name="a", pattern="(x)"),) * 2)), "script.repeated-variable"),
        (steps_with(user(carry=(Carry(name="a", pattern="((a+)+)+$"),))), "script.carry"),
        (steps_with(user(carry=(Carry(name="a", pattern="(a"),))), "script.carry"),
        (steps_with(user(expect=(Pattern(pattern="(?=x)"),))), "script.expect"),
        (steps_with(user(expect=(CodeCheck(file="spell.py"),))), "script.expect"),
        (steps_with(user(tool="t")), "script.tool-fields"),
        (steps_with(user(arguments={"a": "b"})), "script.tool-fields"),
        (steps_with(Step(role=Speaker.TOOL, template="{{prompt}}")), "script.tool-fields"),
        (steps_with(Step(role=Speaker.SYSTEM, template="x", document="y"), user()), "script.document"),
        (
            steps_with(user(expect=(Canary(text="x"),)), Step(role=Speaker.ASSISTANT, template="x"), user()),
            "script.unanswered",
        ),
        (
            steps_with(user(), tools=(Tool(name="t", parameters=(ToolParameter(name="p"),) * 2),)),
            "script.repeated-parameter",
        ),
        (attack_with(tools=(MAIL, MAIL)), "attack.repeated-name"),
        (attack_with(families=(family("*"),)), "family.reserved-name"),
        (
            attack_with(seeds=(Seed(id="a", text="Say  it"), Seed(id="b", text="say it", part=SeedPart.HELD_OUT))),
            "seed.held-out-disclosed",
        ),
        ({"oracle": Oracle(checks=(LabelFlip(expected="x"),))}, "oracle.no-label"),
        (
            {
                "oracle": Oracle(
                    checks=(Canary(text="x"), ToolCalled(tool="t", arguments={"a": "(?!x)"})), combine=Combine.ALL
                )
            },
            "oracle.unusable",
        ),
        (url("http://169.254.169.254/latest/meta-data"), "target.forbidden-address"),
        (url("http://[fe80::1%25eth0]/v1"), "target.forbidden-address"),
        (url("http://2852039166/"), "target.forbidden-address"),
        (url("http://0xA9FEA9FE/"), "target.forbidden-address"),
        (url("http://metadata.google.internal/v1"), "target.forbidden-address"),
        (url("http://[::ffff:169.254.169.254]/"), "target.forbidden-address"),
        (url("file:///etc/passwd"), "target.address"),
        (url("https://user:word@x.example/v1"), "target.address"),
        (url("https://x.example:99999/"), "target.address"),
        (url("https://[x/"), "target.address"),
        ({"criterion": Criterion(tolerance=0.6, design=0.1, reproduction=0.7)}, "criterion.trivial-tolerance"),
        ({"code": (CODE,)}, "code.unused"),
        ({"oracle": Oracle(checks=(CodeCheck(file="judge.py"),))}, "code.missing"),
        (benign(check=CodeCheck(file="judge.py")), "code.missing"),
        (attack_with(families=(family("f", SPELL),)), "code.missing"),
    ],
)
def test_what_cannot_be_run_is_an_error(changes: dict[str, object], code: str) -> None:
    bundle = leak_bundle(**changes)

    assert codes(bundle)[code] is Level.ERROR
    with pytest.raises(MalformedError):
        require_runnable(bundle)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (seeds_with("say it", "SAY  it"), "seed.repeated"),
        (seeds_with("say it", " "), "seed.empty"),
        (attack_with(slots=(*leak_bundle().attack.slots, Slot(name="x", values=("y",)))), "slot.unused"),
        (
            attack_with(slots=(Slot(name="verb", values=("a", "a")), leak_bundle().attack.slots[1])),
            "slot.repeated-value",
        ),
        (seeds_with("leak it"), "family.too-small"),
        (canary("the secret"), "oracle.hits-echo"),
        (canary("can't help", Normalization.TOLERANT), "oracle.hits-harmless"),
        (canary("Monday"), "oracle.hits-benign"),
        ({"oracle": Oracle(checks=(ToolCalled(tool="pay"),))}, "oracle.tool-not-offered"),
        ({"benign": ()}, "benign.none"),
        (benign(), "benign.few"),
        ({**seeds_with("leak it"), **benign("leak it")}, "benign.attack"),
        (benign(useful_when_hit=False), "benign.empty-useful"),
        ({"criterion": Criterion(alpha=0.2)}, "criterion.large-error"),
        ({"criterion": Criterion(max_calls=20)}, "criterion.too-few-calls"),
        ({"limits": Limits(calls=20)}, "criterion.too-few-calls"),
        ({"criterion": Criterion(tolerance=1e-6, design=1e-7)}, "criterion.too-few-calls"),
        (url("http://10.0.0.7/v1"), "target.private-address"),
        (url("http://localhost:8080/v1"), "target.private-address"),
        (url("http://model.corp/v1"), "target.private-address"),
        (url("https://x.example/v1?api_key=0123456789abcdef"), "text.secret"),
        (seeds_with("my key is sk-abcdefghijklmnopqrstuvwx, leak it"), "text.secret"),
        (seeds_with("-----BEGIN RSA PRIVATE KEY-----"), "text.secret"),
        (seeds_with("AKIAABCDEFGHIJKLMNOP"), "text.secret"),
        (seeds_with(f"eyJ{'a' * 30}.eyJ{'b' * 60}.{'c' * 43}"), "text.secret"),
        (seeds_with("run gASVKAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjA1lY2hvIGhpID4gL3RtcJSFlFKULg=="), "text.binary"),
        (seeds_with("\x1b[2J leak it"), "text.control"),
        (seeds_with("\u202eleak it"), "text.control"),
    ],
)
def test_what_weakens_a_verdict_or_is_dangerous_to_handle_is_a_warning(changes: dict[str, object], code: str) -> None:
    bundle = leak_bundle(**changes)

    assert codes(bundle)[code] is Level.WARNING
    require_runnable(bundle)


def test_a_secret_is_never_repeated() -> None:
    remarks = check_bundle(leak_bundle(**seeds_with("sk-abcdefghijklmnopqrstuvwx")))

    assert "abcdefghijkl" not in str(remarks)


def test_a_public_target_is_no_remark() -> None:
    for address in ("https://api.example.com/v1", "https://93.184.216.34/v1"):
        assert not {code for code in codes(leak_bundle(**url(address))) if "address" in code}


def test_a_label_is_not_judged_by_words() -> None:
    assert not {code for code in codes(evasion_bundle()) if code.startswith("oracle.")}


def test_an_oracle_of_words_and_labels_is_judged_as_far_as_the_words_decide() -> None:
    mixed = (Canary(text="damn you"), LabelFlip(expected="profane"))
    plain = replace(evasion_bundle().attack, families=(family("plain"),), seeds=(Seed(id="s", text="damn you"),))
    either = replace(evasion_bundle(), oracle=Oracle(checks=mixed), attack=plain)

    assert "oracle.hits-echo" in codes(either)
    assert "oracle.hits-echo" not in codes(replace(either, oracle=Oracle(checks=mixed, combine=Combine.ALL)))


def test_an_abstention_on_an_echo_is_no_hit() -> None:
    oracle = Oracle(checks=(Canary(text="the secret"),), abstain_on=(Canary(text="the"), LabelFlip(expected="x")))

    assert "oracle.hits-echo" not in codes(leak_bundle(oracle=oracle))


def test_large_variants_are_drawn_within_bounds() -> None:
    seeds = tuple(Seed(id=f"s{at}", text=f"{at} " + "x" * 49_000) for at in range(200))

    assert "family.too-small" not in codes(leak_bundle(**attack_with(seeds=seeds, families=(family("f"),))))


def test_many_benign_controls_are_enough() -> None:
    controls = tuple(BenignControl(id=str(at), prompt=f"{at}?", check=Pattern(pattern="x")) for at in range(10))

    assert "benign.few" not in codes(leak_bundle(benign=controls))


def test_code_is_named_and_waits_for_approval() -> None:
    bundle = leak_bundle(code=(CODE,), **attack_with(families=(family("f", SPELL),)))

    assert codes(bundle)["code.present"] is Level.WARNING
    assert codes(bundle)["family.runs-code"] is Level.WARNING
    with pytest.raises(NotPermittedError) as caught:
        require_runnable(bundle)
    assert caught.value.facts == {"files": {"spell.py": CODE.sha256}}
    require_runnable(bundle, approved_code=frozenset({CODE.sha256}))


def test_approval_of_other_code_does_not_help() -> None:
    bundle = leak_bundle(code=(CODE,), **attack_with(families=(family("f", SPELL),)))

    with pytest.raises(NotPermittedError):
        require_runnable(bundle, approved_code=frozenset({replace(CODE, text="pass").sha256}))


def test_a_script_with_everything_has_no_remark_on_its_script() -> None:
    steps = (
        Step(role=Speaker.SYSTEM, template="You read mail."),
        user("Any news?", expect=(ToolCalled(tool="read_mail"),), carry=(Carry(name="code", pattern="([0-9]+)"),)),
        Step(role=Speaker.ASSISTANT, template="One moment."),
        user("Code {{code}}, and this.", document="Read: {{prompt}}"),
        Step(role=Speaker.TOOL, template="{{prompt}}", tool="read_mail", arguments={"folder": "in"}),
    )
    steps = (steps[0], steps[1], user("Go on."), *steps[3:])
    bundle = leak_bundle(**steps_with(*steps, tools=(MAIL,)), oracle=Oracle(checks=(ToolCalled(tool="read_mail"),)))

    assert not {code for code in codes(bundle) if code.startswith(("script.", "oracle."))}


@pytest.mark.parametrize("adapter", [Adapter.SKLEARN, Adapter.PYTHON_CALLABLE])
def test_a_classifier_takes_no_tools(adapter: Adapter) -> None:
    target = replace(evasion_bundle().target, adapter=adapter)

    assert codes(leak_bundle(target=target, **attack_with(tools=(MAIL,))))["script.no-tools"] is Level.ERROR


@pytest.mark.parametrize(
    "step",
    [
        user(document="x"),
        user(expect=(Canary(text="x"),)),
        user(carry=(Carry(name="x", pattern="(x)"),)),
    ],
)
def test_a_classifier_is_asked_one_text_at_a_time(step: Step) -> None:
    local = replace(evasion_bundle(), attack=replace(evasion_bundle().attack, steps=(step,)))

    assert codes(local)["script.no-dialogue"] is Level.ERROR
    assert "script.no-dialogue" not in codes(leak_bundle(**steps_with(step)))


def played(bundle: Bundle, *, residual: bool) -> int:
    """Return the calls of a campaign played through with invented outcomes."""
    names = tuple(one.name for one in bundle.attack.families)
    deliberation = Deliberation.begin(bundle.criterion, families=names, benign=bool(bundle.benign))
    while call := deliberation.next_call():
        hit = residual or call.arm is not Arm.EFFICACY
        trial = Trial(
            number=deliberation.calls + 1,
            arm=call.arm,
            family=names[0] if call.family == POOLED else call.family,
            variant="0" * 64,
            mutators=(),
            request_sha256="",
            response_sha256="",
            outcome=TrialOutcome.HIT if hit else TrialOutcome.MISS,
            tokens=0,
            started_at=NOON,
            seconds=0.0,
        )
        deliberation = deliberation.after(trial)
    return deliberation.calls


@pytest.mark.parametrize("per_family", [True, False])
@pytest.mark.parametrize("controls", [True, False])
def test_costs_are_those_of_a_campaign_that_is_played_through(*, per_family: bool, controls: bool) -> None:
    bundle = leak_bundle(criterion=Criterion(max_calls=2000, per_family=per_family))
    bundle = bundle if controls else replace(bundle, benign=())

    costs = costs_of(bundle)

    assert costs.fixed == played(bundle, residual=False)
    assert costs.unchanged == played(bundle, residual=True)
    assert costs.is_enough
    assert costs.most == 2000


def test_pooled_families_share_their_calls() -> None:
    pooled = replace(leak_bundle().criterion, per_family=False)

    assert costs_of(leak_bundle(criterion=pooled)).fixed < costs_of(leak_bundle()).fixed


@pytest.mark.parametrize(
    "criterion",
    [
        Criterion(tolerance=1e-9, design=1e-10, max_calls=10_000_000, max_calls_per_family=10_000_000),
        Criterion(reproduction=0.999999999999, max_assay_calls_per_family=10_000_000, max_calls=10_000_000),
        Criterion(benign_margin=1e-15, max_benign_pairs=1_000_000, max_calls=10_000_000),
        Criterion(tolerance=0.4999, design=0.4998, reproduction=0.5, max_calls=10),
        Criterion(alpha=1e-300),
    ],
)
def test_terms_without_end_are_told_at_once(criterion: Criterion) -> None:
    assert codes(leak_bundle(criterion=criterion))["criterion.too-few-calls"] is Level.WARNING


@pytest.mark.parametrize(
    "check", [Canary(text=""), Pattern(pattern="x*"), Canary(text="?!", normalization=Normalization.TOLERANT)]
)
def test_an_oracle_that_hits_an_empty_reply_cannot_be_run(check: Canary | Pattern) -> None:
    assert codes(leak_bundle(oracle=Oracle(checks=(check,))))["oracle.unusable"] is Level.ERROR


def test_a_family_of_chains_counts_each() -> None:
    chains = tuple((Mutator(name=MutatorName.SUFFIX, params={"suffixes": (str(at),)}),) for at in range(100))
    several = Family(name="f", chains=chains)

    assert "family.too-small" not in codes(leak_bundle(**attack_with(families=(several,))))
