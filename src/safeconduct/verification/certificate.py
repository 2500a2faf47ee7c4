# SPDX-License-Identifier: Apache-2.0
"""The certificate of a verification campaign: an in-toto Statement v1 in a signed DSSE envelope.

The predicate (`verification.predicate`) holds what was fixed before the first call (criterion and its digest, families,
bundle, oracle, commitment to the held-out draws of this campaign), what was found (verdict, reasons, a paragraph for
anyone, counts and confidence bounds of every arm and family, the e-value path, costs, the earlier flaws of the model
family), which targets were asked, and the reveal of salt and generator seed. It names the trials by their digest. The
subjects are the two targets.

Whoever has the envelope, the trials and the signer's verifier key recomputes everything offline: `verify_certificate`
replays the trials in the order of submission and refuses any difference. With the bundle it also checks the reveal
against the commitment and draws every variant again. `require_unused` looks at other certificates: a seed that served
another campaign was known before this one.

Not promised: that the signer asked the target it names, or wrote down every answer. The digests of requests and
responses allow a broker's or a vendor's record to be compared. Nor does the suite of earlier flaws follow from the
trials: the signer answers for it.
"""

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from safeconduct.crypto.dsse import LIMITS, Statement, Subject, open_statement, sign_statement
from safeconduct.crypto.encoding import decode64
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Trial, Verdict
from safeconduct.domain.safe_json import Json, canonical_json, read_object
from safeconduct.errors import ConflictError, MalformedError, VerificationError
from safeconduct.verification.binding import bound
from safeconduct.verification.code_runner import CodeRunner
from safeconduct.verification.findings import VerdictReport
from safeconduct.verification.oracles import PreparedOracle
from safeconduct.verification.outlook import Change, outlook
from safeconduct.verification.predicate import (
    FIRST,
    FORMS,
    PREDICATE_TYPE,
    CampaignFacts,
    TargetRecord,
    deliberation_of,
    predicate_of,
    read_facts,
    report_of,
    statement_of,
)
from safeconduct.verification.sampling import require_draws
from safeconduct.verification.schedule import require_schedule
from safeconduct.verification.trials import read_trials
from safeconduct.verification.variants import require_commitment
from safeconduct.verification.verdict import Deliberation

__all__ = [
    "PREDICATE_TYPE",
    "CampaignFacts",
    "CertificateCheck",
    "TargetRecord",
    "make_certificate",
    "require_unused",
    "verify_certificate",
]

