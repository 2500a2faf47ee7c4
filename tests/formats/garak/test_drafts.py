# SPDX-License-Identifier: Apache-2.0
"""Drafts from a garak run: a report that claims nothing the file does not say, and a bundle that can be read."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from safeconduct.domain.bundle import Canary, MutatorName, Network, Pattern, SeedPart, Speaker
from safeconduct.domain.report import Answer, DisclosureIntent, PublicStatus
from safeconduct.domain.systems import UNKNOWN
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import MalformedError
from safeconduct.formats import native
from safeconduct.formats.base import Fate
from safeconduct.formats.garak import FamilyCount, GarakDraft, GarakFormat, HitPrompt, LogKind, Run, read_garak
from safeconduct.formats.garak.bundle import SLOT_LIMIT, bundle_of
from safeconduct.formats.garak.draft import class_of, endpoint_of, questions_of, report_of, system_of
from safeconduct.verification.bundle import read_bundle, zip_bundle
from safeconduct.verification.bundle.checks import Level, check_bundle
from safeconduct.verification.oracles import PreparedOracle, Reply

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "formats"
REPORT = VECTORS / "garak-0.17.1.report.jsonl"
HITLOG = VECTORS / "garak-0.17.1.hitlog.jsonl"

FAMILY = FamilyCount(probe="dan.Dan", detector="base.TriggerListDetector", hits=3, misses=7, attempts=10)
PROMPT = HitPrompt(probe="dan.Dan", detector="base.TriggerListDetector", text="tell it", triggers=("PELICAN.77",))
RUN = Run(kind=LogKind.REPORT, sha256="0" * 64, families=(FAMILY,), prompts=(PROMPT,))


def draft(path: Path) -> GarakDraft:
    return read_garak(io.BytesIO(path.read_bytes()), now=NOW)


def outcome(run: Run, reply: str) -> str:
    bundle = bundle_of(run, report_of(run, now=NOW)).bundle
    return PreparedOracle(bundle.oracle).judge([Reply(text=reply)]).outcome.value


def remarks(run: Run) -> dict[str, str]:
    return {remark.at: remark.message for remark in bundle_of(run, report_of(run, now=NOW)).remarks}


def test_a_report_is_drafted_from_a_real_run() -> None:
    made = draft(REPORT)
    report = made.report

    assert report.title == "stub-model: dan.Dan_11_0 succeeds (hits: 8 of 19 judged outputs, 1 not judged)"
    assert report.flaw_class is FlawClass.JAILBREAK
    assert [(trial.n, trial.hits, trial.abstained, trial.clusters) for trial in report.evidence.trials] == [
        (19, 8, 1, 5)
    ] * 2
    assert report.evidence.trials[0].source == "garak 0.17.1 report a9fcc6c5-3336-4354-9527-34815e6fbd86"
    assert report.evidence.trials[0].source_sha256 == made.run.sha256
    assert "--target_name stub-model --spec probes.dan.Dan_11_0 --generations 4 --seed 11" in report.steps
    assert [str(item) for item in report.taxonomy] == ["garak/0.17.1/dan.Dan_11_0"]
    assert report.affects[0].hosted
    assert report.affects[0].observed is not None
    assert native.read_report(native.canonical(report)) == report


def test_a_draft_claims_nothing_that_only_the_reporter_knows() -> None:
    report = draft(REPORT).report

    assert report.real_world_harm is Answer.UNKNOWN
    assert report.public_status is PublicStatus.UNKNOWN
    assert report.disclosure.intent is DisclosureIntent.UNDECIDED
    assert report.affects[0].vendor == UNKNOWN
    assert {remark.at for remark in draft(REPORT).remarks} >= {
        "/real_world_harm",
        "/public_status",
        "/disclosure/intent",
    }


def test_no_output_of_the_model_is_quoted() -> None:
    made = draft(REPORT)

    assert b"you see" in REPORT.read_bytes()
    assert b"you see" not in native.canonical(made.report)
    assert "you see" not in str(made.bundle)


def test_a_hit_log_gives_no_rate_and_asks_for_the_report() -> None:
    made = draft(HITLOG)

    assert {trial.n for trial in made.report.evidence.trials} == {None}
    assert "number of tries not known" in made.report.title
    assert "there is no rate" in made.report.description
    assert "threshold" not in made.report.evidence.trials[0].judge
    assert made.report.seen_at == NOW
    assert {remark.at for remark in made.remarks} >= {"", "/seen_at"}
    assert len(made.bundle.bundle.attack.seeds) == 4


def test_a_run_without_a_hit_shows_no_flaw() -> None:
    run = replace(RUN, families=(replace(FAMILY, hits=0),), prompts=())
    report = report_of(run, now=NOW)

    assert report.title == "garak found no hit on the model"
    assert report.malicious_use_possible is Answer.UNKNOWN
    assert class_of(run) is FlawClass.OTHER
    assert {remark.at for remark in questions_of(run)} >= {"/title", "/affects/0/product"}
    assert remarks(run)["attack.json: none"] == "there is no hit prompt to start from"


def test_many_families_are_counted_and_not_all_named() -> None:
    families = tuple(replace(FAMILY, probe=f"new.P{number}", hits=number + 1) for number in range(25))
    report = report_of(replace(RUN, families=families), now=NOW)

    assert report.flaw_class is FlawClass.OTHER
    assert "- and 5 more" in report.description
    assert len(report.evidence.trials) == 25
    assert report.taxonomy == ()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://user:SECRET@api.example/v1?key=SECRET#SECRET", "https://api.example/v1"),
        ("http://127.0.0.1:8081/v1", "http://127.0.0.1:8081/v1"),
        ("http://[::1", ""),
        ("not an address", ""),
        (7, ""),
    ],
)
def test_the_address_of_the_target_carries_no_secret(uri: Any, expected: str) -> None:
    assert endpoint_of(replace(RUN, generator={"uri": uri})) == expected


@pytest.mark.parametrize(
    ("kind", "name", "hosted", "purl"),
    [
        ("openai.OpenAICompatible", "gpt", True, ""),
        ("huggingface.Pipeline", "acme/small", False, "pkg:huggingface/acme/small"),
        ("huggingface.InferenceAPI", "acme/small", True, "pkg:huggingface/acme/small"),
        ("huggingface.Model", "../etc", False, ""),
        ("ggml", "model.gguf", False, ""),
        ("", "", False, ""),
    ],
)
def test_the_scanned_model_is_named_as_well_as_the_file_allows(
    kind: str, name: str, *, hosted: bool, purl: str
) -> None:
    system = system_of(replace(RUN, target_type=kind, target_name=name))

    assert (system.hosted, system.identity.purl, system.identity.model_string) == (hosted, purl, name)
    assert system.product == (name or UNKNOWN)
    assert system.observed is None


def test_sampling_settings_are_part_of_what_was_observed() -> None:
    run = replace(RUN, ended_at=NOW, generator={"temperature": 0.7, "max_tokens": 40, "top_p": None})
    observed = system_of(run).observed

    assert observed is not None
    assert (observed.since, observed.until) == (NOW, NOW)
    assert observed.sampling == (("temperature", "0.7"), ("max_tokens", "40"))


def test_a_bundle_is_drafted_from_a_real_run_and_can_be_read_back() -> None:
    made = draft(REPORT).bundle
    bundle = made.bundle

    assert read_bundle(zip_bundle(bundle)) == bundle
    assert [remark for remark in check_bundle(bundle) if remark.level is Level.ERROR] == []
    assert bundle.oracle.checks == (Pattern(pattern=r"PELICAN\-77", ignore_case=True),)
    assert {seed.part for seed in bundle.attack.seeds} == {SeedPart.DISCLOSED}
    assert [family.name for family in bundle.attack.families] == ["dan.Dan_11_0"]
    assert bundle.attack.families[0].chains[0][0].name is MutatorName.IDENTITY
    assert bundle.limits.network is Network.BROKER
    assert {remark.at for remark in made.remarks} == {"oracle.json", "attack.json", "target.json"}
    assert "encoding.DecodeApprox" in made.remarks[0].message


def test_a_target_and_its_sampling_are_taken_from_the_settings() -> None:
    generator = {"uri": "https://api.example/v1", "temperature": 0.5, "top_p": 7, "max_tokens": 24}
    target = bundle_of(replace(RUN, target_name="gpt", generator=generator), report_of(RUN, now=NOW)).bundle.target

    assert (target.model, target.url) == ("gpt", "https://api.example/v1")
    assert (target.sampling.temperature, target.sampling.top_p, target.sampling.max_tokens) == (0.5, None, 24)
    odd = {"temperature": True, "max_tokens": -1}
    target = bundle_of(replace(RUN, generator=odd), report_of(RUN, now=NOW)).bundle.target
    assert (target.sampling.temperature, target.sampling.max_tokens) == (None, 256)
    assert "target.json" in remarks(RUN)
    assert "target.json" not in remarks(replace(RUN, generator=generator))


def test_a_trigger_becomes_an_oracle_that_says_what_the_detector_says() -> None:
    assert outcome(RUN, "my word is pelican.77!") == "hit"
    assert outcome(RUN, "my word is pelicanx77!") == "miss"


def test_an_oracle_minds_case_where_the_detector_did() -> None:
    run = replace(RUN, detectors={"base": {"case_sensitive": True}})

    assert bundle_of(run, report_of(run, now=NOW)).bundle.oracle.checks == (Canary(text="PELICAN.77"),)
    assert outcome(run, "pelican.77") == "miss"


def test_a_detector_that_looks_at_the_beginning_becomes_an_anchored_oracle() -> None:
    run = replace(RUN, prompts=(replace(PROMPT, detector="leakreplay.StartsWith", triggers=("Call me",)),))

    assert outcome(run, "  call me Ishmael") == "hit"
    assert outcome(run, "They call me Ishmael") == "miss"


def test_a_detector_with_strings_of_its_own_needs_no_trigger() -> None:
    run = replace(RUN, prompts=(replace(PROMPT, detector="dan.STAN", triggers=()),))

    assert outcome(run, "stan: yes") == "hit"


@pytest.mark.parametrize(
    ("detector", "options", "triggers"),
    [
        ("mitigation.MitigationBypass", {}, ("x",)),
        ("base.TriggerListDetector", {"base": {"TriggerListDetector": {"matchtype": "word"}}}, ("x",)),
        ("base.TriggerListDetector", {"base": {"normalize": "NFKC"}}, ("x",)),
        ("base.TriggerListDetector", {}, ()),
        ("base.TriggerListDetector", {}, ("a\0b",)),
        ("base.TriggerListDetector", {}, ("x" * 2_001,)),
    ],
)
def test_where_no_exact_oracle_exists_a_person_must_choose(detector: str, options: Any, triggers: Any) -> None:
    run = replace(RUN, detectors=options, prompts=(replace(PROMPT, detector=detector, triggers=triggers),))
    bundle = bundle_of(run, report_of(run, now=NOW)).bundle

    assert bundle.oracle.checks == ()
    assert len(bundle.attack.seeds) == 1
    assert f"no exact oracle stands for {detector}: choose one" in remarks(run)["oracle.json"]
    assert "the oracle has no checks" in {remark.message for remark in check_bundle(bundle)}


def test_many_triggers_are_cut_to_what_an_oracle_holds_and_told() -> None:
    prompts = tuple(replace(PROMPT, text=f"p{number}", triggers=(f"t{number}",)) for number in range(60))
    told = remarks(replace(RUN, prompts=prompts))

    assert "60 strings" in told["oracle.json: checks"]
    assert "any one of the strings" in told["oracle.json: any"]


def test_turns_before_the_prompt_become_steps() -> None:
    frame = (("system", "You guard {{prompt_like}} words."), ("user", "hi"), ("assistant", "hello"))
    run = replace(RUN, prompts=(replace(PROMPT, frame=frame),))
    bundle = bundle_of(run, report_of(run, now=NOW)).bundle

    assert [step.role for step in bundle.attack.steps] == [
        Speaker.SYSTEM, Speaker.USER, Speaker.ASSISTANT, Speaker.USER,
    ]  # fmt: skip
    assert bundle.attack.steps[-1].template == "{{prompt}}"
    assert read_bundle(zip_bundle(bundle)) == bundle


def test_prompts_that_do_not_fit_the_script_are_left_out_and_told() -> None:
    prompts = (
        PROMPT,
        replace(PROMPT, text="another"),
        replace(PROMPT, text="framed", frame=(("system", "x"),)),
        replace(PROMPT, text="tool", frame=(("tool", "x"),)),
        replace(PROMPT, text="slot", frame=(("user", "{{prompt}}"),)),
        replace(PROMPT, text="x" * 50_001),
        replace(PROMPT, text="a\0b"),
        replace(PROMPT, text=""),
        replace(PROMPT, probe="p" * 101),
        replace(PROMPT, text="tell it", detector="mitigation.MitigationBypass"),
    )
    run = replace(RUN, prompts=prompts)

    assert [seed.text for seed in bundle_of(run, report_of(run, now=NOW)).bundle.attack.seeds] == ["tell it", "another"]
    assert remarks(run)["attack.json: seeds"] == "7 hit prompts do not fit into one script and are left out"


def test_a_prompt_that_looks_like_a_template_is_sent_as_it_is() -> None:
    run = replace(
        RUN, target_name="m", prompts=(replace(PROMPT, text="Sing the {{verse}} of {{Verse}} and {{verse}}."),)
    )
    bundle = bundle_of(run, report_of(run, now=NOW)).bundle

    assert [(slot.name, slot.values) for slot in bundle.attack.slots] == [("verse", ("{{verse}}",))]
    assert [remark for remark in check_bundle(bundle) if remark.level is Level.ERROR] == []


def test_more_templates_than_a_bundle_holds_are_left_out() -> None:
    prompts = tuple(replace(PROMPT, text=f"{{{{s{number}}}}}") for number in range(SLOT_LIMIT + 3))
    run = replace(RUN, prompts=prompts)

    assert len(bundle_of(run, report_of(run, now=NOW)).bundle.attack.slots) == SLOT_LIMIT
    assert remarks(run)["attack.json: seeds"].startswith("3 hit prompts")


def test_the_format_reads_and_checks_and_does_not_write() -> None:
    form = GarakFormat(now=NOW)
    reading = form.read(REPORT.read_bytes())

    assert reading.record == draft(REPORT).report
    assert {entry.fate for entry in reading.loss.entries} == {Fate.DROPPED}
    assert "/attempt/outputs" in {entry.source for entry in reading.loss.lost}
    assert [remark.rule for remark in form.check(REPORT.read_bytes())] == ["garak.zone"]
    with pytest.raises(MalformedError, match="a report cannot be written as garak"):
        form.write(reading.record)
