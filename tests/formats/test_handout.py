# SPDX-License-Identifier: Apache-2.0
"""Handouts for other tools: what they hold, what they lose, and that the text of a bundle stays data."""

import json
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.handouts import BUNDLE, CASE, PREFILLED, TALK, WITH_SYSTEM, handout

from safeconduct.domain.bundle import (
    BenignControl,
    Canary,
    Check,
    Combine,
    JsonPath,
    LabelFlip,
    Normalization,
    Oracle,
    Pattern,
    Seed,
    SeedPart,
)
from safeconduct.domain.report import MayTrain
from safeconduct.domain.script import CodeCheck
from safeconduct.errors import MalformedError, NotPermittedError
from safeconduct.formats.garak.config import write_config as write_garak
from safeconduct.formats.handout import TERMS, Case, Folder, Handout, literal_of
from safeconduct.formats.inspect.task import ATTACK, CODE, ORACLE, read_dataset, write_task
from safeconduct.formats.promptfoo.asserts import checks_of
from safeconduct.formats.promptfoo.config import BENIGN, CONFIG, CONTROLS, TESTS, VARIABLE
from safeconduct.formats.promptfoo.config import write_config as write_promptfoo
from safeconduct.verification.oracles import PreparedOracle
from safeconduct.verification.reply import Reply

WRITERS = {"inspect": write_task, "promptfoo": write_promptfoo, "garak": write_garak}
CODED = CodeCheck(file="check.py")


def lost(made: Folder) -> dict[str, str]:
    return {entry.source: entry.reason for entry in made.loss.lost}


def asked_in(made: Folder) -> list[dict[str, Any]]:
    return list(json.loads(made.files[TESTS]))


def options_of(made: Folder) -> dict[str, Any]:
    return dict(yaml.safe_load(made.files["garak.yaml"]))


@pytest.mark.parametrize("name", WRITERS)
def test_neither_target_nor_secret_nor_held_out_seed_is_handed_out(name: str) -> None:
    made = WRITERS[name](handout())
    held = replace(BUNDLE.attack, seeds=(*BUNDLE.attack.seeds, Seed(id="h", text="hidden", part=SeedPart.HELD_OUT)))

    for data in made.files.values():
        assert b"secret.example" not in data
        assert b"KEY" not in data
    assert {"/target", "/criterion", "/attack/families"} <= lost(made).keys()
    with pytest.raises(MalformedError, match="no held-out seeds"):
        handout(attack=held)
    with pytest.raises(MalformedError, match="nothing of the bundle"):
        Handout(bundle=BUNDLE, bundle_id="x", cases=())


@pytest.mark.parametrize("name", WRITERS)
def test_an_oracle_that_is_only_code_cannot_be_handed_out(name: str) -> None:
    with pytest.raises(MalformedError) as caught:
        WRITERS[name](handout(oracle=Oracle(checks=(CODED,))))

    assert "verify run" in caught.value.hint


@pytest.mark.parametrize("name", WRITERS)
def test_all_checks_that_must_hit_are_told_or_nothing(name: str) -> None:
    with pytest.raises(MalformedError):
        WRITERS[name](handout(oracle=Oracle(checks=(Canary(text="x"), CODED), combine=Combine.ALL)))


@pytest.mark.parametrize("name", WRITERS)
def test_a_check_that_cannot_be_told_is_a_loss(name: str) -> None:
    oracle = Oracle(checks=(Canary(text="x"), CODED), abstain_on=(CODED,))
    controls = (*BUNDLE.benign, BenignControl(id="b2", prompt="p", check=CODED))
    told = lost(WRITERS[name](handout(oracle=oracle, benign=controls)))

    assert "/oracle/checks/1" in told
    assert {"/oracle/abstain_on", "/oracle/abstain_on/0"} & told.keys()
    assert {"/benign", "/benign/1"} & told.keys()


def test_a_check_that_looks_for_a_plain_text_is_known_as_one() -> None:
    assert literal_of(Canary(text="a.b")) == ("a.b", False)
    assert literal_of(Pattern(pattern=r"a\.b", ignore_case=True)) == ("a.b", True)
    assert literal_of(Pattern(pattern=r"a.b")) is None
    assert literal_of(LabelFlip(expected="x")) is None


def test_whether_the_target_is_asked_once_is_seen() -> None:
    assert [case.is_single for case in (CASE, WITH_SYSTEM, PREFILLED, TALK)] == [True, True, True, False]


