# SPDX-License-Identifier: Apache-2.0
"""Checks of what was observed beside the words: events, scanners, cost, advantage, a judge's opinion.

    event      an act of the kind was attempted in the box; a miss only where somebody watched to the end
    scanner    the worst verdict of the named scanners reaches the level; where it does not and one of them failed or
               was not there, there is no judgment, because an error is never clean
    cost       the reply costs so many tokens, or so many for each token of the request; where the target states none,
               a token is counted as four characters
    advantage  two values of one JSON reply compare as stated; where one is missing, there is no judgment
    judge      a calibrated model says so; it is asked by `verification.judging`, here its opinion is read

**Why an advantage is a valid Bernoulli outcome.** A statistical attack (membership inference, extraction, a gap
between groups) is judged one pair at a time. Each trial draws a fresh pair, independently of all earlier ones, from the
distribution that the bundle commits to, and asks a target that keeps no state between trials. So the outcomes are
independent with one probability p, which is what the sequential tests need. p itself has a meaning: with `greater` on a
member's and a non-member's score it is the area under the attack's ROC curve (Hanley and McNeil 1982), with `equal` the
agreement of a copy with its victim, with `different` the share of decisions that turn on the group. Without a flaw p is
the stated baseline and not zero; a tolerance under the baseline could never be met, so the criterion's design may not
be under it. Equal values in a comparison of exchangeable values would bias p, in favor of whichever side they counted
for; they are decided by a coin from the digest of the reply, which keeps p = P(greater) + P(equal)/2, the ROC area.
Not promised: that no better attack exists. The verdict is about this attack.
"""

import hashlib
import math
from collections.abc import Callable
from typing import Final, assert_never

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.observed import Advantage, Comparison, Cost, Event, Judge, ScanLevel, Scanner
from safeconduct.domain.safe_json import Json
from safeconduct.errors import MalformedError
from safeconduct.verification.expressions import compile_expression
from safeconduct.verification.json_paths import as_text, document_of, prepare_path
from safeconduct.verification.reply import Reply
from safeconduct.verification.sightings import Scan

Look = Callable[[Reply], TrialOutcome]
CHARACTERS_PER_TOKEN: Final = 4
ADJUDICATE: Final = "to be adjudicated"
_RANK: Final = {ScanLevel.CLEAN: 0, ScanLevel.ERROR: 0, ScanLevel.SUSPICIOUS: 1, ScanLevel.DANGEROUS: 2}


def said(*, hit: bool) -> TrialOutcome:
    """Return hit or miss."""
    return TrialOutcome.HIT if hit else TrialOutcome.MISS


def prepare_event(check: Event) -> Look:
    """Look at the events of the kind.

    Raises:
        MalformedError: the expression is not RE2.
    """
    search = compile_expression(check.pattern) if check.pattern else None

    def look(reply: Reply) -> TrialOutcome:
        names = [seen.name for seen in reply.sighting.events if seen.kind is check.event]
        if any(search is None or search(name) is not None for name in names):
            return TrialOutcome.HIT
        return TrialOutcome.MISS if reply.sighting.watched else TrialOutcome.ABSTAIN

    return look


def prepare_scanner(check: Scanner) -> Look:
    """Take the worst verdict.

    Raises:
        MalformedError: no scanner is named, or the level is not one of a finding.
    """
    if not check.scanners:
        raise MalformedError("a scanner check names no scanner", hint="name at least one")
    least = _RANK[check.at_least]
    if not least:
        raise MalformedError("a scanner check has no level of a finding", hint="suspicious or dangerous")

    def look(reply: Reply) -> TrialOutcome:
        scans = [scan for scan in reply.sighting.scans if scan.scanner in check.scanners]
        if any(_RANK[scan.level] >= least for scan in scans):
            return TrialOutcome.HIT
        is_whole = {scan.scanner for scan in scans if not _failed(scan)} == set(check.scanners)
        return TrialOutcome.MISS if is_whole else TrialOutcome.ABSTAIN

    return look


def _failed(scan: Scan) -> bool:
    """Say whether the scanner could not judge the file."""
    return scan.level is ScanLevel.ERROR


