# SPDX-License-Identifier: Apache-2.0
"""One flaw, many vendors: a campaign for each, side by side in one event loop, none of which sees another's.

Each vendor has its own targets, its own draws (two that would share them are refused, since the reveal to one would
tell the other's) and its own result. A campaign that fails is told as that vendor's failure and stops no other.

A shared budget of calls is split evenly. What a campaign leaves when it ends is there for those that still run; so no
vendor's target can use up what another was promised. Who gets of what was left depends on timing, and of nothing else.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from safeconduct.domain.evidence import Trial
from safeconduct.errors import ConflictError, NotPermittedError, SafeconductError
from safeconduct.verification.aside import run_aside
from safeconduct.verification.campaign import Campaign, CampaignResult, Terms, Told, Watcher
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.targets.interface import Answer, Target
from safeconduct.verification.targets.wrapping import WrappedTarget
from safeconduct.verification.variants import Turn
from safeconduct.verification.verdict import Deliberation


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One vendor's campaign: its name, its terms and its targets."""

    name: str
    terms: Terms
    unpatched: Target
    patched: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorResult:
    """What came of one vendor's campaign: a result, or why there is none."""

    name: str
    result: CampaignResult | None = None
    failure: SafeconductError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Who follows the campaigns: told of every trial with its vendor's name, then asked whether that one is to stop."""

    listen: Callable[[str, Trial, Deliberation], None] = lambda _name, _trial, _deliberation: None
    should_stop: Callable[[str], bool] = lambda _name: False


class SharedBudget:
    """Calls for all vendors together: an equal share for each, and what those leave that have ended."""

    def __init__(self, calls: int, names: Sequence[str]) -> None:
        """Split the calls."""
        share, self._free = divmod(calls, max(1, len(names)))
        self._left = dict.fromkeys(names, share)

    def take(self, name: str) -> None:
        """Count one call of a vendor.

        Raises:
            NotPermittedError: its share and what the others left are spent.
        """
        if self._left[name]:
            self._left[name] -= 1
        elif self._free:
            self._free -= 1
        else:
            raise NotPermittedError("the shared budget of calls is spent", hint="give the campaigns more calls")

    def end(self, name: str) -> None:
        """Leave the rest of a vendor's share to the others."""
        self._free += self._left[name]
        self._left[name] = 0


def run_many(
    vendors: Sequence[Vendor],
    *,
    clock: Callable[[], datetime],
    following: Following | None = None,
    calls: int | None = None,
    at_once: int = 8,
    width: int = 1,
) -> tuple[VendorResult, ...]:
    """Run a campaign for every vendor, at most `at_once` at a time and with at most `calls` together.

    What follows them is called in the caller's thread.

    Raises:
        ConflictError: two vendors have one name, or would be tested with the same draws.
    """
    _check(vendors)
    names = [vendor.name for vendor in vendors]
    budget = None if calls is None else SharedBudget(calls, names)

    async def conduct(tell: Told) -> tuple[VendorResult, ...]:
        turn = asyncio.Semaphore(at_once)

        async def one(vendor: Vendor) -> VendorResult:
            async with turn:
                result = await _conduct(vendor, Course(clock, following or Following(), budget, width), tell)
            if budget is not None:
                budget.end(vendor.name)
            return result

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(vendor)) for vendor in vendors]
        return tuple(task.result() for task in tasks)

    return run_aside(conduct, lambda question: question())


@dataclass(frozen=True, slots=True)
class Course:
    """What the campaigns share."""

    clock: Callable[[], datetime]
    following: Following
    budget: SharedBudget | None
    width: int


async def _conduct(vendor: Vendor, course: Course, tell: Told) -> VendorResult:
    """Run one vendor's campaign."""
    name, following = vendor.name, course.following
    watcher = Watcher(
        listen=lambda trial, deliberation: following.listen(name, trial, deliberation),
        should_stop=lambda: following.should_stop(name),
    )
    unpatched, patched = (
        target if course.budget is None else BudgetedTarget(target, name=name, budget=course.budget)
        for target in (vendor.unpatched, vendor.patched)
    )
    try:
        campaign = Campaign(vendor.terms, clock=course.clock, watcher=watcher)
        result = await campaign.conduct(
            unpatched=unpatched, patched=patched, engine=LocalEngine(width=course.width), tell=tell
        )
    except SafeconductError as failure:
        return VendorResult(name=name, failure=failure)
    return VendorResult(name=name, result=result)


class BudgetedTarget(WrappedTarget):
    """A target whose calls count against the shared budget."""

    def __init__(self, target: Target, *, name: str, budget: SharedBudget) -> None:
        """Ask this target for that vendor."""
        super().__init__(target)
        self._name, self._budget = name, budget

    async def ask(self, script: Sequence[Turn]) -> Answer:
        """Return the answer to one script.

        Raises:
            NotPermittedError: the budget or the grant does not cover the call.
            TargetError: it hung, failed or answered garbage.
        """
        self._budget.take(self._name)
        return await self._target.ask(script)


def _check(vendors: Sequence[Vendor]) -> None:
    if len({vendor.name for vendor in vendors}) < len(vendors):
        raise ConflictError("two vendors have one name", hint="name each of them")
    if len({vendor.terms.drawn_from.seed for vendor in vendors}) < len(vendors):
        raise ConflictError(
            "two vendors would be tested with the same draws", hint="give each campaign a name and a seed of its own"
        )