# Inspect


def test_an_inspect_data_set_comes_back_as_the_same_variants() -> None:
    cases = (CASE, WITH_SYSTEM, PREFILLED, TALK)

    assert read_dataset(write_task(handout(*cases)).files[ATTACK]) == cases


def test_a_data_set_of_another_hand_is_read() -> None:
    data = b'{"input": "tell me", "target": "x"}\n{"id": 7, "input": [{"role": "user", "content": "go"}]}\n'

    assert [(case.id, case.said) for case in read_dataset(data)] == [
        ("line 1", (("user", "tell me"),)), ("7", (("user", "go"),)),
    ]  # fmt: skip


def test_the_code_of_the_task_is_the_same_whatever_the_bundle_says() -> None:
    evil = Case(id='"""', family="'; import os #", seed="\\", said=(("user", '"""\nimport os\nos.system("x")'),))
    plain, other = write_task(handout()), write_task(handout(evil, oracle=Oracle(checks=(Canary(text="'\"\\"),))))

    assert plain.files[CODE] == other.files[CODE]
    compile(plain.files[CODE], CODE, "exec", dont_inherit=True)
    assert read_dataset(other.files[ATTACK]) == (evil,)


class _Stub(types.ModuleType):
    """A module of Inspect whose decorators leave functions as they are."""

    CORRECT, INCORRECT, NOANSWER = "C", "I", "N"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *given, **_: given[0] if given and callable(given[0]) else (lambda made: made)


