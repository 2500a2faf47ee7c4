# SPDX-License-Identifier: Apache-2.0
"""Rules: the tables of tiers, deadlines and the ML profile, as the rules themselves read them."""

from datetime import timedelta

from safeconduct.domain.severity import Tier
from safeconduct.policy.completeness import questions
from safeconduct.policy.deadline_policy import TIER_KINDS, TierRow, balanced
from safeconduct.policy.ml_profile import metrics
from safeconduct.policy.tiers import FIDELITIES, HARMS, shipped
from safeconduct_facts.markdown import cell, code, section, table


def deadlines() -> str:
    """Return the tier profile of deadlines: one row for each kind, one column for each tier."""
    policy = balanced()
    columns = [policy.emergency, *(policy.tiers[tier] for tier in reversed(Tier))]
    rows = [[code(kind), *(_period(column, kind) for column in columns)] for kind in TIER_KINDS]
    rows.append(["longest extension", *(days(column.extension_most) for column in columns)])
    rows.append(["hard cap of publication", *(days(column.cap) for column in columns)])
    head = ("due", *(column.name for column in columns))
    return f"Edition `{policy.edition}`.\n\n" + table(head, rows)


def _period(row: TierRow, kind: object) -> str:
    period = row.periods.get(kind)  # type: ignore[call-overload]  # the kinds come from the table itself
    return "none" if period is None else cell(period)


def days(length: timedelta) -> str:
    """Return a length in days, or in hours where it is shorter."""
    return f"{length.days} d" if length >= timedelta(days=1) else f"{length.seconds // 3600} h"


def ml_profile() -> str:
    """Return a section for each metric of the ML profile with its values, lowest first."""
    return "\n".join(
        section(3, f"{code(metric.key)} {metric.name}", anchor=f"mlp-{metric.key.lower()}")
        + f"\n{metric.asks}\n\n"
        + table(("value", "meaning"), [(code(value), cell(words)) for value, words in metric.values.items()])
        for metric in metrics().values()
    )


def harm_bases() -> str:
    """Return the base tier of harm and fidelity."""
    bases = shipped().harm_bases
    rows = [[code(harm), *(bases[harm, fidelity].value for fidelity in FIDELITIES)] for harm in HARMS]
    return table(("HM", *(f"OF {code(fidelity)}" for fidelity in FIDELITIES)), rows)


def report_questions() -> str:
    """Return the question of every field that may be asked for, in the order in which they are asked."""
    return table(("field", "question"), [(code(name), cell(text)) for name, text in questions().items()])
