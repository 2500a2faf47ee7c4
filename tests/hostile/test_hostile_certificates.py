# SPDX-License-Identifier: Apache-2.0
"""Certificates that lie: each lie is refused with its reason, and no byte of a certificate or its trials may change."""

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.certificates import (
    BUNDLE,
    CAMPAIGN,
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
from tests.verification.deliberations import HIT, MISS, SOON

from safeconduct.crypto.dsse import open_statement, sign_envelope, sign_statement
from safeconduct.domain.evidence import Arm, Criterion, JudgeCalibration, Trial, Verdict
from safeconduct.domain.safe_json import canonical_json
from safeconduct.errors import ConflictError, MalformedError, SafeconductError, VerificationError
from safeconduct.verification.binding import bound
from safeconduct.verification.certificate import (
    CertificateCheck,
    make_certificate,
    require_unused,
    verify_certificate,
)
from safeconduct.verification.trials import write_trials
from safeconduct.verification.variants import HeldOut, commit_held_out

KEYS = [SIGNER.verifier]
PAYLOAD = "application/vnd.in-toto+json"


def check(made: Certified, envelope: bytes, trials: tuple[Trial, ...] | None = None) -> CertificateCheck:
    lines = made.lines if trials is None else write_trials(trials)
    return verify_certificate(envelope, lines, KEYS, bundle=BUNDLE)


def forged(made: Certified, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return what a signer who lies would hand out."""
    statement = open_statement(made.envelope, KEYS)
    predicate = copy.deepcopy(dict(statement.predicate))
    change(predicate)
    return sign_statement(replace(statement, predicate=predicate), SIGNER)


def renumbered(trials: list[Trial]) -> tuple[Trial, ...]:
    return tuple(replace(one, number=number) for number, one in enumerate(trials, start=1))


@settings(derandomize=True, max_examples=600, deadline=None)
@given(data=st.data())
def test_a_certificate_changed_anyhow_in_any_place_is_refused(data: st.DataObject) -> None:
    made = a_fix()
    place = data.draw(st.integers(0, len(made.envelope) - 1))
    other = data.draw(st.binary(min_size=0, max_size=3))
    length = data.draw(st.integers(0, 3))
    changed = made.envelope[:place] + other + made.envelope[place + length :]
    if changed == made.envelope:
        return

    with pytest.raises(SafeconductError):
        verify_certificate(changed, made.lines, KEYS)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(place=st.integers(0, len(a_fix().lines) - 1), other=st.binary(max_size=3), length=st.integers(0, 3))
def test_trials_changed_anyhow_in_any_place_are_refused(place: int, other: bytes, length: int) -> None:
    made = a_fix()
    changed = made.lines[:place] + other + made.lines[place + length :]
    if changed == made.lines:
        return

    with pytest.raises(VerificationError, match="not the trials of the certificate"):
        verify_certificate(made.envelope, changed, KEYS)


def reenveloped(change: Callable[[dict[str, Any]], None]) -> bytes:
    body = json.loads(a_fix().envelope)
    change(body)
    return canonical_json(body)


def unused_bits(text: str) -> str:
    """Return another base64 text of the same bytes, which a lax reader takes."""
    raw = base64.b64decode(text)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body, pad = text.rstrip("="), len(text) - len(text.rstrip("="))
    last = alphabet[alphabet.index(body[-1]) + 1]
    spelled = body[:-1] + last + "=" * pad
    assert base64.b64decode(spelled) == raw
    return spelled


@pytest.mark.parametrize(
    "envelope",
    [
        reenveloped(lambda body: body["signatures"][0].update(sig=unused_bits(body["signatures"][0]["sig"]))),
        reenveloped(lambda body: body["signatures"][0].update(sig=body["signatures"][0]["sig"].rstrip("="))),
        reenveloped(lambda body: body["signatures"][0].update(sig=body["signatures"][0]["sig"] + "\n")),
        reenveloped(lambda body: body.update(payload=body["payload"][:8] + "\n" + body["payload"][8:])),
        reenveloped(lambda body: body["signatures"].append({"keyid": "x", "sig": "AAAA"})),
        reenveloped(lambda body: body["signatures"].append(dict(body["signatures"][0]))),
        reenveloped(lambda body: body["signatures"].clear()),
        reenveloped(lambda body: body["signatures"][0].update(sig=7)),
        reenveloped(lambda body: body.update(payload=7)),
        reenveloped(lambda body: body.update(payload="")),
        reenveloped(lambda body: body.update(payload=base64.b64encode(b"[]").decode())),
    ],
    ids=["bits", "padding", "newline", "inner", "second", "twice", "none", "number", "no text", "empty", "list"],
)
def test_another_spelling_of_the_same_envelope_is_refused(envelope: bytes) -> None:
    with pytest.raises(MalformedError):
        verify_certificate(envelope, a_fix().lines, KEYS)


@pytest.mark.parametrize(
    "spell",
    [
        lambda body: json.dumps(body, indent=1, sort_keys=True),
        lambda body: json.dumps(body, separators=(",", ":"), sort_keys=False)[:-1] + " }",
    ],
    ids=["indented", "blank"],
)
def test_a_signed_payload_that_is_not_canonical_is_refused(spell: Callable[[Any], str]) -> None:
    payload = base64.b64decode(json.loads(a_fix().envelope)["payload"])
    envelope = sign_envelope(spell(json.loads(payload)).encode(), SIGNER, payload_type=PAYLOAD)

    with pytest.raises(MalformedError, match="canonical form"):
        verify_certificate(envelope, a_fix().lines, KEYS)


@pytest.mark.parametrize(
    ("name", "value"),
    [("hits", 0), ("n", 500), ("late", 3), ("unknown", 1), ("upper", 0.001), ("log_e_fixed", 9.0)],
)
def test_counts_and_numbers_that_were_altered_are_refused_by_name(name: str, value: float) -> None:
    made = no_fix()
    envelope = forged(made, lambda predicate: predicate["efficacy"][-1].update({name: value}))

    with pytest.raises(VerificationError, match="does not follow from its trials"):
        check(made, envelope)


def test_trials_in_another_order_are_refused() -> None:
    made = a_fix()
    swapped = renumbered([made.trials[1], made.trials[0], *made.trials[2:]])

    lines = write_trials((made.trials[1], made.trials[0], *made.trials[2:]))
    envelope = forged(made, lambda predicate: predicate.update(trials_sha256=digest(lines)))

    with pytest.raises(VerificationError, match="dropped, added or moved"):
        check(made, make_certificate(made.facts, swapped, SIGNER), swapped)
    with pytest.raises(MalformedError, match="trial 1 is missing or out of order"):
        verify_certificate(envelope, lines, KEYS)


@pytest.mark.parametrize("unwanted", [HIT, MISS])
def test_outcomes_that_were_dropped_are_refused(unwanted: object) -> None:
    made = no_fix()
    kept = [one for one in made.trials if not (one.arm is Arm.EFFICACY and one.outcome is unwanted)]
    dropped = renumbered(kept)

    with pytest.raises(VerificationError, match=r"dropped, added or moved|does not say why") as caught:
        check(made, make_certificate(made.facts, dropped, SIGNER), dropped)
    assert caught.value.hint


@pytest.mark.parametrize("place", [0, 4, 8, 9, 20, 60])
def test_one_outcome_that_was_dropped_anywhere_is_refused(place: int) -> None:
    made = a_fix()
    dropped = renumbered([*made.trials[:place], *made.trials[place + 1 :]])

    with pytest.raises(VerificationError):
        check(made, make_certificate(made.facts, dropped, SIGNER), dropped)


def test_where_a_judge_decides_the_order_is_not_looked_at_and_the_draws_still_are() -> None:
    # A person's word came after the calls, so the order follows from outcomes that nobody certifies.
    judged = replace(SOON, judge=JudgeCalibration(positives=200, found=200))
    made = certify(
        lambda call: HIT if call.arm is not Arm.EFFICACY or call.family == "leet" else MISS, criterion=judged
    )
    places = [number for number, one in enumerate(made.trials) if one.arm is Arm.EFFICACY]
    trials = list(made.trials)
    trials[places[0]], trials[places[1]] = trials[places[1]], trials[places[0]]
    swapped = renumbered(trials)
    envelope = make_certificate(made.facts, swapped, SIGNER)

    assert verify_certificate(envelope, write_trials(swapped), KEYS).verdict is Verdict.NOT_FIXED
    easy = (replace(swapped[0], variant="0" * 64), *swapped[1:])
    with pytest.raises(VerificationError, match="does not carry the variant"):
        check(made, make_certificate(made.facts, easy, SIGNER), easy)


def test_a_tail_that_was_dropped_needs_a_reason() -> None:
    made = a_fix()
    kept = made.trials[:50]

    with pytest.raises(VerificationError, match="does not say why"):
        check(made, make_certificate(made.facts, kept, SIGNER), kept)


def test_two_draws_of_one_family_that_changed_places_are_refused_by_the_draws() -> None:
    made = a_fix()
    first, second = (number - 1 for number in [one.number for one in made.trials if one.family == "leet"][-2:])
    trials = list(made.trials)
    trials[first], trials[second] = trials[second], trials[first]
    swapped = renumbered(trials)

    with pytest.raises(VerificationError, match="does not carry the variant that was drawn"):
        check(made, make_certificate(made.facts, swapped, SIGNER), swapped)


def test_another_rule_and_other_widths_are_refused() -> None:
    made = a_fix()

    for schedule in ({"rule": "as-i-like/1", "width": 1}, {"rule": "surviving-first/1", "width": 0}):
        envelope = forged(made, lambda predicate, schedule=schedule: predicate.update(schedule=schedule))
        with pytest.raises(SafeconductError):
            check(made, envelope)


def test_a_criterion_edited_after_the_first_call_is_refused() -> None:
    made = no_fix()
    envelope = forged(made, lambda predicate: predicate["criterion"].update(tolerance=0.5))

    with pytest.raises(VerificationError, match="not the one that was frozen before the first call"):
        check(made, envelope)


def test_a_criterion_edited_with_its_digest_is_refused_by_the_trials() -> None:
    # Whoever edits both has another campaign: its calls would have been others.
    made = no_fix()
    loose = replace(SOON, tolerance=0.9, design=0.5, reproduction=0.9)

    with pytest.raises(SafeconductError):
        check(made, make_certificate(replace(made.facts, criterion=loose), made.trials, SIGNER))


@pytest.mark.parametrize(
    "reveal",
    [HeldOut(salt=b"\x01" * 32, seed=b"\x03" * 32), HeldOut(salt=b"\x04" * 32, seed=b"\x02" * 32)],
    ids=["seed", "salt"],
)
def test_another_seed_or_salt_than_was_committed_is_refused(reveal: HeldOut) -> None:
    made = a_fix()
    envelope = make_certificate(replace(made.facts, reveal=reveal), made.trials, SIGNER)

    with pytest.raises(VerificationError, match="not the committed ones"):
        check(made, envelope)


def test_a_commitment_made_after_the_fact_is_refused_by_the_draws() -> None:
    made = a_fix()
    reveal = HeldOut(salt=b"\x05" * 32, seed=b"\x06" * 32)
    commitment = commit_held_out(BUNDLE.attack, bound(reveal, campaign=CAMPAIGN))
    facts = replace(made.facts, reveal=reveal, commitment=commitment)

    with pytest.raises(VerificationError, match="does not carry the variant that was drawn"):
        check(made, make_certificate(facts, made.trials, SIGNER))


def test_the_draws_of_one_campaign_are_refused_under_the_name_of_another() -> None:
    made = a_fix()

    with pytest.raises(VerificationError, match="not the committed ones"):
        check(made, make_certificate(replace(made.facts, campaign="campaign-2"), made.trials, SIGNER))
    other = replace(
        made.facts,
        campaign="campaign-2",
        commitment=commit_held_out(BUNDLE.attack, bound(REVEAL, campaign="campaign-2")),
    )
    with pytest.raises(VerificationError, match="does not carry the variant that was drawn"):
        check(made, make_certificate(other, made.trials, SIGNER))


def test_a_seed_that_served_another_campaign_is_refused() -> None:
    first, second = (verify_certificate(one.envelope, one.lines, KEYS) for one in (a_fix(), no_fix()))
    fresh = replace(second, facts=replace(second.facts, reveal=OTHER, commitment="00"))
    salted = replace(second, facts=replace(second.facts, reveal=replace(OTHER, salt=REVEAL.salt), commitment="00"))
    swapped = replace(second, facts=replace(second.facts, reveal=replace(OTHER, salt=REVEAL.seed), commitment="00"))

    require_unused(first, [fresh])
    for other in (second, salted, swapped):
        with pytest.raises(ConflictError, match="served another one"):
            require_unused(first, [fresh, other])


OTHER = HeldOut(salt=b"\x07" * 32, seed=b"\x08" * 32)


@pytest.mark.parametrize("campaign", ["x" * 201, "a\0b"])
def test_a_name_that_could_stand_for_another_is_refused(campaign: str) -> None:
    with pytest.raises(MalformedError, match="identifier"):
        bound(REVEAL, campaign=campaign)
    with pytest.raises(SafeconductError):
        check(a_fix(), make_certificate(replace(a_fix().facts, campaign=campaign), a_fix().trials, SIGNER))


def test_costs_that_were_altered_are_refused() -> None:
    made = a_fix()
    envelope = forged(made, lambda predicate: predicate["cost"]["total"].update(tokens_in=1))

    with pytest.raises(VerificationError, match="does not follow"):
        check(made, envelope)


def test_a_second_form_in_the_clothes_of_the_first_is_refused() -> None:
    made = a_fix()
    statement = open_statement(made.envelope, KEYS)
    first = replace(statement, predicate_type="https://safeconduct.dev/attestation/fix-verification/v1")

    with pytest.raises(VerificationError):
        check(made, sign_statement(first, SIGNER))


def test_a_signature_of_a_stranger_is_refused() -> None:
    made = a_fix()

    with pytest.raises(VerificationError):
        check(made, make_certificate(made.facts, made.trials, STRANGER))


def test_a_harness_that_reproduced_nothing_cannot_be_told_as_a_fix() -> None:
    made = certify(by_arm({Arm.ASSAY: MISS, Arm.EFFICACY: MISS}), criterion=Criterion(max_calls=900))
    envelope = forged(made, lambda predicate: predicate.update(verdict="FIXED"))

    with pytest.raises(VerificationError, match="does not follow"):
        check(made, envelope)
