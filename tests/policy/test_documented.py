# SPDX-License-Identifier: Apache-2.0
"""What a vendor documents as intended: which reports it fits, and that it decides nothing."""

from typing import Any

import pytest
from tests.factories import records

from safeconduct.domain.weakness import FlawClass
from safeconduct.policy.documented import Statement, documented

SAYS = "The system prompt is no secret."
WHERE = "https://orchid.example/security#prompt"


def statement(**changes: Any) -> Statement:
    given = {"id": "1", "vendor": "Orchid Bank", "says": SAYS, "reference": WHERE, "phrases": ("system prompt",)}
    return Statement(**(given | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"vendor": "ORCHID  bank"},
        {"product": "orchid assistant"},
        {"phrases": ("nothing of it", "SYSTEM–PROMPT")},
        {"phrases": (), "flaw_class": FlawClass.SYSTEM_PROMPT_LEAK.value},
        {"flaw_class": FlawClass.SYSTEM_PROMPT_LEAK.value},
    ],
)
def test_a_statement_that_fits_is_told_with_its_reference(changes: dict[str, Any]) -> None:
    found = documented(records.report(), [statement(**changes)])

    assert found.outcome
    assert SAYS in found.reasons[0]
    assert WHERE in found.reasons[0]
    assert "decides nothing" in found.reasons[-1]
    assert found.inputs == {"statements": ["1"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"vendor": "Acme"},
        {"vendor": ""},
        {"vendor": "unknown"},
        {"product": "Orchid Wallet"},
        {"phrases": ("prompt injection",)},
        {"phrases": ("stem promp",)},
        {"phrases": ("…", " ")},
        {"phrases": ()},
        {"flaw_class": FlawClass.EVASION.value},
    ],
)
def test_a_statement_of_another_thing_does_not_fit(changes: dict[str, Any]) -> None:
    found = documented(records.report(), [statement(**changes)])

    assert not found.outcome
    assert found.rules == ("documented.none",)


def test_an_unknown_vendor_fits_nothing() -> None:
    told = records.report(affects=(records.hosted_model(vendor="unknown"),))

    assert not documented(told, [statement(vendor="unknown")]).outcome
