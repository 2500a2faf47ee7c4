# SPDX-License-Identifier: Apache-2.0
"""The certificate of a verification campaign: an in-toto Statement v1 in a signed DSSE envelope.

The predicate (`PREDICATE_TYPE`) holds what was fixed before the first call (criterion and its digest, families, bundle,
oracle, commitment to the held-out draws), what was found (verdict, reasons, a paragraph for anyone, counts and
confidence bounds of every arm and family, the e-value path), which targets were asked, and the reveal of salt and
generator seed. It names the trials by their digest. The subjects are the two targets.

Whoever has the envelope, the trials and the signer's verifier key recomputes everything offline: `verify_certificate`
replays the trials in the order of submission and refuses any difference. With the bundle it also checks the reveal
against the commitment and draws every variant again.

Not promised: that the signer asked the target it names, or wrote down every answer. The digests of requests and
responses allow a broker's or a vendor's record to be compared.
"""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from safeconduct.crypto.dsse import LIMITS, Statement, Subject, open_statement, sign_statement
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Criterion, Trial, Verdict
from safeconduct.domain.instants import parse_instant, utc
from safeconduct.domain.safe_json import Json, canonical_json, read_object
from safeconduct.errors import MalformedError, VerificationError
from safeconduct.verification.bundle.reading import read_criterion
from safeconduct.verification.criterion import criterion_sha256, criterion_terms
from safeconduct.verification.fields import Fields
from safeconduct.verification.findings import VerdictReport, report
from safeconduct.verification.oracles import PreparedOracle
from safeconduct.verification.path import evidence_paths
from safeconduct.verification.sampling import require_draws
from safeconduct.verification.statement import explain
from safeconduct.verification.trials import digest_of, read_trials
from safeconduct.verification.variants import HeldOut, require_commitment
from safeconduct.verification.verdict import Deliberation, deliberate

PREDICATE_TYPE: Final = "https://safeconduct.dev/attestation/fix-verification/v1"
_DECIMALS: Final = 9
_CLOSE: Final = 1e-6
_ENVELOPE: Final = frozenset({"payload", "payloadType", "signatures"})
_SIGNATURE: Final = frozenset({"keyid", "sig"})
_URL_SAFE: Final = frozenset("-_")
_MOST_FAMILIES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRecord:
    """A target that was asked: what it is called, what it said of itself, and its SHA-256 where that is known."""

    name: str
    fingerprint: str
    sha256: str = ""

    @property
    def digest(self) -> str:
        """Return the digest by which a statement names the target: its own, else that of name and fingerprint."""
        if self.sha256:
            return self.sha256
        return hashlib.sha256(canonical_json({"name": self.name, "fingerprint": self.fingerprint})).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """What a campaign fixed and where it ran; everything else in a certificate follows from this and the trials.

    `benign` says whether the bundle carries control prompts, `halted` why the campaign ended early, if it did.
    """

    criterion: Criterion
    families: tuple[str, ...]
    benign: bool
    unpatched: TargetRecord
    patched: TargetRecord
    bundle_sha256: str
    oracle_sha256: str
    commitment: str
    reveal: HeldOut
    started_at: datetime
    ended_at: datetime
    halted: str = ""
    tool: str = "safeconduct"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCheck:
    """A certificate that holds. `draws` is the number of variants drawn again, None without the bundle."""

    facts: CampaignFacts
    report: VerdictReport
    statement: str
    trials: tuple[Trial, ...]
    draws: int | None

    @property
    def verdict(self) -> Verdict:
        """Return the verdict as recomputed."""
        return self.report.verdict


def make_certificate(facts: CampaignFacts, trials: Collection[Trial], signer: SigningKey) -> bytes:
    """Return the signed envelope over what the trials amount to, as canonical JSON.

    Raises:
        VerificationError: the trials do not fit the criterion.
        MalformedError: the criterion contradicts itself, or a fact cannot be written.
    """
    statement = Statement(subjects=_subjects(facts), predicate_type=PREDICATE_TYPE, predicate=_predicate(facts, trials))
    return sign_statement(statement, signer)


