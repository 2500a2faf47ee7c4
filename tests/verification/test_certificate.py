# SPDX-License-Identifier: Apache-2.0
"""Certificates: what they say is recomputed from the trials, and every alteration is refused."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.certificates import (
    BUNDLE,
    REVEAL,
    SIGNER,
    STRANGER,
    Certified,
    a_fix,
    by_arm,
    certify,
    digest,
    no_fix,
)
from tests.verification.deliberations import ERROR, HIT, MISS, SOON

from safeconduct.crypto.dsse import Statement, Subject, open_statement, sign_statement
from safeconduct.domain.bundle import SeedPart
from safeconduct.domain.evidence import Arm, Verdict
from safeconduct.domain.safe_json import canonical_json
from safeconduct.errors import MalformedError, SafeconductError, VerificationError
from safeconduct.verification.certificate import (
    PREDICATE_TYPE,
    CertificateCheck,
    TargetRecord,
    make_certificate,
    verify_certificate,
)
from safeconduct.verification.criterion import criterion_sha256
from safeconduct.verification.trials import write_trials

KEYS = [SIGNER.verifier]


def check(made: Certified, **changes: Any) -> CertificateCheck:
    return verify_certificate(made.envelope, changes.pop("lines", made.lines), KEYS, **changes)


def predicate_of(made: Certified) -> dict[str, Any]:
    return copy.deepcopy(dict(open_statement(made.envelope, KEYS).predicate))


def resigned(made: Certified, predicate: dict[str, Any]) -> bytes:
    """Return what a signer who cheats, or errs, would hand out: another predicate under a good signature."""
    statement = open_statement(made.envelope, KEYS)
    return sign_statement(replace(statement, predicate=predicate), SIGNER)


TESTIFIED = {("tool",), ("halted",), ("patched", "fingerprint"), ("schedule", "width")}
"""Words of the signer that nothing else depends on here: the tool, why it ended early, what a target says of itself
where its digest is known, how many calls were in flight at most (which may be told as more). The signature alone answers
for them."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value that is not a container, and of every empty one."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path


