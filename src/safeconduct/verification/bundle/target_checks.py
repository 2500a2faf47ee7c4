# SPDX-License-Identifier: Apache-2.0
"""Do target, oracle and criterion fit together: can the target show what the oracle looks at, and at which rate.

An oracle that looks where nothing can be seen would abstain on every reply; an advantage over a baseline that the
criterion does not know would call a sound target flawed, or a flawed one fixed.
"""

from collections.abc import Iterator
from typing import Final

from safeconduct.domain.bundle import Adapter, Bundle, Check
from safeconduct.domain.observed import Advantage, Event, Judge, Scanner
from safeconduct.errors import MalformedError
from safeconduct.verification.bundle.remarks import Remark, error
from safeconduct.verification.criterion import require_judge
from safeconduct.verification.targets.http import require_form

_TARGET: Final = "target.json"
_ORACLE: Final = "oracle.json"


def check_target(bundle: Bundle) -> Iterator[Remark]:
    """Hold the target against the oracle and the criterion."""
    yield from _form(bundle)
    yield from _sight(bundle)
    yield from _baseline(bundle)
    checks = (*bundle.oracle.checks, *bundle.oracle.abstain_on)
    try:
        require_judge(bundle.criterion, [check.calibration for check in checks if isinstance(check, Judge)])
    except MalformedError as refusal:
        yield error("criterion.judge", "criterion.json", refusal.message, refusal.hint)


def baseline_of(bundle: Bundle) -> float:
    """Return the rate of hits without any flaw; nothing but an advantage has one."""
    checks = bundle.oracle.checks
    return max((check.baseline for check in checks if isinstance(check, Advantage)), default=0.0)


def _form(bundle: Bundle) -> Iterator[Remark]:
    """Look whether the bundle says how the target is asked."""
    target = bundle.target
    if target.adapter is Adapter.COMMAND and not target.command:
        yield error("target.no-command", _TARGET, "there is no command", "the program and its arguments, each a text")
    if target.adapter is not Adapter.HTTP:
        return
    if target.http is None:
        yield error("target.no-form", _TARGET, "it does not say how the target is asked", "add http")
        return
    try:
        require_form(target.http)
    except MalformedError as refusal:
        yield error("target.form", _TARGET, refusal.message, refusal.hint)


def _sight(bundle: Bundle) -> Iterator[Remark]:
    """Look whether the target can show what is looked at."""
    adapter = bundle.target.adapter
    for check in bundle.oracle.checks:
        if isinstance(check, Event) and adapter.is_remote:
            yield error("oracle.no-event", _ORACLE, "nobody watches a remote target", "use a target in the sandbox")
        if isinstance(check, Scanner) and adapter is not Adapter.MODEL_FILE:
            yield error("oracle.no-file", _ORACLE, "scanners read model files only", "use the adapter model-file")
    if any(_beside(check) for check in bundle.oracle.abstain_on):
        yield error("oracle.abstain", _ORACLE, "only words can say that a reply is not to be judged", "use regex")


def _beside(check: Check) -> bool:
    """Say whether a check looks at something that a reply to be left alone cannot tell."""
    return isinstance(check, Event | Scanner | Advantage | Judge)


def _baseline(bundle: Bundle) -> Iterator[Remark]:
    """Look whether the criterion knows the baseline."""
    baseline, criterion = baseline_of(bundle), bundle.criterion
    if criterion.design < baseline:
        yield error(
            "criterion.under-baseline",
            "criterion.json",
            f"its design is under the baseline of {baseline:g}, which a target without a flaw has as well",
            "set design to the baseline or more, and the tolerance above it",
        )