def verify_certificate(
    envelope: bytes, trials: bytes, keys: Sequence[VerifyKey], *, bundle: Bundle | None = None
) -> CertificateCheck:
    """Recompute a certificate from its trials and return what it says; with the bundle, draw the variants again.

    Raises:
        VerificationError: the signature, the trials, a number or a word of the certificate does not hold.
        MalformedError: the envelope, its statement or the trials cannot be read.
        IncompleteError: a fact is missing.
        UnknownValueError: it is of a kind or a method that this version does not know.
        TooLargeError: one of the files passes its limit.
    """
    _require_exact(envelope)
    statement = open_statement(envelope, keys)
    if statement.predicate_type != PREDICATE_TYPE:
        raise VerificationError("the statement is not a certificate of a fix", hint=f"expected {PREDICATE_TYPE}")
    facts = _read_facts(statement.predicate)
    if statement.subjects != _subjects(facts):
        raise VerificationError("the subjects of the certificate are not its targets", hint=_ALTERED)
    if hashlib.sha256(trials).hexdigest() != statement.predicate.get("trials_sha256"):
        raise VerificationError(
            "these are not the trials of the certificate", hint="bring the trials.jsonl that was written with it"
        )
    known = read_trials(trials)
    _require_equal(_predicate(facts, known), statement.predicate)
    found = report(_deliberate(facts, known), halted=facts.halted)
    return CertificateCheck(
        facts=facts,
        report=found,
        statement=explain(found, facts.criterion),
        trials=known,
        draws=None if bundle is None else _draw_again(facts, known, bundle),
    )


_ALTERED: Final = "the certificate was not made by this rule, or was altered before it was signed"


def _deliberate(facts: CampaignFacts, trials: Collection[Trial]) -> Deliberation:
    return deliberate(facts.criterion, trials, families=facts.families, benign=facts.benign)


def _predicate(facts: CampaignFacts, trials: Collection[Trial]) -> dict[str, Json]:
    """Return the whole predicate; nothing in it is taken from elsewhere, so that it can be recomputed."""
    found = report(_deliberate(facts, trials), halted=facts.halted)
    start = Deliberation.begin(facts.criterion, families=facts.families, benign=facts.benign)
    paths = evidence_paths(start, trials)
    return {
        "verdict": found.verdict.value,
        "statement": explain(found, facts.criterion),
        "reasons": list(found.reasons),
        "criterion": criterion_terms(facts.criterion),
        "criterion_sha256": criterion_sha256(facts.criterion),
        "families": list(facts.families),
        "included": list(found.included),
        "excluded": list(found.excluded),
        "benign_controls": facts.benign,
        "calls": found.calls,
        "calls_needed": found.calls_needed,
        "halted": facts.halted,
        "assay": [_plain(asdict(finding)) for finding in found.assay],
        "efficacy": [
            {**_plain(asdict(finding)), "path": [_plain(asdict(point)) for point in paths[finding.family]]}
            for finding in found.efficacy
        ],
        "benign": None if found.benign is None else _plain(asdict(found.benign)),
        "unpatched": _plain(asdict(facts.unpatched)),
        "patched": _plain(asdict(facts.patched)),
        "bundle_sha256": facts.bundle_sha256,
        "oracle_sha256": facts.oracle_sha256,
        "commitment": facts.commitment,
        "reveal": {"salt": facts.reveal.salt.hex(), "seed": facts.reveal.seed.hex()},
        "trials_sha256": digest_of(trials),
        "started_at": utc(facts.started_at).isoformat(),
        "ended_at": utc(facts.ended_at).isoformat(),
        "tool": facts.tool,
    }


def _plain(values: Mapping[str, Json]) -> dict[str, Json]:
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Json) -> Json:
    """Return a number rounded, and a member of a vocabulary as the text that a reader finds."""
    if isinstance(value, float):
        return round(value, _DECIMALS)
    return value.value if isinstance(value, StrEnum) else value


def _subjects(facts: CampaignFacts) -> tuple[Subject, ...]:
    return (
        Subject(name=f"patched: {facts.patched.name}", sha256=facts.patched.digest),
        Subject(name=f"unpatched: {facts.unpatched.name}", sha256=facts.unpatched.digest),
    )