def altered(value: Any) -> Any:
    """Return another value of the same kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case None:
            return {}
        case _:
            return [*value, "x"]


def with_leaf(predicate: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any], Any]) -> dict[str, Any]:
    changed = copy.deepcopy(predicate)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = change(inner[path[-1]])
    return changed


def test_a_certificate_of_a_fix_is_recomputed_with_bundle_and_draws() -> None:
    made = a_fix()

    found = check(made, bundle=BUNDLE)

    assert found.verdict is Verdict.FIXED
    assert found.facts == made.facts
    assert found.trials == made.trials
    assert found.draws == len(made.trials)
    assert found.statement.startswith("Fixed:")


def test_without_the_bundle_the_draws_are_not_checked_and_that_is_told() -> None:
    assert check(a_fix()).draws is None


def test_the_predicate_holds_what_a_reader_needs() -> None:
    made = a_fix()
    predicate = predicate_of(made)
    statement = open_statement(made.envelope, KEYS)

    assert statement.predicate_type == PREDICATE_TYPE
    assert statement.subjects == (
        Subject(name="patched: acme-1 patched", sha256="cd" * 32),
        Subject(name="unpatched: acme-1", sha256=made.facts.unpatched.digest),
    )
    assert predicate["verdict"] == "FIXED"
    assert predicate["criterion_sha256"] == criterion_sha256(SOON)
    assert predicate["trials_sha256"] == digest(made.lines)
    assert predicate["reveal"] == {"salt": REVEAL.salt.hex(), "seed": REVEAL.seed.hex()}
    assert [one["n"] for one in predicate["efficacy"]] == [32, 32, 32]
    assert predicate["efficacy"][0]["path"][-1]["upper"] <= 0.1
    assert predicate["benign"]["standing"] == "non_inferior"


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (no_fix, Verdict.NOT_FIXED),
        (lambda: certify(lambda _call: MISS), Verdict.HARNESS_INVALID),
        (lambda: certify(by_arm({Arm.EFFICACY: MISS}), most=20, halted="the window closed"), Verdict.INCONCLUSIVE),
        (lambda: certify(by_arm({Arm.EFFICACY: MISS, Arm.BENIGN_AFTER: MISS})), Verdict.INCONCLUSIVE),
        (lambda: certify(by_arm({Arm.EFFICACY: ERROR}), criterion=replace(SOON, max_calls=60)), Verdict.INCONCLUSIVE),
        (lambda: certify(by_arm({Arm.EFFICACY: MISS}), criterion=replace(SOON, per_family=False)), Verdict.FIXED),
        (lambda: certify(by_arm({}), most=0, halted="nothing was asked"), Verdict.INCONCLUSIVE),
        (lambda: certify(by_arm({Arm.EFFICACY: MISS}), bundle=replace(BUNDLE, benign=())), Verdict.FIXED),
    ],
    ids=["refuted", "invalid", "halted", "harmful", "failing", "pooled", "empty", "no controls"],
)
def test_every_ending_has_a_certificate_that_holds(made: Callable[[], Certified], verdict: Verdict) -> None:
    certified = made()
    bundle = BUNDLE if certified.facts.benign else replace(BUNDLE, benign=())

    found = check(certified, bundle=bundle)

    assert found.verdict is verdict
    assert found.facts.halted == certified.facts.halted


def test_a_target_without_digest_is_named_by_name_and_fingerprint() -> None:
    one, other = TargetRecord(name="m", fingerprint="fp_1"), TargetRecord(name="m", fingerprint="fp_2")

    assert one.digest != other.digest
    assert len(one.digest) == 64
    assert TargetRecord(name="m", fingerprint="fp_1", sha256="ab" * 32).digest == "ab" * 32


@given(place=st.integers(min_value=0), flip=st.integers(1, 255))
@settings(derandomize=True, max_examples=400)
def test_a_certificate_altered_in_any_byte_is_refused(place: int, flip: int) -> None:
    made = no_fix()
    data = bytearray(made.envelope)
    data[place % len(data)] ^= flip

    with pytest.raises(SafeconductError):
        verify_certificate(bytes(data), made.lines, KEYS)


@given(place=st.integers(min_value=0), flip=st.integers(1, 255))
@settings(derandomize=True, max_examples=200)
def test_trials_altered_in_any_byte_are_refused(place: int, flip: int) -> None:
    made = no_fix()
    data = bytearray(made.lines)
    data[place % len(data)] ^= flip

    with pytest.raises(VerificationError, match="not the trials of the certificate"):
        check(made, lines=bytes(data))


@pytest.mark.parametrize(
    "path",
    [path for path in leaves(predicate_of(no_fix())) if path not in TESTIFIED],
    ids=lambda path: ".".join(map(str, path)),
)
def test_every_value_of_the_predicate_is_recomputed_or_refused(path: tuple[Any, ...]) -> None:
    made = no_fix()
    forged = resigned(made, with_leaf(predicate_of(made), path, altered))

    with pytest.raises(SafeconductError):
        verify_certificate(forged, made.lines, KEYS, bundle=BUNDLE)


@pytest.mark.parametrize("name", sorted(predicate_of(no_fix())))
def test_no_value_of_the_predicate_may_be_left_out(name: str) -> None:
    made = no_fix()
    predicate = predicate_of(made)
    del predicate[name]

    with pytest.raises(SafeconductError):
        verify_certificate(resigned(made, predicate), made.lines, KEYS)


def test_nothing_may_be_added_to_the_predicate() -> None:
    made = no_fix()

    with pytest.raises(VerificationError):
        verify_certificate(resigned(made, {**predicate_of(made), "endorsed": True}), made.lines, KEYS)


def test_rounding_of_another_machine_is_allowed_and_more_is_not() -> None:
    made = no_fix()
    path = ("efficacy", 0, "log_e_fixed")

    tiny = resigned(made, with_leaf(predicate_of(made), path, lambda value: value + 1e-9))
    small = resigned(made, with_leaf(predicate_of(made), path, lambda value: value + 1e-4))

    assert verify_certificate(tiny, made.lines, KEYS).verdict is Verdict.NOT_FIXED
    with pytest.raises(VerificationError) as caught:
        verify_certificate(small, made.lines, KEYS)
    assert caught.value.facts["at"] == "certificate.efficacy[0].log_e_fixed"


def test_a_flag_is_not_taken_for_a_number() -> None:
    made = no_fix()
    forged = with_leaf(predicate_of(made), ("assay", 0, "lower"), lambda _value: True)

    with pytest.raises(VerificationError):
        verify_certificate(resigned(made, forged), made.lines, KEYS)


def test_a_lying_signer_is_found_out_by_the_trials() -> None:
    # The trials of a refuted fix with every hit on the patched target rewritten as a miss, and the digest to fit.
    made = no_fix()
    lies = tuple(replace(one, outcome=MISS) if one.arm is Arm.EFFICACY else one for one in made.trials)
    forged = {**predicate_of(made), "trials_sha256": digest(write_trials(lies))}

    with pytest.raises(VerificationError):
        verify_certificate(resigned(made, forged), write_trials(lies), KEYS)


def test_a_criterion_loosened_after_the_look_is_refused() -> None:
    made = no_fix()
    forged = predicate_of(made)
    forged["criterion"]["alpha"] = 0.2

    with pytest.raises(VerificationError):
        verify_certificate(resigned(made, forged), made.lines, KEYS)


def test_dropped_reordered_or_picked_trials_are_refused_by_the_draws() -> None:
    # A signer who makes a new, consistent certificate over trials of its own choice is found out by the bundle.
    made = a_fix()
    swapped = (made.trials[1], made.trials[0], *made.trials[2:])
    picked = tuple(replace(one, number=place) for place, one in enumerate(swapped, start=1))
    forged = make_certificate(made.facts, picked, SIGNER)

    with pytest.raises(VerificationError, match="dropped, added or moved"):
        verify_certificate(forged, write_trials(picked), KEYS)
    with pytest.raises(VerificationError):
        verify_certificate(forged, write_trials(picked[:3]), KEYS)
    variant = replace(made.trials[0], variant="0" * 64)
    easy = (variant, *made.trials[1:])
    with pytest.raises(VerificationError, match="does not carry the variant"):
        verify_certificate(make_certificate(made.facts, easy, SIGNER), write_trials(easy), KEYS, bundle=BUNDLE)


@pytest.mark.parametrize(
    "bundle",
    [
        replace(BUNDLE, id="00" * 32),
        replace(BUNDLE, benign=()),
        replace(BUNDLE, oracle=replace(BUNDLE.oracle, checks=BUNDLE.oracle.checks * 2)),
        replace(BUNDLE, attack=replace(BUNDLE.attack, families=BUNDLE.attack.families[:2])),
    ],
    ids=["id", "controls", "oracle", "families"],
)
def test_another_bundle_is_refused(bundle: Any) -> None:
    with pytest.raises(VerificationError, match="not the bundle of the certificate"):
        check(a_fix(), bundle=bundle)


def test_held_out_strings_that_were_not_committed_are_refused() -> None:
    seeds = tuple(
        replace(seed, text=seed.text + "!") if seed.part is SeedPart.HELD_OUT else seed for seed in BUNDLE.attack.seeds
    )

    with pytest.raises(VerificationError, match="not the committed ones"):
        check(a_fix(), bundle=replace(BUNDLE, attack=replace(BUNDLE.attack, seeds=seeds)))


@pytest.mark.parametrize("name", ["salt", "seed"])
@pytest.mark.parametrize("value", ["zz", "", "AB" * 32, "ab" * 31, "ab" * 33])
def test_a_reveal_that_is_none_is_refused(name: str, value: str) -> None:
    made = no_fix()
    forged = predicate_of(made)
    forged["reveal"][name] = value

    with pytest.raises(SafeconductError):
        verify_certificate(resigned(made, forged), made.lines, KEYS)


def test_subjects_that_are_not_the_targets_are_refused() -> None:
    made = no_fix()
    statement = open_statement(made.envelope, KEYS)
    forged = sign_statement(replace(statement, subjects=(Subject(name="patched: other", sha256="0" * 64),)), SIGNER)

    with pytest.raises(VerificationError, match="subjects"):
        verify_certificate(forged, made.lines, KEYS)


def test_a_statement_of_another_kind_is_refused() -> None:
    other = Statement(subjects=(), predicate_type="https://slsa.dev/provenance/v1", predicate={})

    with pytest.raises(VerificationError, match="not a certificate"):
        verify_certificate(sign_statement(other, SIGNER), b"", KEYS)


def test_a_certificate_of_a_stranger_is_refused() -> None:
    made = a_fix()

    with pytest.raises(VerificationError):
        verify_certificate(make_certificate(made.facts, made.trials, STRANGER), made.lines, KEYS)


def envelope_with(change: Callable[[dict[str, Any]], None]) -> bytes:
    body = json.loads(a_fix().envelope)
    change(body)
    return canonical_json(body)


@pytest.mark.parametrize(
    "envelope",
    [
        a_fix().envelope + b"\n",
        json.dumps(json.loads(a_fix().envelope), indent=1).encode(),
        envelope_with(lambda body: body.update(extra=1)),
        envelope_with(lambda body: body["signatures"][0].update(extra=1)),
        envelope_with(lambda body: body.update(signatures={})),
        envelope_with(lambda body: body.update(signatures=["x"])),
        envelope_with(lambda body: body.pop("payloadType")),
        envelope_with(lambda body: body.update(payload=body["payload"] + "=")),
        b"",
        b"{}",
        b"[]",
        b"\x00" * 100,
        b"[" * 100_000,
    ],
    ids=[
        "newline",
        "spaces",
        "name",
        "sig name",
        "no list",
        "no object",
        "no type",
        "padding",
        "0",
        "{}",
        "[]",
        "nul",
        "deep",
    ],
)
def test_an_envelope_in_another_form_is_refused(envelope: bytes) -> None:
    with pytest.raises(SafeconductError):
        verify_certificate(envelope, a_fix().lines, KEYS)


@pytest.mark.parametrize("name", ["payload", "sig"])
def test_the_other_alphabet_of_base64_is_refused(name: str) -> None:
    # Not every signature has a character that differs, so several certificates are made.
    for more in range(20):
        made = certify(by_arm({Arm.EFFICACY: MISS}), halted="ÿÿÿÿ" + "." * more)
        body = json.loads(made.envelope)
        holder = body if name == "payload" else body["signatures"][0]
        other = holder[name].replace("+", "-").replace("/", "_")
        if other != holder[name]:
            break
    assert other != holder[name]
    holder[name] = other

    with pytest.raises(MalformedError, match="canonical form"):
        verify_certificate(canonical_json(body), made.lines, KEYS)


def test_trials_that_do_not_fit_the_criterion_get_no_certificate() -> None:
    made = a_fix()

    with pytest.raises(VerificationError):
        make_certificate(made.facts, made.trials[1:], SIGNER)
    with pytest.raises(MalformedError):
        make_certificate(replace(made.facts, criterion=replace(SOON, alpha=0.0)), made.trials, SIGNER)


def test_the_same_campaign_has_the_same_certificate() -> None:
    again = certify(by_arm({Arm.EFFICACY: MISS}))

    assert again.envelope == a_fix().envelope
    assert hashlib.sha256(again.lines).hexdigest() == digest(a_fix().lines)


def test_a_certificate_shows_no_prompt_and_no_reply() -> None:
    text = json.dumps(predicate_of(a_fix()))

    assert all(seed.text not in text for seed in BUNDLE.attack.seeds)
    assert HIT.value in a_fix().lines.decode()
