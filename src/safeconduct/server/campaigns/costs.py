# SPDX-License-Identifier: Apache-2.0
"""What a campaign spends: written down at its targets and with the campaign in one transaction, over all sittings.

A crash may come between a call and its entry here. So who picks a campaign up counts the calls of its journal that were
not entered; of a call whose answer was lost at least one is counted, because nobody knows more.
"""

from dataclasses import dataclass

from safeconduct.domain.evidence import Arm
from safeconduct.domain.safe_json import Json
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns.journal import SealedJournal
from safeconduct.server.campaigns.models import Campaign
from safeconduct.verification.cost import Prices
from safeconduct.verification.meter import Spent

UNPATCHED, PATCHED, JUDGE = "unpatched", "patched", "judge"
ROLES = (UNPATCHED, PATCHED, JUDGE)
ASKS_PATCHED = frozenset({Arm.EFFICACY, Arm.BENIGN_AFTER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was spent at one target."""

    role: str
    label: str
    calls: int
    tokens: int


class Ledger:
    """The costs of one campaign while it runs."""

    def __init__(self, campaign: Campaign, entered: dict[str, Spent]) -> None:
        """Keep what earlier sittings entered; use `of`."""
        self._campaign, self._entered = campaign, entered
        self._sitting: dict[tuple[str, str], Spent] = {}

    @classmethod
    def of(cls, campaign: Campaign) -> "Ledger":
        """Return the ledger of a campaign that begins or is picked up, with the calls that a crash left out entered.

        Raises:
            MalformedError: the journal cannot be read.
            SealError: it was changed.
        """
        entered = {role: Spent() for role in ROLES}
        entered |= {cost.role: Spent(calls=cost.calls, tokens=cost.tokens) for cost in costs_of(campaign)}
        made = cls(campaign, entered)
        if campaign.attempts > 1:
            made._enter_left_out()
        return made

    def note(self, role: str, spent: Spent, *, source: str = "") -> None:
        """Enter what this sitting has spent at a target so far, as its meter says; a judge has several meters."""
        before = self._sitting.get((role, source), Spent())
        self._enter(role, calls=spent.calls - before.calls, tokens=spent.tokens - before.tokens)
        self._sitting[role, source] = spent

    def _enter_left_out(self) -> None:
        made = {role: Spent() for role in ROLES}
        for entry in SealedJournal(self._campaign).replay():
            role = PATCHED if entry.plan.arm in ASKS_PATCHED else UNPATCHED
            made[role].calls += 1
            made[role].tokens += entry.outcome.tokens
            # A judge is asked at least once for every answer; how often and how long, the journal does not tell.
            made[JUDGE].calls += self._campaign.judge_id is not None
        for role in ROLES:
            known = self._entered[role]
            self._enter(
                role,
                calls=max(0, made[role].calls - known.calls),
                tokens=max(0, made[role].tokens - known.tokens),
            )

    @atomic_write
    def _enter(self, role: str, *, calls: int, tokens: int) -> None:
        if not calls and not tokens:
            return
        campaign = self._campaign
        target = _target(campaign, role)
        if target is None:
            return
        authorizing.spend(target_id=target.pk, calls=calls, tokens=tokens, holder=campaign.pk)
        self._entered[role].calls += calls
        self._entered[role].tokens += tokens
        plain: dict[str, Json] = {
            role: {"calls": spent.calls, "tokens": spent.tokens} for role, spent in self._entered.items()
        }
        Campaign.objects.filter(pk=campaign.pk).update(sealed_costs=campaign.sealed("costs", plain))


def prices_of(unpatched: Target, patched: Target) -> Prices:
    """Return what both targets cost, where their grants say so."""
    return Prices(unpatched=authorizations.price_of(unpatched), patched=authorizations.price_of(patched))


def costs_of(campaign: Campaign) -> tuple[Cost, ...]:
    """Return what a campaign has spent. The caller has checked that the asker may see it."""
    kept = campaign.costs
    known = kept if isinstance(kept, dict) else {}
    targets = {role: _target(campaign, role) for role in ROLES}
    return tuple(_cost(target, role, known.get(role)) for role, target in targets.items() if target is not None)


def _target(campaign: Campaign, role: str) -> Target | None:
    return {UNPATCHED: campaign.unpatched, PATCHED: campaign.patched, JUDGE: campaign.judge}[role]


def _cost(target: Target, role: str, entered: Json) -> Cost:
    found = entered if isinstance(entered, dict) else {}
    calls, tokens = (int(str(found.get(name, 0))) for name in ("calls", "tokens"))
    return Cost(role=role, label=target.label, calls=calls, tokens=tokens)
