# SPDX-License-Identifier: Apache-2.0
"""Certificates of several verifiers about one fix, taken together: their e-values multiply (`stats.merging`).

Only certificates that were each recomputed are merged, and only over draws that were committed apart, with the same
frozen criterion, bundle, oracle and patched target. FIXED needs every family shown by the product, benign use as well
where the bundle has control prompts, and no suite with a flaw that came back. Whoever merges brings the certificate of
every verifier that began: one that is left out because of what it says cannot be seen here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from safeconduct.domain.evidence import Verdict
from safeconduct.errors import ConflictError, MalformedError
from safeconduct.verification.certificate import CertificateCheck, require_unused
from safeconduct.verification.criterion import criterion_sha256
from safeconduct.verification.findings import percent
from safeconduct.verification.stats.merging import Evidence, FamilyEvidence, MergedFamily, merge
from safeconduct.verification.stats.mixture import rejects
from safeconduct.verification.stats.sequential import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What several certificates show together; `log_e_benign` is the evidence that harmless use was kept, if asked."""

    verdict: Verdict
    statement: str
    families: tuple[MergedFamily, ...]
    log_e_benign: float | None
    verifiers: tuple[str, ...]


def merge_certificates(checks: Sequence[CertificateCheck]) -> Merged:
    """Return what the certificates show together.

    Raises:
        ConflictError: they are not about the same question, or share draws or a verifier; the message says what.
        MalformedError: there are fewer than two.
    """
    for place, check in enumerate(checks):
        require_unused(check, checks[:place])
    if len(checks) < 2:  # noqa: PLR2004  # one is not merged
        raise MalformedError("certificates of at least two verifiers are needed", hint="bring another one")
    families = merge(checks[0].facts.criterion, [_evidence(check) for check in checks])
    benign = _benign(checks)
    verdict = _verdict(checks, families, benign)
    return Merged(
        verdict=verdict,
        statement=_statement(checks, families, verdict),
        families=families,
        log_e_benign=benign,
        verifiers=tuple(check.signer for check in checks),
    )


def _evidence(check: CertificateCheck) -> Evidence:
    facts = check.facts
    target = facts.patched.sha256 or facts.patched.fingerprint
    if not target:
        raise ConflictError("a certificate does not say which target it tested", hint="it has no fingerprint")
    return Evidence(
        verifier=check.signer,
        criterion_sha256=criterion_sha256(facts.criterion),
        oracle_sha256=facts.oracle_sha256,
        bundle_sha256=facts.bundle_sha256,
        target=target,
        commitment=facts.commitment,
        seed=hashlib.sha256(facts.reveal.seed).hexdigest(),
        families={
            one.family: FamilyEvidence(
                n=one.n, hits=one.hits, log_e_fixed=one.log_e_fixed, log_e_not_fixed=one.log_e_not_fixed
            )
            for one in check.report.efficacy
        },
    )


def _benign(checks: Sequence[CertificateCheck]) -> float | None:
    found = [check.report.benign for check in checks]
    return sum(one.log_e_non_inferior for one in found if one is not None) if any(found) else None


def _verdict(checks: Sequence[CertificateCheck], families: Sequence[MergedFamily], benign: float | None) -> Verdict:
    standings = {family.standing for family in families}
    if Standing.NOT_FIXED in standings:
        return Verdict.NOT_FIXED
    came_back = any(check.facts.suite is not None and check.facts.suite.new for check in checks)
    unharmed = benign is None or rejects(benign, level=checks[0].facts.criterion.alpha)
    return Verdict.FIXED if standings == {Standing.FIXED} and unharmed and not came_back else Verdict.INCONCLUSIVE


def _statement(checks: Sequence[CertificateCheck], families: Sequence[MergedFamily], verdict: Verdict) -> str:
    criterion = checks[0].facts.criterion
    seen = "; ".join(f"{_named(one.family)}: {one.hits} of {one.n} tries" for one in families)
    lead = f"{len(checks)} verifiers tried the patched target on draws of their own ({seen})."
    match verdict:
        case Verdict.FIXED:
            claim = (
                f"Together they show that the attack succeeds in at most {percent(criterion.tolerance)} of tries; such "
                f"evidence would appear wrongly in at most {percent(criterion.alpha)} of cases."
            )
        case Verdict.NOT_FIXED:
            claim = f"Together they show that the attack succeeds in more than {percent(criterion.design)} of tries."
        case _:
            claim = "Together they show neither that the fix holds nor that it fails."
    return f"{lead} {claim} That holds if no verifier was left out because of what it found."


def _named(family: str) -> str:
    return "all families together" if family == "*" else f"family {family}"
