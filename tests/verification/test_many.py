# SPDX-License-Identifier: Apache-2.0
"""One flaw at many vendors: a result for each, and nothing of one in another's."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint
from tests.verification.test_campaign import held_out, target

from safeconduct.domain.evidence import Trial, Verdict
from safeconduct.errors import ConflictError, NotPermittedError, TargetError
from safeconduct.verification.campaign import Terms
from safeconduct.verification.many import BudgetedTarget, Following, SharedBudget, Vendor, run_many
from safeconduct.verification.sampling import require_draws

BUNDLE = leak_bundle(benign=())


def now() -> datetime:
    return datetime.now(UTC)


def vendor(name: str, before: Endpoint, after: Endpoint) -> Vendor:
    return Vendor(
        name=name,
        terms=Terms(bundle=BUNDLE, criterion=BUNDLE.criterion, held_out=held_out(), campaign=name),
        unpatched=target(BUNDLE, before),
        patched=target(BUNDLE, after),
    )


@pytest.mark.parametrize("at_once", [1, 3])
def test_every_vendor_has_its_own_draws_and_its_own_result(at_once: int) -> None:
    heard: dict[str, list[Trial]] = {}
    following = Following(listen=lambda name, trial, _: heard.setdefault(name, []).append(trial))
    with (
        endpoint(canary=CANARY, rate=1.0) as before,
        endpoint(canary=CANARY) as fixed,
        endpoint(canary=CANARY, rate=1.0) as flawed,
        endpoint(canary=CANARY, manner="401") as broken,
    ):
        vendors = [vendor("a", before, fixed), vendor("b", before, flawed), vendor("c", broken, broken)]
        found = run_many(vendors, clock=now, following=following, at_once=at_once)

    first, second, third = found
    assert [one.name for one in found] == ["a", "b", "c"]
    assert first.result is not None
    assert second.result is not None
    assert third.result is None
    assert isinstance(third.failure, TargetError)
    assert (first.result.report.verdict, second.result.report.verdict) == (Verdict.FIXED, Verdict.NOT_FIXED)
    assert tuple(heard["a"]) == first.result.trials
    assert tuple(heard["b"]) == second.result.trials
    for one, terms in zip((first.result, second.result), [one.terms for one in vendors], strict=False):
        assert require_draws(BUNDLE, BUNDLE.criterion, terms.drawn_from, one.trials) == len(one.trials)
        assert one.commitment == terms.commitment
    assert first.result.commitment != second.result.commitment
    assert {one.variant for one in heard["a"][:9]} != {one.variant for one in heard["b"][:9]}


def test_one_may_be_stopped_and_the_others_go_on() -> None:
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as fixed:
        vendors = [vendor("a", before, fixed), vendor("b", before, fixed)]
        found = run_many(vendors, clock=now, following=Following(should_stop=lambda name: name == "a"), width=2)

    stopped, other = (one.result for one in found)
    assert stopped is not None
    assert other is not None
    assert stopped.halted == "somebody asked for it"
    assert other.report.verdict is Verdict.FIXED


def test_a_shared_budget_is_never_passed_and_what_one_leaves_is_for_the_others() -> None:
    with (
        endpoint(canary=CANARY, rate=1.0) as before,
        endpoint(canary=CANARY) as fixed,
        endpoint(canary=CANARY, rate=1.0) as flawed,
    ):
        vendors = [vendor("quick", before, flawed), vendor("slow", before, fixed)]
        found = run_many(vendors, clock=now, calls=100, at_once=1)
        asked = sum(len(server.asked) for server in (before, fixed, flawed))

    quick, slow = (one.result for one in found)
    assert quick is not None
    assert slow is not None
    assert quick.report.verdict is Verdict.NOT_FIXED
    assert slow.halted == "the shared budget of calls is spent"
    assert len(slow.trials) == 100 - len(quick.trials) > 50
    assert asked == 100
    own = BudgetedTarget(vendors[0].patched, name="quick", budget=SharedBudget(1, ["quick"]))
    assert own.spent.calls == len(flawed.asked)
    assert slow.patched_fingerprint.startswith("openai-chat acme-1")


def test_a_share_is_promised() -> None:
    budget = SharedBudget(7, ["a", "b"])
    for _ in range(4):
        budget.take("a")

    with pytest.raises(NotPermittedError):
        budget.take("a")
    for _ in range(3):
        budget.take("b")
    with pytest.raises(NotPermittedError):
        budget.take("b")


def test_vendors_with_one_name_or_the_same_draws_are_refused() -> None:
    with endpoint(canary=CANARY) as server:
        one = vendor("a", server, server)
        two = vendor("b", server, server)

        with pytest.raises(ConflictError, match="one name"):
            run_many([one, one], clock=now)
        with pytest.raises(ConflictError, match="same draws"):
            run_many([one, replace(two, terms=one.terms)], clock=now)
    assert run_many([], clock=now) == ()
