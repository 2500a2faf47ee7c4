# SPDX-License-Identifier: Apache-2.0
"""SSVC: the official decision tables, evaluated as they are, and guidance for flaws of machine learning.

Stakeholder-Specific Vulnerability Categorization (CERT/CC), tables of 2026-07-20: accept a case, vendor urgency,
publish, deployer urgency, and the derived inputs utility, public safety and human impact. A fact that is not known is
left open: all rows that fit are looked at, the gravest outcome counts, and the decision says so.

The guidance (which answers follow from the ML profile) is Safeconduct's own, see the functions at the end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from safeconduct.domain.report import Answer
from safeconduct.domain.severity import Exploitation
from safeconduct.errors import UnknownValueError
from safeconduct.policy.decision import Decision
from safeconduct.policy.ml_profile import UNKNOWN, MlProfile
from safeconduct.policy.tables import Table, load

COORDINATOR_TRIAGE = "ssvc:DT_COORD_TRIAGE:1.0.0"
SUPPLIER = "ssvc:DT_SP:1.0.0"
PUBLISH = "ssvc:DT_COORD_PUBLISH:1.0.0"
DEPLOYER = "ssvc:DT_DP:1.0.0"
UTILITY = "ssvc:DT_U:1.0.0"
PUBLIC_SAFETY = "ssvc:DT_PSI:1.0.0"
HUMAN_IMPACT = "ssvc:DT_HI:1.0.0"
CISA_BOD_26_04 = "cisa:DT_BOD2604:1.0.0"
CISA_COORDINATOR = "cisa:DT_CO:2.0.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPoint:
    """A question with its answers: key and name of each, in order."""

    id: str
    name: str
    asks: str
    values: Mapping[str, str]

    @property
    def key(self) -> str:
        """Return the short name, such as `E` for exploitation."""
        return self.id.split(":")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTable:
    """A table: its inputs, its outcome, and the outcome's key for every combination of the inputs' keys."""

    id: str
    name: str
    inputs: tuple[DecisionPoint, ...]
    outcome: DecisionPoint
    rows: Mapping[tuple[str, ...], str]


@cache
def tables() -> Mapping[str, DecisionTable]:
    """Return every table by its id, such as `ssvc:DT_SP:1.0.0`."""
    return load("ssvc.json", _tables)


def evaluate(table_id: str, answers: Mapping[str, str]) -> Decision[str]:
    """Return the key of the outcome; `answers` maps short names of decision points to keys of their values.

    An answer that is missing is open: the gravest outcome that the other answers allow counts, and `inputs["lowest"]`
    holds the least.

    Raises:
        UnknownValueError: there is no such table, decision point or value.
    """
    table = _find(table_id)
    _check(table, answers)
    grades = list(table.outcome.values)
    fitting = sorted((outcome for row, outcome in table.rows.items() if _fits(table, row, answers)), key=grades.index)
    lowest, gravest = fitting[0], fitting[-1]
    return Decision(
        outcome=gravest,
        reasons=tuple(_reasons(table, answers, lowest=lowest, gravest=gravest)),
        rules=(table.id,),
        inputs={**answers, "lowest": lowest, "name": table.outcome.values[gravest]},
    )


def automatable(*, all_steps: Answer, profile: MlProfile) -> str:
    """Return Automatable (Y, N, or X): yes only if all four attack steps can be automated and the attack is reliable.

    Reliability alone never suffices; the analyst confirms the steps.
    """
    if all_steps is Answer.NO or profile.sr in {"U", "P"}:
        return "N"
    return "Y" if all_steps is Answer.YES and profile.sr in {"L", "R"} else UNKNOWN


def value_density(profile: MlProfile) -> str:
    """Return Value Density (C, D, or X): concentrated where exposure is wide or systemic."""
    return UNKNOWN if profile.ex == UNKNOWN else "C" if profile.ex in {"2", "3"} else "D"


def technical_impact(controls_all: Answer) -> str:
    """Return Technical Impact (T, P, or X): total if the attacker controls the agent, the model or all its data."""
    return {Answer.YES: "T", Answer.NO: "P", Answer.UNKNOWN: UNKNOWN}[controls_all]


def public_safety(profile: MlProfile) -> str:
    """Return Public Safety Impact (M, S, or X): minimal without harm, else significant."""
    return UNKNOWN if profile.hm == UNKNOWN else "M" if profile.hm == "N" else "S"


def exploitation_key(exploitation: Exploitation) -> str:
    """Return the key of Exploitation 1.1.0."""
    return {Exploitation.NONE: "N", Exploitation.POC: "P", Exploitation.ACTIVE: "A"}[exploitation]


def utility(*, automatable_key: str, density: str) -> str:
    """Return Utility (L, E, S, or X) from the official table; what is not known counts at its gravest."""
    return evaluate(UTILITY, known({"A": automatable_key, "VD": density})).outcome


def supplier_urgency(
    profile: MlProfile,
    *,
    exploitation: Exploitation,
    all_steps_automatable: Answer = Answer.UNKNOWN,
    controls_all: Answer = Answer.UNKNOWN,
) -> Decision[str]:
    """Return how soon the vendor should act: D defer, S scheduled, O out-of-cycle, I immediate."""
    spread = utility(
        automatable_key=automatable(all_steps=all_steps_automatable, profile=profile), density=value_density(profile)
    )
    answers = {
        "E": exploitation_key(exploitation),
        "U": spread,
        "TI": technical_impact(controls_all),
        "PSI": public_safety(profile),
    }
    return evaluate(SUPPLIER, known(answers))


def known(answers: Mapping[str, str]) -> dict[str, str]:
    """Return the answers without those that are not known."""
    return {point: value for point, value in answers.items() if value != UNKNOWN}


def _find(table_id: str) -> DecisionTable:
    """Return the table, or refuse the id."""
    found = tables().get(table_id)
    if found is None:
        raise UnknownValueError("there is no such SSVC table", hint=f"one of {', '.join(tables())}")
    return found


def _check(table: DecisionTable, answers: Mapping[str, str]) -> None:
    """Refuse an answer to a question the table does not ask, and a value that the question does not have."""
    points = {point.key: point for point in table.inputs}
    for key, value in answers.items():
        if key not in points:
            raise UnknownValueError(f"{table.name} does not ask that", hint=f"it asks {', '.join(points)}")
        if value not in points[key].values:
            allowed = ", ".join(f"{value} ({name})" for value, name in points[key].values.items())
            raise UnknownValueError(f"{points[key].name} has no such value", hint=f"one of {allowed}")


def _fits(table: DecisionTable, row: tuple[str, ...], answers: Mapping[str, str]) -> bool:
    """Say whether the row agrees with every answer that was given."""
    return all(answers.get(point.key, value) == value for point, value in zip(table.inputs, row, strict=True))


def _reasons(table: DecisionTable, answers: Mapping[str, str], *, lowest: str, gravest: str) -> Iterator[str]:
    """Yield the decision in words: what was answered, what follows, what is open."""
    told = [f"{point.name} is {point.values[answers[point.key]]}" for point in table.inputs if point.key in answers]
    name = table.outcome.values[gravest]
    yield f"{table.name}: {name}" + (f", for {'; '.join(told)}" if told else "")
    missing = [point.name for point in table.inputs if point.key not in answers]
    if missing and lowest != gravest:
        yield f"not known: {', '.join(missing)}; it could be as low as {table.outcome.values[lowest]}"


def _tables(table: Table) -> Mapping[str, DecisionTable]:
    """Build the tables from their compact form."""
    return {name: _build(name, row) for name, row in table.content["tables"].items()}


def _build(name: str, row: Mapping[str, Any]) -> DecisionTable:
    """Build one table: one digit for each combination of the inputs, the last input turning fastest."""
    inputs = tuple(_point(point) for point in row["inputs"])
    outcome = _point(row["outcome"])
    grades = list(outcome.values)
    combinations = product(*(point.values for point in inputs))
    rows = zip(combinations, (grades[int(digit)] for digit in row["outcomes"]), strict=True)
    return DecisionTable(id=name, name=row["name"], inputs=inputs, outcome=outcome, rows=dict(rows))


def _point(row: Mapping[str, Any]) -> DecisionPoint:
    """Build a decision point."""
    return DecisionPoint(id=row["id"], name=row["name"], asks=row["asks"], values=dict(row["values"]))
