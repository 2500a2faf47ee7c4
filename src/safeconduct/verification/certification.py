# SPDX-License-Identifier: Apache-2.0
"""What a finished campaign puts into its certificate."""

from dataclasses import replace

from safeconduct.crypto.signing import SigningKey
from safeconduct.errors import ConflictError
from safeconduct.verification.campaign import CampaignResult, Terms
from safeconduct.verification.certificate import CampaignFacts, TargetRecord, make_certificate
from safeconduct.verification.suite import HistoricSuite, blocked


def facts_of(
    terms: Terms, result: CampaignResult, *, unpatched: str, patched: str, suite: HistoricSuite | None = None
) -> CampaignFacts:
    """Return the facts of a finished campaign; `unpatched` and `patched` are what the targets are called.

    The digest of the model that the bundle names is that of the unpatched target: it is what was reported.
    """
    digest = terms.bundle.target.model_digest.removeprefix("sha256:")
    return CampaignFacts(
        criterion=terms.criterion,
        families=terms.families,
        benign=bool(terms.bundle.benign),
        unpatched=TargetRecord(name=unpatched, fingerprint=result.unpatched_fingerprint, sha256=_sha256(digest)),
        patched=TargetRecord(name=patched, fingerprint=result.patched_fingerprint),
        bundle_sha256=result.bundle_id,
        oracle_sha256=result.oracle_sha256,
        commitment=result.commitment,
        reveal=terms.held_out,
        started_at=result.started_at,
        ended_at=result.ended_at,
        halted=result.halted,
        campaign=terms.campaign,
        prices=terms.prices,
        width=result.width,
        suite=suite,
    )


def certify(
    terms: Terms,
    result: CampaignResult,
    signer: SigningKey,
    *,
    unpatched: str,
    patched: str,
    suite: HistoricSuite | None = None,
) -> bytes:
    """Return the signed certificate of a finished campaign; with a suite that has a new flaw it does not say FIXED.

    Raises:
        ConflictError: the campaign is paused.
        MalformedError: a fact cannot be written.
    """
    if result.paused:
        raise ConflictError("the campaign is paused", hint="carry it on to its end first")
    facts = facts_of(terms, result, unpatched=unpatched, patched=patched, suite=suite)
    return make_certificate(facts, result.trials, signer)


def with_suite(result: CampaignResult, suite: HistoricSuite | None) -> CampaignResult:
    """Return the result with what the earlier flaws add: one that came back keeps it from being FIXED."""
    return replace(result, report=blocked(result.report, suite))


def _sha256(text: str) -> str:
    """Return the text if it is a SHA-256 in hexadecimal digits; a bundle may name its model otherwise."""
    return text if len(text) == 64 and set(text) <= set("0123456789abcdef") else ""  # noqa: PLR2004  # hexadecimal
