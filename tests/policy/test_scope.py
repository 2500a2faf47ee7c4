# SPDX-License-Identifier: Apache-2.0
"""Scope: everything by default, narrowed by a rulebook, kind to what is elsewhere."""

from dataclasses import replace
from typing import Any

import pytest
from tests.policy.factories import MODEL, make_report

from safeconduct.domain.report import RestrictedMaterial
from safeconduct.domain.systems import AffectedSystem, ComponentType
from safeconduct.domain.weakness import FlawClass
from safeconduct.policy.scope import ScopeAnswer, ScopeRules, build, in_scope, shipped
from safeconduct.policy.tables import read

HEAD = 'table = "scope"\nversion = "2"\ndated = 2026-01-01\nsource = "s"\nlicense = "l"\n'
RESTRICTED = '[restricted]\ncsam = "c"\ncbrn_detail = "b"\nlive_personal_data = "p"\nclassified = "k"\n'


def rules(text: str) -> ScopeRules:
    return read(f"{HEAD}{text}\n{RESTRICTED}", file_name="scope.toml", build=build)


def test_the_shipped_rulebook_accepts_any_system() -> None:
    decision = in_scope(make_report())

    assert decision.outcome is ScopeAnswer.IN_SCOPE
    assert decision.inputs["rules"] == "scope-1.0.0"


@pytest.mark.parametrize("kind", [kind for kind in RestrictedMaterial if kind is not RestrictedMaterial.NONE])
def test_restricted_material_goes_its_own_lane_with_a_route(kind: RestrictedMaterial) -> None:
    decision = in_scope(make_report(restricted_material=kind))

    assert decision.outcome is ScopeAnswer.RESTRICTED
    assert decision.reasons == (shipped().restricted[kind],)


def test_listed_behavior_is_asked_about_and_never_closes_a_report() -> None:
    decision = in_scope(make_report(description="The assistant HALLUCINATED a court case.", flaw_class=FlawClass.OTHER))

    assert decision.outcome is ScopeAnswer.ASK
    assert decision.rules == ("scope.listed.own-session-hallucination",)
    assert "come back if" in decision.reasons[0]
    assert decision.reasons[-1] == "a person decides; the list never closes a report"


def test_listed_words_in_a_report_of_another_class_are_no_question() -> None:
    report = make_report(description="It hallucinated a package name.", flaw_class=FlawClass.SOFTWARE)

    assert in_scope(report).outcome is ScopeAnswer.IN_SCOPE


@pytest.mark.parametrize(
    ("text", "changes", "answer"),
    [
        ('vendors = ["EXAMPLE labs"]', {"affects": (MODEL,)}, ScopeAnswer.IN_SCOPE),
        ('vendors = ["Other"]', {"affects": (MODEL,)}, ScopeAnswer.OUT_OF_SCOPE),
        ('vendors = ["Other"]', {"affects": (MODEL, replace(MODEL, vendor="Other"))}, ScopeAnswer.IN_SCOPE),
        ('vendors = ["Other"]', {"affects": (MODEL, AffectedSystem())}, ScopeAnswer.ASK),
        ('vendors = ["Other"]', {"affects": (AffectedSystem(),)}, ScopeAnswer.ASK),
        ('products = ["example-chat"]', {"affects": (MODEL,)}, ScopeAnswer.IN_SCOPE),
        ('component_types = ["agent"]', {"affects": (MODEL,)}, ScopeAnswer.OUT_OF_SCOPE),
        (
            'component_types = ["agent"]\nvendors = ["Other"]',
            {"affects": (AffectedSystem(component_type=ComponentType.MODEL),)},
            ScopeAnswer.OUT_OF_SCOPE,
        ),
        ('classes = ["jailbreak"]', {"flaw_class": FlawClass.SOFTWARE}, ScopeAnswer.OUT_OF_SCOPE),
        ('classes = ["jailbreak"]', {"flaw_class": FlawClass.JAILBREAK}, ScopeAnswer.IN_SCOPE),
    ],
)
def test_a_rulebook_narrows_the_scope(text: str, changes: dict[str, Any], answer: ScopeAnswer) -> None:
    assert in_scope(make_report(**changes), rules=rules(text)).outcome is answer


def test_what_is_not_handled_is_thanked_for_and_routed() -> None:
    decision = in_scope(make_report(affects=(MODEL,)), rules=rules('vendors = ["Other"]\nelsewhere = "Example CERT"'))

    assert decision.reasons == (
        "thank you for the report; the named systems are not handled here, but would be by Example CERT",
    )
