# SPDX-License-Identifier: Apache-2.0
"""A verification campaign: from a bundle and two targets to a verdict, call by call.

The order is fixed. First the criterion, the oracle and the commitment to the held-out draws are taken down, and the
bundle is checked. Then each target is made ready (a sandbox passes its self-check or nothing runs). Then the arms: the
unpatched target until every family has reproduced or is excluded; the patched one; the benign pairs. What is asked next
and when it is enough is the deliberation's business (`verification.verdict`); here variants are drawn, targets asked
and replies judged.

An answer that fails is an error outcome, which never helps either side. A campaign is halted, with a verdict on what it
has, when the grant no longer covers a call, when its time is spent, when somebody asks for it, or when one target fails
`STREAK` times in a row; a target that never answered at all is an error of the campaign.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome
from safeconduct.errors import NotPermittedError
from safeconduct.verification.aside import run_aside
from safeconduct.verification.asking import Outcome, ask, trial_of
from safeconduct.verification.bundle.checks import require_runnable
from safeconduct.verification.criterion import criterion_sha256
from safeconduct.verification.engines.interface import Engine
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.findings import VerdictReport, report
from safeconduct.verification.oracles import Judgment, PreparedOracle
from safeconduct.verification.sampling import Draw, Sampler, oracle_of
from safeconduct.verification.targets.interface import Answer, Target
from safeconduct.verification.variants import HeldOut, commit_held_out
from safeconduct.verification.verdict import Deliberation

STREAK: Final = 5
_OPPOSITE: Final = {TrialOutcome.HIT: TrialOutcome.MISS, TrialOutcome.MISS: TrialOutcome.HIT}

Listener = Callable[[Trial, Deliberation], None]
"""Told of every trial as it counts, with the deliberation after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is fixed before the first call."""

    bundle: Bundle
    criterion: Criterion
    held_out: HeldOut

    @property
    def families(self) -> tuple[str, ...]:
        """Return the families under test."""
        return tuple(family.name for family in self.bundle.attack.families)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResult:
    """What a campaign leaves: the verdict with its grounds, the trials, and what names everything that was fixed."""

    report: VerdictReport
    deliberation: Deliberation
    trials: tuple[Trial, ...]
    halted: str
    bundle_id: str
    criterion_sha256: str
    oracle_sha256: str
    commitment: str
    unpatched_fingerprint: str
    patched_fingerprint: str
    started_at: datetime
    ended_at: datetime


class _Stop(Exception):  # noqa: N818  # it carries a reason to the end of the run and never leaves the module
    """The campaign is halted."""


class Campaign:
    """One campaign; use `run_campaign`, or await `conduct` inside an event loop."""

    def __init__(
        self,
        terms: Terms,
        *,
        clock: Callable[[], datetime],
        tell: Callable[[Trial, Deliberation], bool] | None = None,
    ) -> None:
        """Take down the terms; `tell` is told of every trial and answers whether to stop.

        Raises:
            MalformedError: the bundle cannot be run or the criterion contradicts itself.
        """
        require_runnable(terms.bundle)
        self._terms = terms
        self._clock = clock
        self._tell = tell or (lambda _trial, _deliberation: False)
        self._sampler = Sampler(terms.bundle, terms.held_out.seed)
        self._oracle = PreparedOracle(terms.bundle.oracle)
        self._controls = {control.id: PreparedOracle(oracle_of(control)) for control in terms.bundle.benign}
        self._deliberation = Deliberation.begin(
            terms.criterion, families=terms.families, benign=bool(terms.bundle.benign)
        )
        self._trials: list[Trial] = []
        self._streak: dict[bool, int] = {}
        self._answered: set[bool] = set()

    async def conduct(self, *, unpatched: Target, patched: Target, engine: Engine | None = None) -> CampaignResult:
        """Run to the verdict.

        Raises:
            TargetError: a target never answered.
            SandboxError: the sandbox of a classifier is missing or did not pass its self-check.
        """
        started_at = self._clock()
        halted = ""
        async with unpatched, patched:
            try:
                async with asyncio.timeout(self._terms.bundle.limits.wall_seconds):
                    await (engine or LocalEngine()).run(
                        next_job=self._next_draw,
                        work=lambda draw: self._ask(draw, patched if _is_patched(draw.call.arm) else unpatched),
                        take=self._take,
                    )
            except TimeoutError:
                halted = "its time is spent"
            except _Stop as stop:
                halted = str(stop)
            return self._result(
                started_at=started_at, halted=halted, fingerprints=(unpatched.fingerprint, patched.fingerprint)
            )

    def _next_draw(self, flying: Sequence[Draw]) -> Draw | None:
        """Return what to ask next."""
        call = self._deliberation.next_call([draw.call for draw in flying])
        return None if call is None else self._sampler.draw(call, included=self._deliberation.included)

    async def _ask(self, draw: Draw, target: Target) -> Outcome:
        """Ask the target and judge the answer."""
        try:
            return await ask(target, draw, judge=lambda answer: self._judge(draw, answer), clock=self._clock)
        except NotPermittedError as refusal:
            raise _Stop(refusal.message) from refusal

    def _judge(self, draw: Draw, answer: Answer) -> Judgment:
        """Return what the oracle says; in the benign arm a hit means that the answer was useful."""
        if draw.control is None:
            return self._oracle.judge(answer.replies)
        judgment = self._controls[draw.control.id].judge(answer.replies)
        if draw.control.useful_when_hit or judgment.outcome not in _OPPOSITE:
            return judgment
        return Judgment(outcome=_OPPOSITE[judgment.outcome], detail=judgment.detail)

    def _take(self, draw: Draw, outcome: Outcome) -> bool:
        """Count one trial; say whether it is enough."""
        trial = trial_of(draw, outcome, number=self._deliberation.calls + 1)
        self._deliberation = self._deliberation.after(trial)
        self._trials.append(trial)
        is_asked_to_stop = self._tell(trial, self._deliberation)
        self._watch_streak(outcome, patched=_is_patched(draw.call.arm))
        if self._deliberation.is_over:
            return True
        if is_asked_to_stop:
            raise _Stop("somebody asked for it")
        return False

    def _watch_streak(self, outcome: Outcome, *, patched: bool) -> None:
        """Halt when one target fails many times in a row.

        Raises:
            TargetError: it never answered at all.
        """
        if outcome.failure is None:
            self._streak[patched] = 0
            self._answered.add(patched)
            return
        self._streak[patched] = self._streak.get(patched, 0) + 1
        if self._streak[patched] < STREAK:
            return
        if patched not in self._answered:
            raise outcome.failure
        raise _Stop(f"a target failed {STREAK} times in a row: {outcome.failure.message}")

    def _result(self, *, started_at: datetime, halted: str, fingerprints: tuple[str, str]) -> CampaignResult:
        """Return what the campaign leaves."""
        terms = self._terms
        return CampaignResult(
            report=report(self._deliberation, halted=halted),
            deliberation=self._deliberation,
            trials=tuple(self._trials),
            halted=halted,
            bundle_id=terms.bundle.id,
            criterion_sha256=criterion_sha256(terms.criterion),
            oracle_sha256=self._oracle.digest,
            commitment=commit_held_out(terms.bundle.attack, terms.held_out),
            unpatched_fingerprint=fingerprints[0],
            patched_fingerprint=fingerprints[1],
            started_at=started_at,
            ended_at=self._clock(),
        )


def run_campaign(
    terms: Terms,
    *,
    unpatched: Target,
    patched: Target,
    clock: Callable[[], datetime],
    listen: Listener | None = None,
    should_stop: Callable[[], bool] | None = None,
    engine: Engine | None = None,
) -> CampaignResult:
    """Run a campaign to its verdict; `listen` and `should_stop` are called in the caller's thread, outside of any loop.

    Raises:
        MalformedError: the bundle cannot be run or the criterion contradicts itself.
        TargetError: a target never answered.
        SandboxError: the sandbox of a classifier is missing or did not pass its self-check.
    """

    def tell(news: tuple[Trial, Deliberation]) -> bool:
        if listen is not None:
            listen(*news)
        return should_stop is not None and should_stop()

    def conduct(ask: Callable[[tuple[Trial, Deliberation]], bool]) -> Coroutine[Any, Any, CampaignResult]:
        campaign = Campaign(terms, clock=clock, tell=lambda trial, deliberation: ask((trial, deliberation)))
        return campaign.conduct(unpatched=unpatched, patched=patched, engine=engine)

    return run_aside(conduct, tell)


def _is_patched(arm: Arm) -> bool:
    """Say which of the two targets an arm asks."""
    return arm in {Arm.EFFICACY, Arm.BENIGN_AFTER}