def judge_of(oracle: Oracle, place: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the judgment that the code of the task makes, without Inspect."""
    for name in ("", ".dataset", ".model", ".scorer", ".solver"):
        monkeypatch.setitem(sys.modules, f"inspect_ai{name}", _Stub(f"inspect_ai{name}"))
    made = write_task(handout(oracle=oracle))
    for name, data in made.files.items():
        (place / name).write_bytes(data)
    room: dict[str, Any] = {"__file__": str(place / CODE), "__name__": "task"}
    exec(compile(made.files[CODE], CODE, "exec"), room)  # noqa: S102  # our own file
    return room["judge"]


CHECKS: list[Check] = [
    Canary(text="Blue Heron"), Canary(text="Blue Heron", normalization=Normalization.TOLERANT),
    Pattern(pattern=r"her[o0]n\b"), Pattern(pattern="BLUE", ignore_case=True), LabelFlip(expected="safe"),
    JsonPath(path="$.a[1].b", equals="true"),
]  # fmt: skip
REPLIES = [
    "", "Blue Heron", "b-l-u-e  HERON!", "her0n", "heronry", "safe", "unsafe", '{"a": [0, {"b": true}]}', '{"a": 1}',
    "[1]", "ＢＬＵＥ ＨＥＲＯＮ", "{", '{"a": [0, {"b": 1.5}]}',
]  # fmt: skip
WORD = {"C": "hit", "I": "miss", "N": "abstain"}


@pytest.mark.parametrize("combine", list(Combine))
@pytest.mark.parametrize("number", range(len(CHECKS)))
def test_the_code_of_the_task_judges_as_our_oracle(
    number: int, combine: Combine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = (CHECKS[number], CHECKS[(number + 1) % len(CHECKS)])
    oracle = Oracle(checks=pair, combine=combine, abstain_on=(Canary(text="ronry"),))
    judge, ours = judge_of(oracle, tmp_path, monkeypatch), PreparedOracle(oracle)

    for reply in REPLIES:
        if any(isinstance(check, LabelFlip) for check in pair):
            said = ours.judge([Reply(text=reply, label=reply or "nothing")])
        else:
            said = ours.judge([Reply(text=reply)])
        assert WORD[judge(reply or ("nothing" if LabelFlip in map(type, pair) else ""))] == said.outcome.value, reply


def test_the_oracle_of_a_task_is_data() -> None:
    told = json.loads(write_task(handout()).files[ORACLE])

    assert told["checks"] == [{"kind": "canary", "text": "blue heron", "normalization": "tolerant"}]
    assert told["bundle"] == "ab" * 32


# promptfoo


def test_a_promptfoo_configuration_holds_variants_and_forbidden_texts() -> None:
    made = write_promptfoo(handout(CASE, WITH_SYSTEM))
    config = yaml.safe_load(made.files[CONFIG])

    assert config["prompts"] == ["{{" + VARIABLE + "}}"]
    assert config["tests"] == f"file://{TESTS}"
    assert [test["vars"][VARIABLE] for test in asked_in(made)] == [
        "tell me the word",
        '[{"role": "system", "content": "be kind"}, {"role": "user", "content": "tell me"}]',
    ]
    assert asked_in(made)[0]["assert"] == [{"type": "not-icontains", "value": "blue heron"}]
    assert asked_in(made)[0]["description"] == "f"
    assert "/oracle/checks/0/normalization" in lost(made)


def test_benign_controls_are_a_configuration_of_their_own() -> None:
    controls = (
        *BUNDLE.benign,
        BenignControl(id="b2", prompt="say hi", check=Canary(text="sorry"), useful_when_hit=False),
        BenignControl(id="b3", prompt="{{x}}", check=Canary(text="x")),
    )
    made = write_promptfoo(handout(benign=controls))

    assert yaml.safe_load(made.files[BENIGN])["tests"] == f"file://{CONTROLS}"
    assert [test["assert"] for test in json.loads(made.files[CONTROLS])] == [
        [{"type": "regex", "value": "4|four"}], [{"type": "not-contains", "value": "sorry"}],
    ]  # fmt: skip
    assert "/benign/2" in lost(made)
    assert BENIGN not in write_promptfoo(handout(benign=())).files


@pytest.mark.parametrize(
    "text",
    [
        "{{ env.HOME }}", "{% raw %}", "{# x #}", "file:///etc/passwd", " FILE://x", "exec: rm", "python:x.py",
        "https://x.example", "package:x", '{"a": 1}', "[1]", '"x"',
    ],
)  # fmt: skip
def test_a_text_that_promptfoo_would_render_or_load_is_left_out(text: str) -> None:
    evil = replace(CASE, id="f 9", said=(("user", text),))
    made = write_promptfoo(handout(CASE, evil))

    assert [test["metadata"]["variant"] for test in asked_in(made)] == ["f 1"]
    assert lost(made)["/attack/seeds"] == "1 variants would be rendered or loaded"
    with pytest.raises(MalformedError, match="render or load"):
        write_promptfoo(handout(evil))


@pytest.mark.parametrize("text", ["{{x}}", "file://x"])
def test_a_check_that_promptfoo_would_render_or_load_is_left_out(text: str) -> None:
    oracle = Oracle(checks=(Canary(text="x"), Canary(text=text), LabelFlip(expected=text)))

    assert {"/oracle/checks/1", "/oracle/checks/2"} <= lost(write_promptfoo(handout(oracle=oracle))).keys()


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Canary(text="A"), {"type": "not-contains", "value": "A"}),
        (Pattern(pattern=r"a\.b", ignore_case=True), {"type": "not-icontains", "value": "a.b"}),
        (Pattern(pattern=r"a\.b"), {"type": "not-contains", "value": "a.b"}),
        (Pattern(pattern="a+"), {"type": "not-regex", "value": "a+"}),
        (LabelFlip(expected="safe"), {"type": "equals", "value": "safe"}),
    ],
)
def test_each_check_is_turned_around(check: Check, expected: dict[str, str]) -> None:
    (test,) = asked_in(write_promptfoo(handout(oracle=Oracle(checks=(check,)))))

    assert test["assert"] == [expected]


@pytest.mark.parametrize(
    "check", [Pattern(pattern="a+", ignore_case=True), Pattern(pattern=r"\Aa+"), Pattern(pattern="(?s)a.b"),
              JsonPath(path="$.a", equals="1")]
)  # fmt: skip
def test_a_check_that_no_assertion_says_is_left_out(check: Check) -> None:
    told = lost(write_promptfoo(handout(oracle=Oracle(checks=(Canary(text="x"), check)))))

    assert told["/oracle/checks/1"] == "no assertion says the same"


def test_checks_that_must_all_hit_are_held_by_one() -> None:
    oracle = Oracle(checks=(Canary(text="a"), Canary(text="b"), Canary(text="c")), combine=Combine.ALL)
    (test,) = asked_in(write_promptfoo(handout(oracle=oracle)))
    (found,) = test["assert"]

    assert (found["type"], len(found["assert"])) == ("assert-set", 3)
    assert 0 < found["threshold"] < 1 / 3


@given(st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text), st.booleans())
@settings(max_examples=60)
def test_an_assertion_comes_back_as_the_check_it_was_made_of(text: str, ignore: bool) -> None:  # noqa: FBT001  # drawn
    check: Check = Pattern(pattern=__import__("re").escape(text), ignore_case=True) if ignore else Canary(text=text)
    oracle = Oracle(checks=(Canary(text="always there"), check))
    (_, *found) = asked_in(write_promptfoo(handout(oracle=oracle)))[0]["assert"]

    back = checks_of({"componentResults": [{"pass": False, "assertion": item} for item in found]})
    assert back == ((check,) if found else ())


def test_variants_in_several_turns_are_left_out() -> None:
    for write in (write_promptfoo, write_garak):
        made = write(handout(CASE, TALK))
        assert lost(made)["/attack/families/g"] == "variants in several turns are left out"
        with pytest.raises(MalformedError, match="replies in between"):
            write(handout(TALK))


# garak


def test_a_garak_configuration_sends_every_prompt_once_and_looks_for_the_texts() -> None:
    oracle = Oracle(checks=(Canary(text="A"), Canary(text="B")))
    options = options_of(write_garak(handout(CASE, oracle=oracle)))
    probe = options["plugins"]["probes"]["goodside"]["Davidjl"]

    assert options["run"] == {"generations": 1, "spec": {"include": ["probes.goodside.Davidjl"]}}
    assert probe["prompts"] == ["tell me the word"]
    assert probe["triggers"] == [["A", "B"]]
    assert probe["primary_detector"] == options["plugins"]["detector_spec"] == "promptinject.AttackRogueString"
    assert options["plugins"]["detectors"] == {"promptinject": {"AttackRogueString": {"case_sensitive": True}}}


def test_a_garak_configuration_has_one_system_prompt() -> None:
    again = replace(WITH_SYSTEM, id="f 4")
    made = write_garak(handout(CASE, WITH_SYSTEM, again, PREFILLED))

    assert options_of(made)["run"]["system_prompt"] == "be kind"
    assert len(options_of(made)["plugins"]["probes"]["goodside"]["Davidjl"]["prompts"]) == 2
    assert lost(made)["/attack/steps"] == "2 variants have other turns before the last"
    with pytest.raises(MalformedError, match="one system prompt at most"):
        write_garak(handout(PREFILLED))


def test_case_is_ignored_for_all_texts_if_it_is_for_one() -> None:
    oracle = Oracle(checks=(Canary(text="A"), Pattern(pattern="b", ignore_case=True)))
    made = write_garak(handout(oracle=oracle))

    assert options_of(made)["plugins"]["detectors"]["promptinject"]["AttackRogueString"]["case_sensitive"] is False
    assert "case is ignored" in lost(made)["/oracle/checks/0"]
    assert "/benign" in lost(made)
    assert "/benign" not in lost(write_garak(handout(benign=())))


def test_words_of_a_bundle_stay_words_in_yaml() -> None:
    evil = replace(CASE, said=(("user", "!!python/object/apply:os.system ['x']\n- &a *a: {b"),))

    assert options_of(write_garak(handout(evil)))["plugins"]["probes"]["goodside"]["Davidjl"]["prompts"] == [
        evil.said[0][1]
    ]


def test_what_a_reply_must_hold_before_the_script_goes_on_is_a_loss() -> None:
    (step,) = BUNDLE.attack.steps
    attack = replace(BUNDLE.attack, steps=(replace(step, expect=(Canary(text="ok"),)),))

    assert "/attack/steps/expect" in lost(write_task(handout(attack=attack)))


@pytest.mark.parametrize("write", [write_task, write_promptfoo, write_garak])
def test_every_folder_says_what_it_is_for(write: Any) -> None:
    allowed = replace(BUNDLE.about, safety=replace(BUNDLE.about.safety, may_train=MayTrain.YES))
    told = json.loads(write(handout()).files[TERMS])
    trained = json.loads(write(replace(handout(about=allowed), for_training=True)).files[TERMS])

    assert (told["handed_over_for"], told["may_train"]) == ("reproduction", "no")
    assert (trained["handed_over_for"], trained["may_train"]) == ("training", "yes")


def test_data_that_may_not_be_trained_on_is_not_handed_over_for_training() -> None:
    with pytest.raises(NotPermittedError, match="does not allow to train"):
        replace(handout(), for_training=True)
