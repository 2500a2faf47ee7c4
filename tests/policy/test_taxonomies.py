# SPDX-License-Identifier: Apache-2.0
"""References across editions."""

import pytest

from safeconduct.domain.weakness import TaxonomyRef
from safeconduct.policy.decision import Outcome
from safeconduct.policy.taxonomies import _follow, resolve, taxonomies, usable


def ref(text: str) -> TaxonomyRef:
    return TaxonomyRef.parse(text)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("owasp-llm/2023/LLM03", "Training Data Poisoning"),
        ("owasp-llm/2025/LLM03", "Supply Chain"),
        ("owasp-llm/2026/LLM03", "Excessive Agency"),
        ("owasp-agentic/2026/ASI01", "Agent Goal Hijack"),
        ("avid/0.2/S0403", "Adversarial Example"),
        ("nist-ai-100-2/2025/NISTAML.018", "Prompt Injection"),
        ("cwe/4.20/CWE-1427", "Improper Neutralization of Input Used for LLM Prompting"),
        ("atlas/5.6.0/AML.T0051.000", "LLM Prompt Injection: Direct"),
    ],
)
def test_an_identifier_means_what_its_edition_says(text: str, title: str) -> None:
    found = resolve(ref(text))

    assert found.title == title
    assert found.is_usable.outcome is Outcome.ALLOWED


def test_the_counts_are_those_of_the_sources() -> None:
    sizes: dict[str, int] = {}
    for entry in taxonomies().titles:
        name = f"{entry.framework}/{entry.edition}"
        sizes[name] = sizes.get(name, 0) + 1

    assert sizes == {
        "owasp-llm/2023": 10,
        "owasp-llm/2025": 10,
        "owasp-llm/2026": 10,
        "owasp-agentic/2026": 10,
        "cwe/4.20": 17,
        "avid/0.2": 54,
        "nist-ai-100-2/2025": 28,
        "atlas/5.6.0": 186,
        "atlas/2026.07": 3,
        "atlas/2026.08": 1,
    }


def test_an_old_identifier_keeps_itself_and_tells_what_it_became() -> None:
    found = resolve(ref("owasp-llm/2023/LLM03"))

    assert str(found.ref) == "owasp-llm/2023/LLM03"
    assert [str(later) for later in found.later] == ["owasp-llm/2025/LLM04", "owasp-llm/2026/LLM05"]
    assert found.earlier == ()


def test_a_merged_identifier_tells_all_it_came_from() -> None:
    found = resolve(ref("owasp-llm/2026/LLM03"))

    assert [str(earlier) for earlier in found.earlier] == [
        "owasp-llm/2025/LLM06",
        "owasp-llm/2023/LLM08",
        "owasp-llm/2023/LLM07",
    ]
    assert found.later == ()


def test_a_renumbered_technique_is_found() -> None:
    assert [str(later) for later in resolve(ref("atlas/5.6.0/AML.T0058")).later] == ["atlas/2026.07/AML.T0115.001"]


def test_every_step_between_editions_leads_from_and_to_a_known_entry() -> None:
    table = taxonomies()

    assert all(old in table.titles and new in table.titles for old, new in table.successors)


@pytest.mark.parametrize(
    ("text", "outcome", "rule"),
    [
        ("cwe/4.20/CWE-1446", Outcome.BLOCKED, "taxonomy.forbidden"),
        ("cwe/4.20/CWE-1426", Outcome.DISCOURAGED, "taxonomy.caution"),
        ("owasp-llm/2025/LLM11", Outcome.BLOCKED, "taxonomy.absent"),
        ("cwe/4.20/CWE-89", Outcome.UNKNOWN, "taxonomy.unlisted"),
        ("atlas/2026.09/AML.T0051", Outcome.UNKNOWN, "taxonomy.unlisted"),
        ("garak/0.13/dan.Dan_11_0", Outcome.UNKNOWN, "taxonomy.unlisted"),
    ],
)
def test_what_a_flaw_may_be_mapped_to_is_said_with_a_reason(text: str, outcome: Outcome, rule: str) -> None:
    decision = usable(ref(text))

    assert (decision.outcome, decision.rules) == (outcome, (rule,))
    assert decision.reasons[0]


def test_a_table_that_leads_in_a_circle_ends() -> None:
    one, other = ref("owasp-llm/2025/LLM01"), ref("owasp-llm/2026/LLM01")

    assert _follow(one, {one: (other,), other: (one,)}) == (other, one)