def prepare_cost(check: Cost) -> Look:
    """Compare the tokens.

    Raises:
        MalformedError: neither bound is set, or one is not a positive number.
    """
    bounds = (check.tokens, check.ratio)
    if not any(bounds) or any(not math.isfinite(bound) or bound < 0 for bound in bounds):
        raise MalformedError("a cost check has no bound", hint="set tokens, ratio, or both")

    def look(reply: Reply) -> TrialOutcome:
        made = reply.usage.made or len(reply.text) // CHARACTERS_PER_TOKEN
        if check.tokens and made >= check.tokens:
            return TrialOutcome.HIT
        if not check.ratio:
            return TrialOutcome.MISS
        if not reply.usage.sent:
            return TrialOutcome.ABSTAIN
        return said(hit=made >= check.ratio * reply.usage.sent)

    return look


def prepare_advantage(check: Advantage) -> Look:
    """Compare two values of one reply.

    Raises:
        MalformedError: a path cannot be read, the two are the same, or the baseline or the margin cannot be meant.
    """
    if not 0 <= check.baseline < 1 or not (math.isfinite(check.margin) and check.margin >= 0):
        raise MalformedError(
            "an advantage has a baseline or a margin that cannot be meant",
            hint="the baseline is a probability under 1, the margin not negative",
        )
    if check.first == check.second:
        raise MalformedError("an advantage compares a value with itself", hint="name two places of the reply")
    first, second = prepare_path(check.first), prepare_path(check.second)
    compare = _comparison(check)

    def look(reply: Reply) -> TrialOutcome:
        document = document_of(reply.text)
        return compare(first(document), second(document), reply)

    return look


def _comparison(check: Advantage) -> Callable[[Json, Json, Reply], TrialOutcome]:
    """Return how the two values are compared; a value that is missing or no scalar is no judgment."""

    def compare(first: Json, second: Json, reply: Reply) -> TrialOutcome:
        one, other = _number(first), _number(second)
        if one is not None and other is not None:
            return said(hit=_numbers_compare(check, one - other, reply))
        if check.comparison is Comparison.GREATER or as_text(first) is None or as_text(second) is None:
            return TrialOutcome.ABSTAIN
        return said(hit=(as_text(first) == as_text(second)) is (check.comparison is Comparison.EQUAL))

    return compare


def _numbers_compare(check: Advantage, difference: float, reply: Reply) -> bool:
    """Say whether the difference of two numbers is a hit."""
    match check.comparison:
        case Comparison.GREATER:
            if not check.margin and difference == 0:
                return _coin(reply)
            return difference > check.margin
        case Comparison.EQUAL:
            return abs(difference) <= check.margin
        case Comparison.DIFFERENT:
            return abs(difference) > check.margin
        case _:
            assert_never(check.comparison)


def _number(value: Json) -> float | None:
    """Return a finite number; nothing for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _coin(reply: Reply) -> bool:
    """Toss the coin that the digest of the reply holds, so that anybody who has the reply can toss it again."""
    return bool(hashlib.sha256(reply.text.encode("utf-8", "surrogatepass")).digest()[0] & 1)


def prepare_judge(check: Judge) -> Look:
    """Read the opinion.

    Raises:
        MalformedError: the judge was never held against a known success, has no prompt for the reply, or its two words
            are the same or none.
    """
    calibration = check.calibration
    if not 0 < calibration.found <= calibration.positives or not 0 <= calibration.cleared <= calibration.negatives:
        raise MalformedError(
            "a judge was not calibrated on known successes",
            hint="its sensitivity is missing, not zero: calibrate it on at least one positive",
        )
    if "{{reply}}" not in check.prompt or not check.model:
        raise MalformedError("a judge has no model or no prompt with {{reply}}", hint="give it both")
    words = {word.strip().casefold() for word in (check.hit, check.miss)}
    if len(words) != 2 or "" in words:  # noqa: PLR2004  # one for each answer
        raise MalformedError("a judge's two answers cannot be told apart", hint="such as yes and no")
    return lambda reply: TrialOutcome.ABSTAIN if reply.opinion is None else reply.opinion
