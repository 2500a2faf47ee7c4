# SPDX-License-Identifier: Apache-2.0
"""The suite of earlier flaws: what comes back keeps a fix from being called one."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.deliberations import HIT, MISS, SOON, conduct
from tests.verification.endpoint import endpoint
from tests.verification.test_campaign import target

from safeconduct.domain.bundle import Bundle, Canary, Oracle
from safeconduct.domain.evidence import Arm, Verdict
from safeconduct.errors import SafeconductError
from safeconduct.verification.fields import Fields
from safeconduct.verification.findings import report
from safeconduct.verification.reproduction import Budget, Finding
from safeconduct.verification.suite import (
    HistoricSuite,
    SuiteEntry,
    SuiteRun,
    blocked,
    read_suite,
    run_suite,
    suite_facts,
)


def a_bundle(number: int, canary: str) -> Bundle:
    return replace(leak_bundle(), id=f"{number:064x}", oracle=Oracle(checks=(Canary(text=canary),)))


def test_a_suite_tells_which_flaws_reproduce() -> None:
    bundles = [a_bundle(1, CANARY), a_bundle(2, "another-word-4711")]
    heard: list[SuiteEntry] = []
    with endpoint(canary=CANARY, rate=1.0, only_for="secret|instructions|text above|hidden|VG|c2") as server:
        how = SuiteRun(
            family="acme",
            target="acme-2",
            open=lambda bundle: target(bundle, server),
            seed=bytes(32),
            budget=Budget(calls=12),
        )
        bundles[0] = replace(bundles[0], oracle=Oracle(checks=(Canary(text=CANARY.upper()),)))
        found = run_suite(bundles, how, clock=lambda: datetime.now(UTC), listen=heard.append)

    assert [entry.outcome for entry in found.entries] == [Finding.REPRODUCED, Finding.NOT_REPRODUCED]
    assert found.new == found.entries[:1]
    assert heard == list(found.entries)
    assert found.fingerprint == "openai-chat acme-1; acme-1-0613 fp_44"
    assert (found.entries[0].hits, found.entries[1].trials) == (3, 12)


ENTRY = SuiteEntry(bundle="ab" * 32, outcome=Finding.REPRODUCED, hits=3, trials=5)
SUITE = HistoricSuite(family="acme", target="acme-2", fingerprint="fp", entries=(ENTRY,))
FIXED = report(conduct(SOON, ("a",), lambda call: MISS if call.arm is Arm.EFFICACY else HIT)[0])


def test_a_new_flaw_blocks_a_fix_and_says_so() -> None:
    found = blocked(FIXED, replace(SUITE, entries=(ENTRY, ENTRY)))

    assert (FIXED.verdict, found.verdict) == (Verdict.FIXED, Verdict.INCONCLUSIVE)
    assert found.reasons[-1].startswith("2 earlier flaws of the model family acme came back with this fix")


@pytest.mark.parametrize(
    "suite",
    [
        None,
        replace(SUITE, entries=()),
        replace(SUITE, entries=(replace(ENTRY, before=Finding.REPRODUCED),)),
        replace(SUITE, entries=tuple(replace(ENTRY, outcome=one) for one in Finding if one is not Finding.REPRODUCED)),
    ],
    ids=["none", "empty", "open before", "others"],
)
def test_nothing_else_blocks_a_fix(suite: HistoricSuite | None) -> None:
    assert blocked(FIXED, suite) is FIXED


def test_only_a_fix_is_blocked() -> None:
    refuted = report(conduct(SOON, ("a",), lambda _call: HIT)[0])

    assert blocked(refuted, SUITE) is refuted


def test_a_suite_is_read_as_it_is_written() -> None:
    assert read_suite(Fields.of(suite_facts(SUITE), at="suite")) == SUITE


@pytest.mark.parametrize("change", [{"flaws": [{}]}, {"flaws": None}, {"family": 1}])
def test_what_is_no_suite_is_refused(change: dict[str, object]) -> None:
    facts = json.loads(json.dumps(suite_facts(SUITE))) | change

    with pytest.raises(SafeconductError):
        read_suite(Fields.of(facts, at="suite"))
