# SPDX-License-Identifier: Apache-2.0
"""What a certificate says: the predicate of its in-toto statement, made of the facts of a campaign and its trials.

There are two forms. The first has neither a campaign's identifier nor costs nor a suite of earlier flaws, and its words
are frozen; certificates of it go on to verify. New ones are of the second. Nothing in a predicate is taken from
elsewhere, so whoever has facts and trials makes the same one again.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from safeconduct.domain.evidence import Criterion, Trial
from safeconduct.domain.instants import parse_instant, utc
from safeconduct.domain.safe_json import Json, canonical_json
from safeconduct.errors import UnknownValueError, VerificationError
from safeconduct.verification import statement_first
from safeconduct.verification.bundle.reading import read_criterion
from safeconduct.verification.cost import NO_PRICES, Prices, ledger_facts, ledger_of, prices_facts, read_prices
from safeconduct.verification.criterion import criterion_sha256, criterion_terms
from safeconduct.verification.fields import Fields
from safeconduct.verification.findings import VerdictReport, report
from safeconduct.verification.path import evidence_paths
from safeconduct.verification.schedule import MOST_WIDTH, RULE
from safeconduct.verification.statement import explain
from safeconduct.verification.suite import HistoricSuite, blocked, read_suite, suite_facts
from safeconduct.verification.trials import digest_of
from safeconduct.verification.variants import HeldOut
from safeconduct.verification.verdict import Deliberation, deliberate

FIRST: Final = "https://safeconduct.dev/attestation/fix-verification/v1"
PREDICATE_TYPE: Final = "https://safeconduct.dev/attestation/fix-verification/v2"
FORMS: Final = (FIRST, PREDICATE_TYPE)
_DECIMALS: Final = 9
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
    `campaign` names it, and its draws are bound to that name (see `binding`). `suite` is what came of the earlier flaws
    of the model family on the patched target. `width` is the most calls in flight, `form` the kind of predicate.
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
    campaign: str = ""
    prices: Prices = NO_PRICES
    suite: HistoricSuite | None = None
    width: int = 1
    form: str = PREDICATE_TYPE


def deliberation_of(facts: CampaignFacts, trials: Collection[Trial]) -> Deliberation:
    """Return the deliberation over the trials.

    Raises:
        VerificationError: they do not fit the criterion.
        MalformedError: the criterion contradicts itself.
    """
    return deliberate(facts.criterion, trials, families=facts.families, benign=facts.benign)


def report_of(facts: CampaignFacts, deliberation: Deliberation) -> VerdictReport:
    """Return what a deliberation amounts to, with the suite of earlier flaws."""
    return blocked(report(deliberation, halted=facts.halted), facts.suite)


def statement_of(facts: CampaignFacts, found: VerdictReport) -> str:
    """Return the paragraph for anyone, in the words of the certificate's form."""
    if facts.form == FIRST:
        return statement_first.explain(found, facts.criterion)
    return explain(found, facts.criterion, suite=facts.suite)


def predicate_of(facts: CampaignFacts, trials: Collection[Trial]) -> dict[str, Json]:
    """Return the whole predicate.

    Raises:
        VerificationError: the trials do not fit the criterion.
        MalformedError: the criterion contradicts itself, or a fact cannot be written.
    """
    made = _first(facts, trials)
    if facts.form == FIRST:
        return made
    return {
        **made,
        "campaign": facts.campaign,
        "cost": ledger_facts(ledger_of(trials, facts.prices)),
        "prices": prices_facts(facts.prices),
        "schedule": {"rule": RULE, "width": facts.width},
        "suite": None if facts.suite is None else suite_facts(facts.suite),
    }


def _first(facts: CampaignFacts, trials: Collection[Trial]) -> dict[str, Json]:
    """Return the members that both forms have."""
    found = report_of(facts, deliberation_of(facts, trials))
    start = Deliberation.begin(facts.criterion, families=facts.families, benign=facts.benign)
    paths = evidence_paths(start, trials)
    return {
        "verdict": found.verdict.value,
        "statement": statement_of(facts, found),
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


def read_facts(predicate: Mapping[str, object], *, form: str) -> CampaignFacts:
    """Return the facts that a predicate states.

    Raises:
        VerificationError: the criterion is not the one whose digest was frozen.
        MalformedError: a fact cannot be read.
        IncompleteError: one is missing.
        UnknownValueError: the method is not offered.
        TooLargeError: a text or a list passes its limit.
    """
    fields = Fields.of(dict(predicate), at="certificate")  # type: ignore[arg-type]  # it was read from JSON
    criterion = fields.one("criterion", read_criterion)
    if fields.text("criterion_sha256", limit=64) != criterion_sha256(criterion):
        raise VerificationError(
            "the criterion is not the one that was frozen before the first call",
            hint="terms that are changed after a look at the outcomes prove nothing",
        )
    newer = form != FIRST
    return CampaignFacts(
        criterion=criterion,
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
        campaign=fields.text("campaign", limit=200) if newer else "",
        prices=fields.one("prices", read_prices) if newer else NO_PRICES,
        suite=fields.one("suite", read_suite) if newer and fields.has("suite") else None,
        width=fields.one("schedule", _read_schedule) if newer else 1,
        form=form,
    )


def _plain(values: Mapping[str, Json]) -> dict[str, Json]:
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Json) -> Json:
    """Return a number rounded, and a member of a vocabulary as the text that a reader finds."""
    if isinstance(value, float):
        return round(value, _DECIMALS)
    return value.value if isinstance(value, StrEnum) else value


def _read_target(fields: Fields) -> TargetRecord:
    return TargetRecord(
        name=fields.text("name", limit=500),
        fingerprint=fields.text("fingerprint", limit=10_000),
        sha256=fields.text("sha256", limit=64),
    )


def _read_schedule(fields: Fields) -> int:
    if fields.text("rule", limit=200) != RULE:
        raise UnknownValueError("the certificate names another rule of what is asked next", hint=f"known is {RULE}")
    return fields.whole("width", least=1, most=MOST_WIDTH)


def _read_reveal(fields: Fields) -> HeldOut:
    return HeldOut(salt=_read_hex(fields, "salt"), seed=_read_hex(fields, "seed"))


def _read_hex(fields: Fields, name: str) -> bytes:
    try:
        return bytes.fromhex(fields.text(name, limit=64))
    except ValueError as error:
        raise fields.wrong(name, "hexadecimal digits") from error
