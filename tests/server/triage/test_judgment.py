# SPDX-License-Identifier: Apache-2.0
"""All rules together: what follows from a report, what a person set, and the order that comes of it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import records

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.flaw import Track
from safeconduct.domain.report import Answer, Evidence, Harm, HarmMagnitude, Report
from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.errors import MalformedError, UnknownValueError
from safeconduct.policy.completeness import Proof
from safeconduct.policy.duplicates import Likeness, Match
from safeconduct.policy.ml_profile import MlProfile, metrics
from safeconduct.policy.priority import QueueFacts, Reproduction, sort_key
from safeconduct.server.triage.assessing import SETTABLE, plain_set, set_from, with_value
from safeconduct.server.triage.judgment import RULES, Judgment, Set, difference, judge, merged, order_of

EXACT = Match(id="rep_0", score=1.0, likeness=Likeness.EXACT, reasons=("the same text, word for word",))
VECTOR = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N"
PROFILES = st.builds(
    MlProfile, **{key.lower(): st.sampled_from(["X", *metric.values]) for key, metric in metrics().items()}
)


def judged(
    now: datetime,
    told: Report | None = None,
    *,
    chosen: Set | None = None,
    reproduction: Reproduction = Reproduction.NONE,
    matches: tuple[Match, ...] = (),
) -> Judgment:
    return judge(
        told or records.report(),
        proof=Proof(),
        reproduction=reproduction,
        matches=matches,
        received_at=now,
        chosen=chosen or Set(),
    )


def test_every_rule_answers_with_reasons_and_names_itself(now: datetime) -> None:
    found = judged(now)

    assert tuple(found.answers) == RULES
    assert all(answer.rules for answer in found.answers.values())
    assert all(answer.reasons for name, answer in found.answers.items() if name != "completeness")


def test_what_a_person_set_counts_before_what_was_told(now: datetime) -> None:
    told = records.report(exploitation=Exploitation.ACTIVE)
    chosen = Set(
        cvss=VECTOR,
        profile="MLP:1.0/SR:L/EX:2",
        exploitation=Exploitation.POC,
        tracks=(Track.CONTENT_ISSUE,),
    )

    found = judged(now, told, chosen=chosen)

    assert found.severity.cvss_vector == VECTOR
    assert "/SR:L/" in found.severity.ml_profile
    assert "/EX:2/" in found.severity.ml_profile
    assert found.severity.exploitation is Exploitation.POC
    assert found.tracks == (Track.CONTENT_ISSUE,)


def test_a_metric_that_nobody_set_follows_the_report_and_the_gate(now: datetime) -> None:
    told = records.report(harm=Harm(magnitude=HarmMagnitude.SERIOUS), evidence=Evidence(stochastic=Answer.NO))
    chosen = Set(profile="MLP:1.0/PE:S")

    before, after = (
        judged(now, told, chosen=chosen, reproduction=reproduction).severity.ml_profile
        for reproduction in (Reproduction.NOT_RUN, Reproduction.REPRODUCED)
    )

    assert "/SR:X/" in before
    assert "/SR:R/" in after
    assert all("/HM:S/" in profile and "/PE:S/" in profile for profile in (before, after))


def test_a_person_may_say_that_something_is_not_known(now: datetime) -> None:
    told = records.report(evidence=Evidence(trials=(TrialSummary(n=100, hits=95),)))

    assert "/SR:R/" in judged(now, told).severity.ml_profile
    assert "/SR:X/" in judged(now, told, chosen=Set(profile="MLP:1.0/SR:X")).severity.ml_profile


@given(PROFILES, PROFILES)
def test_the_difference_leads_back_to_the_profile(wanted: MlProfile, proposed: MlProfile) -> None:
    text = difference(wanted, proposed=proposed)

    assert merged(proposed, text) == wanted
    assert (text == "") == (wanted == proposed)


def test_unknown_metrics_make_the_tier_provisional_and_the_higher_end_counts(now: datetime) -> None:
    found = judged(now)

    assert (found.severity.tier, found.severity.tier_low) == (Tier.CRITICAL, Tier.NONE)


@pytest.mark.parametrize(
    ("reproduction", "matches", "lane"),
    [
        (Reproduction.REPRODUCED, (EXACT,), "proven"),
        (Reproduction.NOT_RUN, (EXACT,), "waiting"),
        (Reproduction.NONE, (), "told"),
        (Reproduction.NOT_REPRODUCED, (), "doubted"),
        (Reproduction.NONE, (EXACT,), "last"),
    ],
)
def test_the_lane_follows_from_the_evidence(
    now: datetime, reproduction: Reproduction, matches: tuple[Match, ...], lane: str
) -> None:
    assert judged(now, reproduction=reproduction, matches=matches).answers["priority"].outcome == lane


FACTS = st.builds(
    QueueFacts,
    reproduction=st.sampled_from(Reproduction),
    received_at=st.integers(0, 10**6).map(lambda hours: datetime(2026, 1, 1) + timedelta(hours=hours)),  # noqa: DTZ001
    tier=st.sampled_from(Tier),
    exploitation=st.sampled_from(Exploitation),
    coordination=st.sampled_from("DTC"),
    looks_like_duplicate=st.booleans(),
)


@given(FACTS, FACTS)
def test_the_order_as_text_is_the_order_of_the_rule(one: QueueFacts, other: QueueFacts) -> None:
    assert (order_of(one) < order_of(other)) == (sort_key(one) < sort_key(other))


@pytest.mark.parametrize(
    ("field", "value"),
    [("cvss", VECTOR), ("profile", "MLP:1.0/SR:L"), ("exploitation", "active"), ("tracks", "limitation,content_issue")],
)
def test_what_is_set_survives_its_plain_form_and_can_be_taken_back(field: str, value: str) -> None:
    chosen = with_value(Set(), field, f"  {value} ")

    assert set_from(plain_set(chosen)) == chosen
    assert chosen != Set()
    assert with_value(chosen, field, "") == Set()


@pytest.mark.parametrize(
    ("field", "value"),
    [("exploitation", "maybe"), ("tracks", "limitation,nonsense"), ("profile", "MLP:1.0/ZZ:1"), ("tier", "none")],
)
def test_a_value_outside_its_list_is_refused(field: str, value: str) -> None:
    with pytest.raises(UnknownValueError):
        with_value(Set(), field, value)


def test_a_profile_that_cannot_be_read_is_refused_when_it_is_set() -> None:
    assert "profile" in SETTABLE
    with pytest.raises(MalformedError):
        with_value(Set(), "profile", "CVSS:4.0/AV:N")


def test_a_report_of_an_unknown_system_is_judged(now: datetime) -> None:
    told = records.report(affects=(replace(records.hosted_model(), vendor="unknown", product="unknown"),))

    assert judged(now, told).answers["scope"].outcome == "in_scope"