_CLOSE: Final = 1e-6
_ENVELOPE: Final = frozenset({"payload", "payloadType", "signatures"})
_SIGNATURE: Final = frozenset({"keyid", "sig"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCheck:
    """A certificate that holds. `draws` is the number of variants drawn again, None without the bundle."""

    facts: CampaignFacts
    report: VerdictReport
    deliberation: Deliberation
    statement: str
    trials: tuple[Trial, ...]
    draws: int | None
    signer: str

    @property
    def verdict(self) -> Verdict:
        """Return the verdict as recomputed."""
        return self.report.verdict

    @property
    def outlook(self) -> tuple[Change, ...]:
        """Return what would change where every family stands."""
        return outlook(self.deliberation)


def make_certificate(facts: CampaignFacts, trials: Collection[Trial], signer: SigningKey) -> bytes:
    """Return the signed envelope over what the trials amount to, as canonical JSON.

    Raises:
        VerificationError: the trials do not fit the criterion.
        MalformedError: the criterion contradicts itself, or a fact cannot be written.
    """
    statement = Statement(subjects=_subjects(facts), predicate_type=facts.form, predicate=predicate_of(facts, trials))
    return sign_statement(statement, signer)


def verify_certificate(
    envelope: bytes,
    trials: bytes,
    keys: Sequence[VerifyKey],
    *,
    bundle: Bundle | None = None,
    approved_code: frozenset[str] = frozenset(),
) -> CertificateCheck:
    """Recompute a certificate from its trials and return what it says; with the bundle, draw the variants again.

    Variants that are made by code of the bundle are drawn again if the code's SHA-256 is among the approved.

    Raises:
        NotPermittedError: the bundle holds code that is not approved.
        VerificationError: the signature, the trials, a number or a word of the certificate does not hold.
        MalformedError: the envelope, its statement or the trials cannot be read.
        IncompleteError: a fact is missing.
        UnknownValueError: it is of a kind or a method that this version does not know.
        TooLargeError: one of the files passes its limit.
    """
    signer = _require_exact(envelope)
    statement, facts = _opened(envelope, trials, keys)
    known = read_trials(trials)
    _require_equal(predicate_of(facts, known), statement.predicate)
    deliberation = deliberation_of(facts, known)
    _require_course(facts, known, deliberation)
    found = report_of(facts, deliberation)
    return CertificateCheck(
        facts=facts,
        report=found,
        deliberation=deliberation,
        statement=statement_of(facts, found),
        trials=known,
        draws=None if bundle is None else _draw_again(facts, known, bundle, approved_code),
        signer=signer,
    )


def _opened(envelope: bytes, trials: bytes, keys: Sequence[VerifyKey]) -> tuple[Statement, CampaignFacts]:
    """Return the statement that a key signed, of these trials, and the facts that it tells."""
    statement = open_statement(envelope, keys)
    if statement.predicate_type not in FORMS:
        raise VerificationError("the statement is not a certificate of a fix", hint=f"expected {PREDICATE_TYPE}")
    facts = read_facts(statement.predicate, form=statement.predicate_type)
    if statement.subjects != _subjects(facts):
        raise VerificationError("the subjects of the certificate are not its targets", hint=_ALTERED)
    if hashlib.sha256(trials).hexdigest() != statement.predicate.get("trials_sha256"):
        raise VerificationError(
            "these are not the trials of the certificate", hint="bring the trials.jsonl that was written with it"
        )
    return statement, facts


def require_unused(check: CertificateCheck, others: Iterable[CertificateCheck]) -> None:
    """Refuse a certificate whose draws were known before, because another campaign revealed its seed or its salt.

    Raises:
        ConflictError: another certificate has the same seed, salt or commitment.
    """
    mine = check.facts
    for other in (one.facts for one in others):
        same = {mine.reveal.seed, mine.reveal.salt} & {other.reveal.seed, other.reveal.salt}
        if same or mine.commitment == other.commitment:
            raise ConflictError(
                "the seed of this campaign served another one, so its variants were known before",
                hint="every campaign draws from a fresh seed; ask for another one",
                campaigns=[mine.campaign, other.campaign],
            )


_ALTERED: Final = "the certificate was not made by this rule, or was altered before it was signed"


def _subjects(facts: CampaignFacts) -> tuple[Subject, ...]:
    return (
        Subject(name=f"patched: {facts.patched.name}", sha256=facts.patched.digest),
        Subject(name=f"unpatched: {facts.unpatched.name}", sha256=facts.unpatched.digest),
    )


def _require_course(facts: CampaignFacts, trials: tuple[Trial, ...], end: Deliberation) -> None:
    """Refuse calls that the rule would not have made, and an early end without a reason; the first form knew none.

    Where a judge decides, a person's word takes the place of the judge's after the calls were made, so what was asked
    next does not follow from the outcomes that are certified, and is not looked at.
    """
    if facts.form == FIRST:
        return
    if facts.criterion.judge is None:
        start = Deliberation.begin(facts.criterion, families=facts.families, benign=facts.benign)
        require_schedule(start, trials, width=facts.width)
    if not end.is_over and not facts.halted:
        raise VerificationError(
            "the campaign ends before its verdict and does not say why",
            hint="trials at its end may have been dropped",
        )


def _draw_again(facts: CampaignFacts, trials: tuple[Trial, ...], bundle: Bundle, approved: frozenset[str]) -> int:
    with CodeRunner(bundle.code, approved=approved, limits=bundle.limits) as code:
        _require_bundle(facts, bundle, code)
        drawn_from = bound(facts.reveal, campaign=facts.campaign)
        require_commitment(bundle.attack, drawn_from, commitment=facts.commitment)
        return require_draws(bundle, facts.criterion, drawn_from, trials, code=code.change)


def _require_bundle(facts: CampaignFacts, bundle: Bundle, code: CodeRunner) -> None:
    families = tuple(family.name for family in bundle.attack.families)
    same = (
        bundle.id == facts.bundle_sha256
        and PreparedOracle(bundle.oracle, code=code.judge).digest == facts.oracle_sha256
        and families == facts.families
        and bool(bundle.benign) is facts.benign
    )
    if not same:
        raise VerificationError("this is not the bundle of the certificate", hint="bring the bundle of this campaign")


def _require_exact(envelope: bytes) -> str:
    """Refuse an envelope that is not byte for byte as it is written, though another reader might take it.

    One signature, base64 in its one spelling, and canonical JSON outside and inside. Returns the signer's key hint.
    """
    body = read_object(envelope, limits=LIMITS)
    signatures = body.get("signatures")
    entries = signatures if isinstance(signatures, list) else []
    first = entries[0] if len(entries) == 1 else None
    payload = body.get("payload")
    exact = (
        canonical_json(body) == envelope
        and set(body) == _ENVELOPE
        and isinstance(first, dict)
        and set(first) == _SIGNATURE
        and isinstance(payload, str)
        and _is_canonical(payload)
        and _is_base64(first["sig"])
    )
    if not exact or not isinstance(first, dict):
        raise MalformedError("the envelope is not in its canonical form", hint="get the certificate again, unaltered")
    return str(first["keyid"])


def _is_base64(text: Json) -> bool:
    """Tell whether a text is base64 in its one spelling; DSSE would let readers take a second alphabet as well."""
    try:
        return isinstance(text, str) and bool(decode64(text, what="the signature"))
    except MalformedError:
        return False


def _is_canonical(payload: str) -> bool:
    """Tell whether the payload is one canonical JSON object."""
    if not _is_base64(payload):
        return False
    data = decode64(payload, what="the payload")
    return canonical_json(read_object(data, limits=LIMITS)) == data


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
