# SPDX-License-Identifier: Apache-2.0
"""What a decided campaign found, recomputed from its certificate and trials for the page."""

from dataclasses import dataclass

from safeconduct.domain.evidence import Criterion, Trial
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.campaigns.models import Campaign
from safeconduct.verification.certificate import verify_certificate
from safeconduct.verification.cost import CostLedger, ledger_of
from safeconduct.verification.findings import VerdictReport
from safeconduct.verification.outlook import told
from safeconduct.verification.suite import HistoricSuite


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict with its grounds and terms, as recomputed now; the fingerprint is that of the system with the fix."""

    report: VerdictReport
    criterion: Criterion
    commitment: str
    salt: str
    seed: str
    fingerprint: str
    families: tuple[str, ...]
    trials: tuple[Trial, ...]
    statement: str
    changes: tuple[str, ...]
    suite: HistoricSuite | None
    ledger: CostLedger
    has_benign: bool


def finding_of(campaign: Campaign) -> Finding:
    """Recompute the certificate of a decided campaign.

    Raises:
        VerificationError: what is stored does not hold.
    """
    check = verify_certificate(
        campaign.certificate.encode(), campaign.trials.encode(), [key_ring().attestation.verifier]
    )
    facts = check.facts
    return Finding(
        report=check.report,
        criterion=facts.criterion,
        commitment=facts.commitment,
        salt=facts.reveal.salt.hex(),
        seed=facts.reveal.seed.hex(),
        fingerprint=facts.patched.fingerprint,
        families=facts.families,
        trials=check.trials,
        statement=check.statement,
        changes=tuple(told(change) for change in check.outlook),
        suite=facts.suite,
        ledger=ledger_of(check.trials, facts.prices),
        has_benign=facts.benign,
    )
