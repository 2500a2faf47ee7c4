# SPDX-License-Identifier: Apache-2.0
"""`trials.jsonl`: what is written is read again, and every line follows on the one before."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.deliberations import ERROR, HIT, MISS, make_trial

from safeconduct.domain.evidence import Arm, Trial, TrialOutcome
from safeconduct.errors import MalformedError
from safeconduct.verification.trials import FileTrials, digest_of, read_trials, write_trial, write_trials

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  # bounds take no zone

TRIALS = st.lists(
    st.builds(
        Trial,
        number=st.just(0),
        arm=st.sampled_from(list(Arm)),
        family=TEXTS,
        variant=TEXTS,
        mutators=st.lists(TEXTS, max_size=4).map(tuple),
        request_sha256=DIGESTS,
        response_sha256=DIGESTS,
        outcome=st.sampled_from(list(TrialOutcome)),
        tokens=st.integers(0, 10_000),
        started_at=MOMENTS,
        seconds=st.floats(min_value=0, max_value=1e6),
        detail=TEXTS,
    ),
    max_size=5,
).map(lambda trials: tuple(replace(trial, number=place) for place, trial in enumerate(trials, start=1)))


@given(trials=TRIALS)
@settings(derandomize=True)
def test_what_is_written_is_read_again(trials: tuple[Trial, ...]) -> None:
    written = write_trials(trials)

    assert read_trials(written) == trials
    assert write_trials(read_trials(written)) == written


def test_a_line_is_canonical_json() -> None:
    line = write_trial(replace(make_trial(1, Arm.ASSAY, HIT, family="base64", variant="v1"), seconds=1.0))

    assert line.endswith(b"\n")
    assert json.dumps(json.loads(line), sort_keys=True, separators=(",", ":")).encode() + b"\n" == line
    assert b'"started_at":"2026-11-23T12:00:00+00:00"' in line


def test_times_are_written_in_utc() -> None:
    there = datetime(2026, 11, 23, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    assert read_trials(write_trial(replace(make_trial(1, Arm.ASSAY, HIT), started_at=there)))[0].started_at == there


def test_a_time_without_zone_is_not_written() -> None:
    with pytest.raises(MalformedError):
        write_trial(replace(make_trial(1, Arm.ASSAY, HIT), started_at=datetime(2026, 11, 23)))  # noqa: DTZ001  # the fault


def test_a_file_without_trials_is_empty() -> None:
    assert read_trials(b"") == ()
    assert write_trials(()) == b""


def test_only_a_failed_call_may_lack_its_digests() -> None:
    nothing = {"request_sha256": "", "response_sha256": ""}
    failed, missed = (replace(make_trial(1, Arm.ASSAY, outcome), **nothing) for outcome in (ERROR, MISS))

    assert read_trials(write_trial(failed)) == (failed,)
    with pytest.raises(MalformedError):
        read_trials(write_trial(missed))


def test_tokens_that_the_target_wrote_stand_only_where_they_are_known() -> None:
    plain = make_trial(1, Arm.ASSAY, HIT, family="a")
    known = replace(plain, tokens=12, tokens_out=5)

    assert b"tokens_out" not in write_trial(plain)
    assert read_trials(write_trial(known)) == (known,)
    with pytest.raises(MalformedError, match="tokens_out"):
        read_trials(write_trial(replace(known, tokens_out=13)))


def test_trials_in_a_file_are_read_again_one_by_one(tmp_path: Path) -> None:
    trials = tuple(make_trial(number, Arm.ASSAY, HIT, family="a") for number in (1, 2, 3))
    with (tmp_path / "t").open("wb") as file:
        log = FileTrials(tmp_path / "t", file)
        for trial in trials:
            log.add(trial)

        assert len(log.all()) == 3
        assert tuple(log) == tuple(log) == trials
        assert trials[1] in log
        assert replace(trials[1], outcome=MISS) not in log
        assert digest_of(log) == hashlib.sha256((tmp_path / "t").read_bytes()).hexdigest()
