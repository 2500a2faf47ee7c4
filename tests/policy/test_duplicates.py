# SPDX-License-Identifier: Apache-2.0
"""Candidates for duplicates: found, ranked, explained, never decided."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.factories import MODEL, make_advisory, make_full_report, make_report

from safeconduct.domain.systems import Digest, Identity, Lineage, Relation
from safeconduct.policy import duplicates
from safeconduct.policy.comparables import from_advisory, from_line, from_report, package_name
from safeconduct.policy.duplicates import LIKELY, Corpus, Item, Likeness, likeness
from safeconduct.policy.fingerprints import of_file
from safeconduct.policy.kinship import Kinship, are_twins, kinship

PERMUTE = "Lack of validation in `tf.raw_ops.DataFormatVecPermute` leads to uninitialized memory accesses."
RESHAPE = "A null pointer dereference in TFLite's Reshape operator crashes the interpreter."
PLAIN = "The web page of the project shows user names without escaping them."


def corpus() -> Corpus:
    return Corpus(
        [
            from_line(item_id="R1", package="tensorflow", text=PERMUTE),
            from_line(item_id="R2", package="tensorflow", text=RESHAPE),
            from_line(item_id="R3", package="flask-admin", text=PLAIN),
        ]
    )


def test_an_identifier_told_in_half_finds_its_record() -> None:
    found = corpus().candidates(from_line(item_id="Q", package="tensorflow", text="crash in DataFormatVecPermute"))

    assert found[0].id == "R1"
    assert "dataformatvecpermute" in found[0].reasons[0]
    assert "the same system" in found[0].reasons


def test_the_same_words_in_another_package_are_still_a_candidate_but_count_half() -> None:
    known = corpus()

    same = known.candidates(from_line(item_id="Q", package="tensorflow", text=RESHAPE.upper() + " x"))[0]
    other = known.candidates(from_line(item_id="Q", package="onnx", text=RESHAPE.upper() + " x"))[0]

    assert same.id == other.id == "R2"
    assert other.score < same.score
    assert "another system" in other.reasons


def test_the_same_text_is_exact_whatever_the_system() -> None:
    match = corpus().candidates(from_line(item_id="Q", package="other", text=f"  {PLAIN.upper()}"))[0]

    assert (match.id, match.score, match.likeness) == ("R3", 1.0, Likeness.EXACT)
    assert match.reasons[0] == "the same text, word for word"


def test_the_same_file_is_exact_even_without_a_common_word() -> None:
    mark = of_file("ab" * 32)
    known = Corpus([Item(id="R1", text="alpha", fingerprints=(mark,)), Item(id="R2", text="beta")])

    found = known.candidates(Item(id="Q", text="gamma", fingerprints=(mark,)))

    assert [match.id for match in found] == ["R1"]
    assert found[0].reasons == ("the same attached file", "the system is not named, so it decides nothing")


def test_an_item_is_no_candidate_for_itself() -> None:
    assert "R1" not in {match.id for match in corpus().candidates(from_line(item_id="R1", package="", text=PERMUTE))}


def test_a_text_without_a_known_word_has_no_candidate() -> None:
    assert corpus().candidates(from_line(item_id="Q", package="", text="zzz qqq")) == ()
    assert corpus().candidates(from_line(item_id="Q", package="", text="")) == ()
    assert Corpus().candidates(from_line(item_id="Q", package="p", text="anything")) == ()


def test_at_most_as_many_as_asked_for_are_told_best_first() -> None:
    known = Corpus(from_line(item_id=f"R{n}", package="p", text="leak " + "more " * n) for n in range(20))

    found = known.candidates(from_line(item_id="Q", package="p", text="leak"), limit=3)

    assert len(known) == 20
    assert [match.id for match in found] == ["R0", "R1", "R2"]
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)


def test_a_shared_technique_speaks_for_a_candidate() -> None:
    known = Corpus([Item(id="R1", text="leak of data", systems=("a",)), Item(id="R2", text="leak of data", systems=("a",), techniques=("atlas/5.6.0/AML.T0051",))])  # fmt: skip

    found = known.candidates(Item(id="Q", text="leak", systems=("b",), techniques=("atlas/5.6.0/AML.T0051",)))

    assert [match.id for match in found] == ["R2", "R1"]
    assert found[0].reasons[-1] == "the same technique: atlas/5.6.0/AML.T0051"


def test_common_words_only_decide_between_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["rare common", "common only", "common filler text", "rare filler"]
    known = Corpus(Item(id=f"R{n}", text=text) for n, text in enumerate(texts))
    full = known.candidates(Item(id="Q", text="rare common unheard"))

    monkeypatch.setattr(duplicates, "BUDGET", 2)
    spared = known.candidates(Item(id="Q", text="rare common unheard"))

    assert full[0].id == "R0"
    assert {match.id for match in full} == {"R0", "R1", "R2", "R3"}
    assert [match.id for match in spared] == ["R0", "R3"]
    assert spared[0].score == full[0].score


TEXTS = st.lists(st.sampled_from(["leak", "prompt", "secret", "model", "v1.2", "memory_reset", "agent"]), min_size=1, max_size=8).map(" ".join)  # fmt: skip


@given(st.lists(TEXTS, min_size=1, max_size=6), TEXTS)
def test_scores_lie_between_0_and_1_and_fall(texts: list[str], asked: str) -> None:
    known = Corpus(from_line(item_id=str(n), package="p", text=text) for n, text in enumerate(texts))

    scores = [match.score for match in known.candidates(from_line(item_id="Q", package="p", text=asked))]

    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_the_best_candidate_is_judged_with_its_reasons() -> None:
    close = from_line(item_id="Q", package="tensorflow", text=f"{PERMUTE} {PERMUTE}")
    decision = likeness(corpus().candidates(close))

    assert decision.outcome is Likeness.LIKELY
    assert decision.inputs["id"] == "R1"
    assert decision.reasons[-1] == "a candidate only: a person decides"
    assert likeness(()).outcome is Likeness.NONE


def test_a_weak_candidate_is_only_possible() -> None:
    match = corpus().candidates(from_line(item_id="Q", package="", text="the interpreter prints a page of poems"))[0]

    assert match.score < LIKELY
    assert match.likeness is Likeness.POSSIBLE
    assert match.as_dict()["likeness"] == "possible"


@pytest.mark.parametrize(
    ("one", "other", "twins"),
    [
        ("pillow", "pillow-simd", True),
        ("tensorflow-cpu", "tensorflow-gpu", True),
        ("python-jose", "python-libnmap", False),
        ("django", "django-allauth", False),
        ("a-b-c", "a-b-d", True),
        ("torch", "numpy", False),
        ("a-b", "a-b-c-d", True),
    ],
)
def test_twin_packages_are_told_by_their_names(one: str, other: str, twins: bool) -> None:  # noqa: FBT001
    assert are_twins(one, other) is twins
    assert are_twins(other, one) is twins


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        (Item(id="a", text=""), Item(id="b", text="", systems=("x",)), Kinship.NOT_ASKED),
        (Item(id="a", text="", systems=("x",)), Item(id="b", text=""), Kinship.NOT_NAMED),
        (Item(id="a", text="", systems=("My_Lib",)), Item(id="b", text="", systems=("my-lib",)), Kinship.SAME),
        (Item(id="a", text="", systems=("x",), related=("base",)), Item(id="b", text="", systems=("base",)), Kinship.DERIVED),
        (Item(id="a", text="", systems=("x",), related=("base",)), Item(id="b", text="", systems=("y",), related=("base",)), Kinship.DERIVED),
        (Item(id="a", text="", systems=("x",)), Item(id="b", text="", systems=("x-gpu",)), Kinship.TWIN),
        (Item(id="a", text="", systems=("x",)), Item(id="b", text="", systems=("y",)), Kinship.OTHER),
    ],
)  # fmt: skip
def test_systems_relate_in_six_ways(one: Item, other: Item, relation: Kinship) -> None:
    assert kinship(one, other) is relation


def test_a_report_is_compared_by_text_systems_techniques_and_files() -> None:
    system = replace(
        MODEL,
        identity=Identity(
            purl="pkg:huggingface/example/chat@1",
            model_string="chat-2",
            digests=(Digest(algorithm="sha256", value="ff"),),
        ),
        lineage=(Lineage(relation=Relation.DERIVED_FROM, other="pkg:huggingface/base/llm@2"),),
    )
    report = make_full_report(affects=(system, system))

    item = from_report(report, item_id="rep_1", files=("cd" * 32,))

    assert item.systems == ("example/chat", "example-chat", "chat-2", "sha256:ff")
    assert item.related == ("base/llm",)
    assert item.techniques == ("owasp-llm/2025/LLM02",)
    assert set(item.fingerprints) >= {of_file("ab" * 32), of_file("cd" * 32)}


def test_a_report_on_an_unknown_system_names_none() -> None:
    assert from_report(make_report(), item_id="rep_1").systems == ()
    assert from_line(item_id="x", package=" ", text=" ").fingerprints == ()


def test_two_advisories_that_claim_one_id_are_exact() -> None:
    one = from_advisory(make_advisory(aliases=("CVE-2026-1",)))
    other = from_advisory(make_advisory(id="SC-2026-other", aliases=("cve-2026-1",), description="quite other words"))

    match = Corpus([one]).candidates(other)[0]

    assert match.likeness is Likeness.EXACT
    assert "the same public identifier" in match.reasons


@pytest.mark.parametrize(
    ("name", "expected"), [("pkg:pypi/My_Lib@1", "my-lib"), ("plain name", "plain name"), ("pkg:broken", "pkg:broken")]
)
def test_a_package_url_is_named_without_type_and_version(name: str, expected: str) -> None:
    assert package_name(name) == expected


def test_a_removed_record_is_no_candidate_any_more() -> None:
    known = corpus()

    known.remove("R3")
    known.remove("never there")

    found = known.candidates(from_line(item_id="Q", package="flask-admin", text=PLAIN))
    assert "R3" not in {match.id for match in found}
    assert (len(known), known.waste) == (2, pytest.approx(1 / 3))


def test_a_record_that_changed_is_found_once_and_as_it_is_now() -> None:
    known = corpus()

    known.remove("R3")
    known.add(from_line(item_id="R3", package="flask-admin", text=PLAIN + " Also the titles."))
    found = known.candidates(from_line(item_id="Q", package="flask-admin", text=PLAIN))

    assert [match.id for match in found].count("R3") == 1
    assert found[0].id == "R3"
    assert found[0].likeness is not Likeness.EXACT


def test_an_empty_index_wastes_nothing() -> None:
    assert Corpus().waste == 0.0
