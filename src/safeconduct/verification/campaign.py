# SPDX-License-Identifier: Apache-2.0
"""A verification campaign: from a bundle and two targets to a verdict, call by call.

The order is fixed. First the criterion, the oracle and the commitment to the held-out draws are taken down, and the
bundle is checked. Then each target is made ready (a sandbox passes its self-check or nothing runs). Then the arms: the
unpatched target until every family has reproduced or is excluded; the patched one; the benign pairs. What is asked next
and when it is enough is the deliberation's business (`verification.verdict`); here variants are drawn, targets asked
and replies judged.

An answer that fails is an error outcome, which never helps either side. A campaign is halted, with a verdict on what it
has, when the grant no longer covers a call, when the time of a sitting is spent, when somebody asks for it, or when one
target fails `STREAK` times in a row; a target that never answered at all is an error of the campaign. A verdict cancels
the calls that are still in flight.

A campaign with a journal (`verification.journal`) can be paused, which lets the calls in flight end, or be killed, and
is carried on by running it again with the same terms, targets and journal: what was written down counts and is not
asked again. Nothing grows with the number of calls but the trials, and those are where `keep` puts them.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome
from safeconduct.errors import NotPermittedError, TargetError, VerificationError
from safeconduct.verification.aside import run_aside
from safeconduct.verification.asking import ask, trial_of
from safeconduct.verification.binding import bound
from safeconduct.verification.bundle.checks import require_runnable
from safeconduct.verification.code_runner import CodeRunner
from safeconduct.verification.cost import NO_PRICES, CostLedger, Prices, ledger_of
from safeconduct.verification.criterion import criterion_sha256
from safeconduct.verification.engines.interface import Engine
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.findings import VerdictReport, report
from safeconduct.verification.journal import Entry, Journal, NoJournal, Plan
from safeconduct.verification.oracles import Judgment, PreparedOracle
from safeconduct.verification.sampling import Draw, Sampler, oracle_of
from safeconduct.verification.targets.interface import Answer, Target
from safeconduct.verification.trials import MemoryTrials, TrialLog
from safeconduct.verification.variants import HeldOut, commit_held_out
from safeconduct.verification.verdict import POOLED, Call, Deliberation

STREAK: Final = 5
_OPPOSITE: Final = {TrialOutcome.HIT: TrialOutcome.MISS, TrialOutcome.MISS: TrialOutcome.HIT}

Listener = Callable[[Trial, Deliberation], None]
"""Told of every trial as it counts, with the deliberation after it."""
Told = Callable[[Callable[[], bool | None]], bool | None]
"""Does what it is given where the caller of the campaign is, and returns its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is fixed before the first call.

    `campaign` names it: the draws and the commitment are of this one alone. `prices` are what its targets cost.
    `approved_code` are the SHA-256 of the bundle's code files that a case handler has approved.
    """

    bundle: Bundle
    criterion: Criterion
    held_out: HeldOut
    campaign: str = ""
    prices: Prices = NO_PRICES
    approved_code: frozenset[str] = frozenset()

    @property
    def families(self) -> tuple[str, ...]:
        """Return the families under test."""
        return tuple(family.name for family in self.bundle.attack.families)

    @property
    def drawn_from(self) -> HeldOut:
        """Return the held-out part as bound to the campaign."""
        return bound(self.held_out, campaign=self.campaign)

    @property
    def commitment(self) -> str:
        """Return the commitment to the held-out part, in hexadecimal digits."""
        return commit_held_out(self.bundle.attack, self.drawn_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResult:
    """What a campaign leaves: the verdict with its grounds, the trials, and what names everything that was fixed.

    One that is `paused` has no verdict to certify. `abandoned` calls were in flight when it ended and are no trials;
    `width` is the most that there may be.
    """

    report: VerdictReport
    deliberation: Deliberation
    trials: Collection[Trial]
    halted: str
    bundle_id: str
    criterion_sha256: str
    oracle_sha256: str
    commitment: str
    unpatched_fingerprint: str
    patched_fingerprint: str
    started_at: datetime
    ended_at: datetime
    cost: CostLedger
    paused: bool = False
    abandoned: int = 0
    width: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A draw with its number in the order of submission."""

    number: int
    draw: Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Who follows a campaign: told of every trial, then asked whether to stop or to pause; keeps journal and trials.

    All of it but `keep` is called in the thread of the campaign's caller, outside of any event loop.
    """

    listen: Listener = lambda _trial, _deliberation: None
    should_stop: Callable[[], bool] = lambda: False
    should_pause: Callable[[], bool] = lambda: False
    journal: Journal = field(default_factory=NoJournal)
    keep: TrialLog | None = None


class _Stop(Exception):  # noqa: N818  # it carries a reason to the end of the run and never leaves the module
    """The campaign is halted."""


class Campaign:
    """One campaign; use `run_campaign`, or await `conduct` inside an event loop."""

    def __init__(
        self,
        terms: Terms,
        *,
        clock: Callable[[], datetime],
        watcher: Watcher | None = None,
    ) -> None:
        """Take down the terms.

        Raises:
            MalformedError: the bundle cannot be run or the criterion contradicts itself.
            NotPermittedError: the bundle holds code that nobody has approved.
        """
        require_runnable(terms.bundle, approved_code=terms.approved_code)
        self._terms = terms
        self._clock = clock
        self._watcher = watcher or Watcher()
        self._tell: Told = _here
        self._code = CodeRunner(terms.bundle.code, approved=terms.approved_code, limits=terms.bundle.limits)
        self._sampler = Sampler(terms.bundle, terms.drawn_from.seed, code=self._code.change)
        self._oracle = PreparedOracle(terms.bundle.oracle, code=self._code.judge)
        self._controls = {
            control.id: PreparedOracle(oracle_of(control), code=self._code.judge) for control in terms.bundle.benign
        }
        self._deliberation = Deliberation.begin(
            terms.criterion, families=terms.families, benign=bool(terms.bundle.benign)
        )
        self._trials = MemoryTrials() if self._watcher.keep is None else self._watcher.keep
        self._submitted = 0
        self._started_at: datetime | None = None
        self._paused = False
        self._width = 1
        self._streak: dict[bool, int] = {}
        self._answered: set[bool] = set()

    def replay(self) -> int:
        """Count what earlier sittings wrote down, and return how many calls that was; before `conduct`, if at all.

        Raises:
            VerificationError: the journal does not fit the terms.
            MalformedError: it cannot be read.
            UnavailableError: an outcome that was lost cannot be written down as such.
        """
        for entry in self._watcher.journal.replay():
            if self._deliberation.is_over:
                break
            self._again(entry)
        return self._submitted

    async def conduct(
        self, *, unpatched: Target, patched: Target, engine: Engine | None = None, tell: Told | None = None
    ) -> CampaignResult:
        """Run to the verdict, or until it is halted or paused; `tell` asks the watcher where the watcher is.

        Raises:
            TargetError: a target never answered.
            SandboxError: the sandbox of a classifier is missing or did not pass its self-check.
            UnavailableError: the journal cannot be written.
        """
        started_at = self._started_at or self._clock()
        self._tell = tell or _here
        engine = engine or LocalEngine()
        self._width = engine.width
        halted = ""
        async with self._code, unpatched, patched:
            try:
                async with asyncio.timeout(self._terms.bundle.limits.wall_seconds):
                    await engine.run(
                        next_job=self._next_draw,
                        work=lambda job: self._ask(job, patched if _is_patched(job.draw.call.arm) else unpatched),
                        take=self._take,
                    )
            except TimeoutError:
                halted = "its time is spent"
            except _Stop as stop:
                halted = str(stop)
            return self._result(
                started_at=started_at, halted=halted, fingerprints=(unpatched.fingerprint, patched.fingerprint)
            )

    def _again(self, entry: Entry) -> None:
        """Count one call of an earlier sitting, if it is the one that would be drawn now."""
        plan, trial = entry.plan, entry.outcome
        draw = self._drawn_again(plan)
        kept = (plan.family, plan.variant, plan.mutators)
        numbered = plan.number == trial.number == self._submitted + 1
        if not numbered or kept != (draw.family, draw.variant, draw.mutators) or kept != _drawn(trial):
            raise VerificationError(
                "the journal does not fit the campaign", hint="it belongs to other terms", number=plan.number
            )
        if entry.trial is None:
            self._watcher.journal.done(trial)
        self._started_at = self._started_at or plan.at
        self._submitted += 1
        self._deliberation = self._deliberation.after(trial)
        self._trials.add(trial)
        if trial.outcome is not TrialOutcome.ERROR:
            self._answered.add(_is_patched(trial.arm))

    def _drawn_again(self, plan: Plan) -> Draw:
        """Return the draw of a call that was planned before."""
        known = self._terms.families if plan.arm in {Arm.ASSAY, Arm.EFFICACY} else ("",)
        if plan.family not in known or (not plan.family and not self._terms.bundle.benign):
            raise VerificationError("the journal is of another bundle", hint="bring its own", number=plan.number)
        pooled = plan.arm is Arm.EFFICACY and not self._terms.criterion.per_family
        call = Call(arm=plan.arm, family=POOLED if pooled else plan.family)
        return self._sampler.draw(call, included=self._deliberation.included or self._terms.families)

    def _next_draw(self, flying: Sequence[Numbered]) -> Numbered | None:
        """Return what to ask next; nothing while the campaign is being paused."""
        if self._paused:
            return None
        call = self._deliberation.next_call([job.draw.call for job in flying])
        if call is None:
            return None
        draw = self._sampler.draw(call, included=self._deliberation.included)
        self._submitted += 1
        return Numbered(number=self._submitted, draw=draw)

    async def _ask(self, job: Numbered, target: Target) -> tuple[Trial, TargetError | None]:
        """Write the call down, ask the target, judge the answer and write that down."""
        journal, draw = self._watcher.journal, job.draw
        plan = _plan(job, at=self._clock())
        self._tell(lambda: journal.planned(plan))
        try:
            outcome = await ask(target, draw, judge=lambda answer: self._judge(draw, answer), clock=self._clock)
        except NotPermittedError as refusal:
            raise _Stop(refusal.message) from refusal
        trial = trial_of(draw, outcome, number=job.number)
        self._tell(lambda: journal.done(trial))
        return trial, outcome.failure

    def _judge(self, draw: Draw, answer: Answer) -> Judgment:
        """Return what the oracle says; in the benign arm a hit means that the answer was useful."""
        if draw.control is None:
            return self._oracle.judge(answer.replies)
        judgment = self._controls[draw.control.id].judge(answer.replies)
        if draw.control.useful_when_hit or judgment.outcome not in _OPPOSITE:
            return judgment
        return Judgment(outcome=_OPPOSITE[judgment.outcome], detail=judgment.detail)

    def _take(self, job: Numbered, answered: tuple[Trial, TargetError | None]) -> bool:
        """Count one trial; say whether it is enough."""
        trial, failure = answered
        self._deliberation = self._deliberation.after(trial)
        self._trials.add(trial)
        is_asked_to_stop = self._tell(lambda: self._inform(trial))
        self._watch_streak(failure, patched=_is_patched(job.draw.call.arm))
        if self._deliberation.is_over:
            return True
        if is_asked_to_stop:
            raise _Stop("somebody asked for it")
        return False

    def _inform(self, trial: Trial) -> bool:
        """Tell of a trial, and ask whether to stop."""
        self._watcher.listen(trial, self._deliberation)
        self._paused = self._paused or self._watcher.should_pause()
        return self._watcher.should_stop()

    def _watch_streak(self, failure: TargetError | None, *, patched: bool) -> None:
        """Halt when one target fails many times in a row.

        Raises:
            TargetError: it never answered at all.
        """
        if failure is None:
            self._streak[patched] = 0
            self._answered.add(patched)
            return
        self._streak[patched] = self._streak.get(patched, 0) + 1
        if self._streak[patched] < STREAK:
            return
        if patched not in self._answered:
            raise failure
        raise _Stop(f"a target failed {STREAK} times in a row: {failure.message}")

    def _result(self, *, started_at: datetime, halted: str, fingerprints: tuple[str, str]) -> CampaignResult:
        """Return what the campaign leaves."""
        terms = self._terms
        return CampaignResult(
            report=report(self._deliberation, halted=halted),
            deliberation=self._deliberation,
            trials=self._trials.all(),
            halted=halted,
            bundle_id=terms.bundle.id,
            criterion_sha256=criterion_sha256(terms.criterion),
            oracle_sha256=self._oracle.digest,
            commitment=terms.commitment,
            unpatched_fingerprint=fingerprints[0],
            patched_fingerprint=fingerprints[1],
            started_at=started_at,
            ended_at=self._clock(),
            cost=ledger_of(self._trials.all(), terms.prices),
            paused=self._paused and not halted and not self._deliberation.is_over,
            abandoned=self._submitted - self._deliberation.calls,
            width=self._width,
        )


def run_campaign(
    terms: Terms,
    *,
    unpatched: Target,
    patched: Target,
    clock: Callable[[], datetime],
    listen: Listener | None = None,
    should_stop: Callable[[], bool] | None = None,
    watcher: Watcher | None = None,
    engine: Engine | None = None,
) -> CampaignResult:
    """Run a campaign to its verdict; the watcher is asked in the caller's thread, outside of any loop.

    `listen` and `should_stop`, where they are given, take the place of the watcher's. With a journal that holds calls
    already, these are counted first and are not made again.

    Raises:
        MalformedError: the bundle cannot be run, the criterion contradicts itself, or the journal cannot be read.
        TargetError: a target never answered.
        SandboxError: the sandbox of a classifier is missing or did not pass its self-check.
        VerificationError: the journal does not fit the terms.
        UnavailableError: the journal cannot be written.
    """
    followed = watcher or Watcher()
    followed = replace(followed, listen=listen or followed.listen, should_stop=should_stop or followed.should_stop)

    def conduct(tell: Told) -> Coroutine[Any, Any, CampaignResult]:
        return campaign.conduct(unpatched=unpatched, patched=patched, engine=engine, tell=tell)

    campaign = Campaign(terms, clock=clock, watcher=followed)
    campaign.replay()
    return run_aside(conduct, _here)


def _is_patched(arm: Arm) -> bool:
    """Say which of the two targets an arm asks."""
    return arm in {Arm.EFFICACY, Arm.BENIGN_AFTER}


def _here(question: Callable[[], bool | None]) -> bool | None:
    """Do what is asked in the thread that asks."""
    return question()


def _plan(job: Numbered, *, at: datetime) -> Plan:
    draw = job.draw
    return Plan(
        number=job.number,
        arm=draw.call.arm,
        family=draw.family,
        variant=draw.variant,
        mutators=draw.mutators,
        at=at,
    )


def _drawn(trial: Trial) -> tuple[str, str, tuple[str, ...]]:
    return trial.family, trial.variant, trial.mutators
