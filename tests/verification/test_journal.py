# SPDX-License-Identifier: Apache-2.0
"""The journal: what was planned and what came of it survives a kill, and nothing is asked twice."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.deliberations import HIT, MISS, START, make_trial
from tests.verification.endpoint import Endpoint, endpoint
from tests.verification.test_campaign import held_out, now, target

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome, Verdict
from safeconduct.errors import ConflictError, MalformedError, NotFoundError, UnavailableError, VerificationError
from safeconduct.verification.campaign import CampaignResult, Terms, Watcher, run_campaign
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.journal import LOST, Entry, NoJournal, Plan, lost
from safeconduct.verification.journal_file import JournalFile
from safeconduct.verification.sampling import require_draws


def plan_of(trial: Trial) -> Plan:
    return Plan(
        number=trial.number,
        arm=trial.arm,
        family=trial.family,
        variant=trial.variant,
        mutators=trial.mutators,
        at=START,
    )


TRIALS = tuple(make_trial(number, Arm.ASSAY, HIT if number % 2 else MISS, family="a") for number in range(1, 6))
PLANS = tuple(plan_of(trial) for trial in TRIALS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def journal(path: Path) -> Iterator[JournalFile]:
    with JournalFile.begin(path, {"bundle": "b"}) as journal:
        yield journal


def test_what_was_written_is_replayed_in_the_order_of_submission(journal: JournalFile, path: Path) -> None:
    for number in (0, 1, 2):
        journal.planned(PLANS[number])
    for number in (2, 0, 1):
        journal.done(TRIALS[number])

    assert list(journal.replay()) == [Entry(plan=PLANS[n], trial=TRIALS[n]) for n in range(3)]
    assert journal.terms == {"bundle": "b"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_planned_call_without_outcome_counts_as_an_error(journal: JournalFile) -> None:
    for plan in PLANS[:3]:
        journal.planned(plan)
    journal.done(TRIALS[2])

    entries = list(journal.replay())

    assert [entry.trial for entry in entries] == [None, None, TRIALS[2]]
    assert entries[0].outcome == lost(PLANS[0])
    assert (entries[0].outcome.outcome, entries[0].outcome.detail) == (TrialOutcome.ERROR, LOST)
    assert entries[2].outcome == TRIALS[2]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_cut_by_a_crash_is_cut_off(path: Path, cut: int) -> None:
    with JournalFile.begin(path, {"bundle": "b"}) as journal:
        journal.planned(PLANS[0])
        journal.done(TRIALS[0])
        whole = path.read_bytes()
        journal.planned(PLANS[1])
    os.truncate(path, path.stat().st_size - cut)

    with JournalFile(path) as again:
        assert path.read_bytes() == whole
        assert [entry.plan for entry in again.replay()] == [PLANS[0]]
        again.planned(PLANS[1])
        assert len(list(again.replay())) == 2


@pytest.mark.parametrize(
    "lines",
    [
        [{"plan": 2}],
        [{"plan": 1}, {"plan": 1}],
        [{"plan": 1}, {"plan": 3}],
        [{"trial": 1}],
        [{"plan": 1}, {"trial": 1}, {"trial": 1}],
        [{"plan": 1}, {"trial": 2}],
        [{"plan": 1, "trial": 1}],
        [{"other": 1}],
        [[]],
    ],
    ids=str,
)
def test_a_journal_that_was_altered_is_refused(journal: JournalFile, path: Path, lines: list[Any]) -> None:
    journal.planned(PLANS[0])
    journal.done(TRIALS[0])
    plan, trial = (json.loads(line) for line in path.read_bytes().splitlines()[1:])
    with path.open("wb") as file:
        file.write(b'{"terms":{}}\n')
        for line in lines:
            made = {
                name: {**(plan if name == "plan" else trial)[name], "number": number} if name != "other" else number
                for name, number in (line.items() if isinstance(line, dict) else ())
            }
            file.write(json.dumps(made if isinstance(line, dict) else line).encode() + b"\n")

    with pytest.raises((MalformedError, Exception)) as caught:
        list(journal.replay())
    assert caught.value.code in {"malformed", "incomplete"}  # type: ignore[attr-defined]  # one of ours


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"my diary", b"{}\n", b'{"terms":1}\n', b'{"terms":{},"x":1}\n', b"\x00\xff"]
)
def test_another_file_is_refused_and_left_as_it_is(path: Path, data: bytes) -> None:
    path.write_bytes(data)

    with pytest.raises(Exception) as caught:  # the code is looked at
        JournalFile(path)

    assert caught.value.code in {"malformed", "incomplete"}  # type: ignore[attr-defined]  # one of ours
    assert path.read_bytes() == data


def test_a_journal_is_begun_once_and_written_by_one(journal: JournalFile, path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConflictError):
        JournalFile.begin(path, {})
    with pytest.raises(ConflictError, match="in use"):
        JournalFile(path)
    with pytest.raises(NotFoundError):
        JournalFile(tmp_path / "none")
    with pytest.raises(UnavailableError):
        JournalFile(tmp_path)


def test_a_full_disk_is_one_error_and_the_call_is_not_made(path: Path) -> None:
    with JournalFile.begin(path, {}) as journal:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, journal._handle)
        os.close(full)

        with pytest.raises(UnavailableError, match="No space left"):
            journal.planned(PLANS[0])


def test_no_journal_keeps_nothing() -> None:
    journal = NoJournal()
    journal.planned(PLANS[0])
    journal.done(TRIALS[0])

    assert list(journal.replay()) == []


def run(
    bundle: Bundle, before: Endpoint, after: Endpoint, journal: JournalFile, *, width: int = 1, **watch: Any
) -> CampaignResult:
    terms = Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out(), campaign="c-1")
    return run_campaign(
        terms,
        unpatched=target(bundle, before),
        patched=target(bundle, after),
        clock=now,
        watcher=Watcher(journal=journal, **watch),
        engine=LocalEngine(width=width),
    )


@pytest.mark.parametrize("width", [1, 4])
def test_a_paused_campaign_is_carried_on_to_the_verdict_it_would_have_had(tmp_path: Path, width: int) -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        with JournalFile.begin(tmp_path / "whole", {}) as journal:
            whole = run(bundle, before, after, journal, width=width)
        asked = len(before.asked) + len(after.asked)
        sittings = 0
        result = None
        JournalFile.begin(tmp_path / "parts", {}).__exit__(None, None, None)
        while result is None or result.paused:
            with JournalFile(tmp_path / "parts") as journal:
                start = len(before.asked) + len(after.asked)
                pause = lambda start=start: len(before.asked) + len(after.asked) >= start + 40  # noqa: E731  # of this sitting
                result = run(bundle, before, after, journal, width=width, should_pause=pause)
                sittings += 1

    paid = len(before.asked) + len(after.asked) - asked
    assert sittings > 2
    assert len(result.trials) <= paid <= len(result.trials) + result.abandoned
    assert result.report.verdict is whole.report.verdict is Verdict.FIXED
    if width == 1:
        # With calls in flight a pause may change which family comes next; with one at a time nothing changes at all.
        assert result.report == whole.report
        assert [(one.variant, one.outcome) for one in result.trials] == [
            (one.variant, one.outcome) for one in whole.trials
        ]
    assert result.started_at < result.trials[-1].started_at  # type: ignore[index]  # they are in memory


def test_a_pause_lets_the_calls_in_flight_end(path: Path) -> None:
    bundle = leak_bundle()
    with (
        endpoint(canary=CANARY, rate=1.0) as before,
        endpoint(canary=CANARY) as after,
        JournalFile.begin(path, {}) as journal,
    ):
        result = run(bundle, before, after, journal, width=3, should_pause=lambda: bool(before.asked))

        assert result.paused
        assert result.abandoned == 0
        assert len(before.asked) == len(result.trials) == 3
        assert all(entry.trial is not None for entry in journal.replay())


def test_a_verdict_abandons_what_is_in_flight_and_a_journal_that_ended_asks_nothing_more(path: Path) -> None:
    bundle = leak_bundle()
    with (
        endpoint(canary=CANARY, rate=1.0) as before,
        endpoint(canary=CANARY, rate=1.0) as after,
        JournalFile.begin(path, {}) as journal,
    ):
        first = run(bundle, before, after, journal, width=8)
        asked = len(before.asked) + len(after.asked)
        again = run(bundle, before, after, journal, width=8)

    assert first.report.verdict is Verdict.NOT_FIXED
    assert first.abandoned > 0
    assert again.report == first.report
    assert len(before.asked) + len(after.asked) == asked


def test_a_journal_of_other_terms_is_refused_before_anything_is_asked(path: Path) -> None:
    bundle = leak_bundle()
    with (
        endpoint(canary=CANARY, rate=1.0) as before,
        endpoint(canary=CANARY) as after,
        JournalFile.begin(path, {}) as journal,
    ):
        run(bundle, before, after, journal, should_pause=lambda: True)
        asked = len(before.asked)
        terms = Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out(), campaign="c-2")
        with pytest.raises(VerificationError, match="does not fit"):
            run_campaign(
                terms,
                unpatched=target(bundle, before),
                patched=target(bundle, after),
                clock=now,
                watcher=Watcher(journal=journal),
            )

    assert len(before.asked) == asked == 1


@pytest.mark.parametrize(
    "change", [{"family": "gone"}, {"arm": Arm.BENIGN_BEFORE, "family": ""}, {"variant": "0" * 64}]
)
def test_a_journal_of_another_bundle_is_refused(path: Path, change: dict[str, Any]) -> None:
    bundle = leak_bundle(benign=())
    trial = replace(TRIALS[0], family="plain", **change) if "family" not in change else replace(TRIALS[0], **change)
    with endpoint(canary=CANARY) as server, JournalFile.begin(path, {}) as journal:
        journal.planned(plan_of(trial))
        journal.done(trial)
        with pytest.raises(VerificationError, match="journal"):
            run(bundle, server, server, journal)


def test_lost_calls_of_pooled_families_are_counted_and_the_draws_come_out_alike(path: Path) -> None:
    bundle = leak_bundle(benign=(), criterion=Criterion(per_family=False, max_calls=900))
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        with JournalFile.begin(path, {}) as journal:
            run(bundle, before, after, journal, should_pause=lambda: len(after.asked) >= 10)
            data = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(data[:-1]))
        with JournalFile(path) as journal:
            result = run(bundle, before, after, journal)
            assert sum(entry.trial is None for entry in journal.replay()) == 0

    errors = [trial for trial in result.trials if trial.outcome is TrialOutcome.ERROR]
    assert [trial.detail for trial in errors] == [LOST]
    assert result.report.efficacy[0].unknown == 1
    bound = Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out(), campaign="c-1").drawn_from
    assert require_draws(bundle, bundle.criterion, bound, result.trials) == len(result.trials)
