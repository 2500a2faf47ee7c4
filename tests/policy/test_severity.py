# SPDX-License-Identifier: Apache-2.0
"""The tier: worked cases, the whole table, monotonicity end to end, and what is not known."""

from dataclasses import replace
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.errors import ConfigurationError, IncompleteError
from safeconduct.policy import severity, tiers
from safeconduct.policy.ml_profile import MlProfile, metrics, parse_profile
from safeconduct.policy.severity import assess
from safeconduct.policy.tables import read

PROFILES = st.builds(
    MlProfile, **{key.lower(): st.sampled_from([*metric.values, "X"]) for key, metric in metrics().items()}
)

# Score and vector (without prefix), harm and fidelity, profile, exposure, exploitation, generality, tier, deciding rule.
WORKED_CASES = [
    pytest.param(
        8.7, "AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:H/SI:N/SA:N/E:P", "HM:S/OF:H", "TX:M/RT:B/PE:S/AG:L/SR:L",
        "A", "3", "poc", "critical", "severity.r1", id="zero-click injection exfiltrates a mailbox",
    ),
    pytest.param(None, "", "HM:C/OF:H", "TX:E/RT:U/PE:N/AG:N/SR:R", "A", "3", "poc", "critical", "", id="universal jailbreak"),
    pytest.param(None, "", "HM:N/OF:L", "TX:N/RT:N/PE:N/AG:N/SR:U", "Q", "3", "poc", "none", "", id="rude poem"),
    pytest.param(
        5.7, "AV:N/AC:L/AT:P/PR:N/UI:P/VC:L/VI:H/VA:N/SC:N/SI:H/SA:N/E:P", "HM:M/OF:H", "TX:V/RT:N/PE:W/AG:O/SR:R",
        "A", "2", "poc", "high", "severity.r1", id="backdoored weights on a hub",
    ),
    pytest.param(
        7.4, "AV:N/AC:L/AT:N/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:P", "HM:M/OF:H", "TX:E/RT:N/PE:N/AG:N/SR:R",
        "S", "2", "poc", "high", "severity.base.cvss", id="code runs when a model is loaded",
    ),
    pytest.param(
        1.3, "AV:N/AC:H/AT:N/PR:L/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N/E:P", "HM:M/OF:L", "TX:N/RT:N/PE:N/AG:N/SR:P",
        "S", "0", "poc", "low", "severity.base.cvss", id="membership inference in research",
    ),
    pytest.param(
        1.3, "AV:N/AC:H/AT:N/PR:L/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N/E:P", "HM:M/OF:H", "TX:N/RT:N/PE:N/AG:N/SR:L",
        "S", "0", "poc", "medium", "severity.base.harm", id="membership inference, reliable",
    ),
    pytest.param(None, "", "HM:S/OF:H", "TX:N/RT:B/PE:W/AG:O/SR:R", "A", "2", "none", "critical", "severity.r1", id="biased triage model"),
    pytest.param(
        4.0, "AV:P/AC:L/AT:P/PR:N/UI:N/VC:N/VI:H/VA:N/SC:N/SI:H/SA:H/E:P/S:P", "HM:S/OF:L", "TX:M/RT:N/PE:N/AG:L/SR:P",
        "S", "3", "poc", "high", "severity.r1", id="adversarial sign patch on a fleet",
    ),
    pytest.param(
        5.5, "AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N/E:P", "HM:N/OF:H", "TX:N/RT:N/PE:N/AG:N/SR:R",
        "S", "2", "poc", "medium", "severity.base.cvss", id="system prompt leaks without secrets",
    ),
    pytest.param(
        5.7, "AV:N/AC:H/AT:N/PR:L/UI:N/VC:H/VI:L/VA:L/SC:H/SI:N/SA:N/E:P", "HM:M/OF:H", "TX:N/RT:B/PE:C/AG:T/SR:L",
        "A", "2", "poc", "high", "severity.r1", id="retrieval poisoning across users",
    ),
    pytest.param(
        2.1, "AV:N/AC:L/AT:N/PR:L/UI:N/VC:N/VI:N/VA:L/SC:N/SI:N/SA:L/E:P", "HM:M/OF:H", "TX:V/RT:N/PE:S/AG:T/SR:R",
        "S", "1", "poc", "medium", "severity.base.harm", id="denial of wallet",
    ),
    pytest.param(None, "", "HM:N/OF:L", "TX:E/RT:U/PE:N/AG:N/SR:R", "A", "3", "none", "none", "", id="hallucinated citation"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("score", "vector", "harm", "rest", "general", "ex", "exploited", "tier", "rule"), WORKED_CASES
)
def test_a_worked_case_comes_out_as_published(  # noqa: PLR0917  # the columns of the published table
    score: float | None, vector: str, harm: str, rest: str, general: str, ex: str, exploited: str, tier: str, rule: str
) -> None:
    profile = parse_profile(f"MLP:1.0/{harm}/{rest}/EX:{ex}")

    answer = assess(
        cvss=f"CVSS:4.0/{vector}" if vector else "", profile=profile, exploitation=Exploitation(exploited), content=True
    )

    assert answer.severity.cvss_score == score
    assert answer.decision.inputs["generality"] == general
    assert answer.severity.tier == tier
    assert not answer.is_provisional
    assert rule in answer.severity.rules or not rule


@pytest.mark.parametrize(("sr", "fidelity"), [("U", "L"), ("P", "L"), ("L", "H"), ("R", "H")])
def test_fidelity_follows_from_reliability_where_a_flaw_is_not_about_content(sr: str, fidelity: str) -> None:
    profile = parse_profile(f"MLP:1.0/SR:{sr}/TX:N/RT:N/PE:N/AG:N/EX:1/HM:M")

    answer = assess(profile=profile)

    assert answer.decision.inputs["fidelity"] == fidelity


def test_a_stated_fidelity_counts_unless_the_flaw_is_said_not_to_be_about_content() -> None:
    profile = parse_profile("MLP:1.0/SR:R/TX:N/RT:N/PE:N/AG:N/EX:1/HM:M/OF:L")

    assert assess(profile=profile).severity.tier is Tier.LOW
    assert assess(profile=profile, content=False).severity.tier is Tier.MEDIUM


def test_every_row_of_the_table_follows_from_the_rules() -> None:
    table = tiers.shipped()

    differing = [facts for facts in tiers.all_facts() if severity.by_rules(facts).outcome is not table.tier(facts)]

    assert len(tiers.all_facts()) == 1440
    assert differing == []


@cache
def generality_of(sr: str, tx: str, rt: str, pe: str, ag: str) -> tiers.Generality:
    return severity.generality(MlProfile(sr=sr, tx=tx, rt=rt, pe=pe, ag=ag)).outcome


def test_generality_over_all_768_profiles_is_monotone_and_shared_out_as_published() -> None:
    scales = [list(metrics()[key].values) for key in ("SR", "TX", "RT", "PE", "AG")]
    grades = {letter: place for place, letter in enumerate("QSA")}
    counts = dict.fromkeys("QSA", 0)
    falls = 0
    for profile in product(*scales):
        here = generality_of(*profile)
        counts[here.value] += 1
        for place, scale in enumerate(scales):
            step = scale.index(profile[place]) + 1
            if step < len(scale):
                higher = (*profile[:place], scale[step], *profile[place + 1 :])
                falls += grades[generality_of(*higher)] < grades[here]

    assert counts == {"A": 328, "S": 428, "Q": 12}
    assert falls == 0


def end_to_end() -> dict[tuple[int, ...], int]:
    """Return the tier's rank of all 258,048 profiles, by the place of each answer on its scale.

    The first place is the CVSS rating (0 to 4, fidelity from reliability) or, without a vector, fidelity (5 and 6).
    """
    table = tiers.shipped()
    profiles = [
        (places, generality_of(*answers), answers[0])
        for places, answers in (
            (places, tuple(list(metrics()[key].values)[place] for key, place in zip(("SR", "TX", "RT", "PE", "AG"), places, strict=True)))
            for places in product(range(4), range(4), range(3), range(4), range(4))
        )
    ]  # fmt: skip
    bases = {
        (start, harm, sr): severity._base(  # the one place where base and tie are decided
            list(Tier)[start] if start < 5 else None,
            MlProfile(hm=harm, of="LH"[start - 5] if start > 4 else "H" if sr in "LR" else "L"),
            table,
        )
        for start, harm, sr in product(range(7), "NMSC", "UPLR")
    }
    ranks = {}
    for (places, general, sr), start, ex, (use, exploitation), (level, harm) in product(
        profiles, range(7), range(4), enumerate(Exploitation), enumerate("NMSC")
    ):
        source, base, _ = bases[start, harm, sr]
        facts = tiers.Facts(
            source=source, base=base, generality=general, exposure=str(ex), exploitation=exploitation, harm=harm
        )
        ranks[(start, ex, use, level, *places)] = table.tiers[facts].rank
    return ranks


def test_the_tier_never_falls_when_an_answer_rises_nor_below_cvss() -> None:
    ranks = end_to_end()

    falls = 0
    for places, rank in ranks.items():
        if places[0] < 5:
            assert rank >= places[0]
        for place in range(len(places)):
            if place == 0 and places[0] == 4:
                continue  # from the highest rating there is no step to "no vector"
            higher = (*places[:place], places[place] + 1, *places[place + 1 :])
            falls += ranks.get(higher, 4) < rank

    assert len(ranks) == 258_048
    assert falls == 0


@given(profile=PROFILES, exploitation=st.sampled_from(Exploitation), content=st.booleans())
def test_the_range_holds_every_way_the_unknown_may_turn_out(
    *, profile: MlProfile, exploitation: Exploitation, content: bool
) -> None:
    answer = assess(profile=profile, exploitation=exploitation, content=content)

    for place in range(3):
        settled = replace(
            profile,
            **{
                key.lower(): list(metrics()[key].values)[min(place, len(metrics()[key].values) - 1)]
                for key in profile.unknown
            },
        )
        tier = assess(profile=settled, exploitation=exploitation, content=content).severity.tier
        assert answer.severity.tier_low.rank <= tier.rank <= answer.severity.tier.rank


def test_an_unknown_metric_makes_the_tier_provisional_and_says_which() -> None:
    answer = assess(profile=parse_profile("MLP:1.0/SR:R/TX:N/RT:N/PE:N/AG:N/EX:1/HM:X"))

    assert answer.is_provisional
    assert (answer.severity.tier_low, answer.severity.tier) == (Tier.LOW, Tier.CRITICAL)
    assert answer.severity.rules[-1] == "severity.provisional"
    assert answer.decision.reasons[-1].startswith(
        "provisional: HM not known, so the tier lies between low and critical"
    )


def test_knowledge_and_remediability_never_make_a_tier_provisional() -> None:
    profile = parse_profile("MLP:1.0/AK:X/SR:R/TX:N/RT:N/PE:N/AG:N/EX:1/HM:M/RM:X")

    assert not assess(profile=profile).is_provisional


def test_a_quiet_little_exposed_flaw_whose_base_is_harm_goes_down_one_step() -> None:
    profile = parse_profile("MLP:1.0/SR:U/TX:N/RT:N/PE:N/AG:N/EX:1/HM:S/OF:L")

    answer = assess(profile=profile)

    assert answer.severity.tier is Tier.LOW
    assert "severity.r2" in answer.severity.rules


@pytest.mark.parametrize(
    ("harm", "exposure", "tier", "rule"),
    [
        ("S", "1", Tier.CRITICAL, "severity.r3"),
        ("S", "0", Tier.HIGH, "severity.r4"),
        ("M", "3", Tier.HIGH, "severity.r4"),
    ],
)
def test_use_in_the_wild_sets_a_floor(harm: str, exposure: str, tier: Tier, rule: str) -> None:
    profile = MlProfile(sr="P", tx="N", rt="N", pe="N", ag="N", ex=exposure, hm=harm)

    answer = assess(profile=profile, exploitation=Exploitation.ACTIVE)

    assert answer.severity.tier is tier
    assert answer.severity.rules[-1] == rule


def test_an_exploited_flaw_that_is_high_already_stays_so_without_a_rule() -> None:
    profile = MlProfile(sr="R", tx="N", rt="N", pe="N", ag="N", ex="0", hm="S")

    answer = assess(profile=profile, exploitation=Exploitation.ACTIVE)

    assert answer.severity.tier is Tier.HIGH
    assert "severity.r4" not in answer.severity.rules


def test_a_vector_alone_leaves_harm_open() -> None:
    answer = assess(cvss="CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N")

    assert answer.severity.tier_low is Tier.HIGH
    assert answer.severity.tier is Tier.CRITICAL
    assert answer.severity.ml_profile == ""
    assert answer.vector is not None
    assert answer.vector.nomenclature == "CVSS-B"


def test_nothing_to_assess_is_refused() -> None:
    with pytest.raises(IncompleteError):
        assess()


def test_a_replaced_table_counts_and_is_named() -> None:
    shipped = tiers.shipped()
    cautious = replace(shipped, edition="x_example.ml-tier-1", tiers=dict.fromkeys(shipped.tiers, Tier.CRITICAL))

    answer = assess(profile=MlProfile(sr="U", tx="N", rt="N", pe="N", ag="N", ex="0", hm="N"), table=cautious)

    assert answer.severity.tier is Tier.CRITICAL
    assert answer.severity.table == "x_example.ml-tier-1"
    assert answer.severity.rules[-1] == "severity.table"
    assert answer.decision.reasons[-1] == "the table x_example.ml-tier-1 says critical where the rules say none"


def test_a_table_with_a_missing_row_is_refused() -> None:
    head = 'table = "tier"\nversion = "2"\ndated = 2026-01-01\nsource = "s"\nlicense = "l"\n'
    rows = "\n".join(
        f'"{source} {base} {general}" = "nnn"'
        for source, base, general in product(tiers.Source, Tier, tiers.Generality)
    )

    with pytest.raises(ConfigurationError, match="90 answers for 1440"):
        read(f"{head}[rows]\n{rows}\n", file_name="tier.toml", build=tiers.build)