def _read_facts(predicate: Mapping[str, object]) -> CampaignFacts:
    fields = Fields.of(dict(predicate), at="certificate")  # type: ignore[arg-type]  # it was read from JSON
    return CampaignFacts(
        criterion=fields.one("criterion", read_criterion),
        families=fields.texts("families", most=_MOST_FAMILIES),
        benign=fields.flag("benign_controls", default=False),
        unpatched=fields.one("unpatched", _read_target),
        patched=fields.one("patched", _read_target),
        bundle_sha256=fields.text("bundle_sha256", limit=64),
        oracle_sha256=fields.text("oracle_sha256", limit=64),
        commitment=fields.text("commitment", limit=64),
        reveal=fields.one("reveal", _read_reveal),
        started_at=parse_instant(fields.text("started_at", limit=40)),
        ended_at=parse_instant(fields.text("ended_at", limit=40)),
        halted=fields.text("halted", limit=2_000),
        tool=fields.text("tool", limit=200),
    )


def _read_target(fields: Fields) -> TargetRecord:
    return TargetRecord(
        name=fields.text("name", limit=500),
        fingerprint=fields.text("fingerprint", limit=10_000),
        sha256=fields.text("sha256", limit=64),
    )


def _read_reveal(fields: Fields) -> HeldOut:
    return HeldOut(salt=_read_hex(fields, "salt"), seed=_read_hex(fields, "seed"))


def _read_hex(fields: Fields, name: str) -> bytes:
    try:
        return bytes.fromhex(fields.text(name, limit=64))
    except ValueError as error:
        raise fields.wrong(name, "hexadecimal digits") from error


def _draw_again(facts: CampaignFacts, trials: tuple[Trial, ...], bundle: Bundle) -> int:
    families = tuple(family.name for family in bundle.attack.families)
    same = (
        bundle.id == facts.bundle_sha256
        and PreparedOracle(bundle.oracle).digest == facts.oracle_sha256
        and families == facts.families
        and bool(bundle.benign) is facts.benign
    )
    if not same:
        raise VerificationError("this is not the bundle of the certificate", hint="bring the bundle of this campaign")
    require_commitment(bundle.attack, facts.reveal, commitment=facts.commitment)
    return require_draws(bundle, facts.criterion, facts.reveal, trials)


def _require_exact(envelope: bytes) -> None:
    """Refuse an envelope that is not byte for byte as it is written, though another reader might take it."""
    body = read_object(envelope, limits=LIMITS)
    signatures = body.get("signatures")
    entries = signatures if isinstance(signatures, list) else []
    exact = (
        canonical_json(body) == envelope
        and set(body) == _ENVELOPE
        and all(isinstance(one, dict) and set(one) == _SIGNATURE for one in entries)
        and not any(_is_url_safe(one["sig"]) for one in entries if isinstance(one, dict))
        and not _is_url_safe(body["payload"])
    )
    if not exact:
        raise MalformedError("the envelope is not in its canonical form", hint="get the certificate again, unaltered")


def _is_url_safe(text: Json) -> bool:
    """Tell whether a base64 text uses the second alphabet, which DSSE lets readers take as well."""
    return isinstance(text, str) and not _URL_SAFE.isdisjoint(text)


def _require_equal(expected: Json, given: object, *, at: str = "certificate") -> None:
    """Refuse the first difference; numbers may differ by rounding, since logarithms do between machines."""
    if isinstance(expected, dict) and isinstance(given, dict) and set(expected) == set(given):
        for name, value in expected.items():
            _require_equal(value, given[name], at=f"{at}.{name}")
    elif isinstance(expected, list) and isinstance(given, list) and len(expected) == len(given):
        for place, value in enumerate(expected):
            _require_equal(value, given[place], at=f"{at}[{place}]")
    elif not _is_same(expected, given):
        raise VerificationError("the certificate does not follow from its trials", hint=_ALTERED, at=at)


def _is_same(expected: Json, given: object) -> bool:
    if isinstance(expected, float) and isinstance(given, int | float) and not isinstance(given, bool):
        return math.isclose(expected, given, rel_tol=_CLOSE, abs_tol=_CLOSE)
    return type(expected) is type(given) and expected == given
