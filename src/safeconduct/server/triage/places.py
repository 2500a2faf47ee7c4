# SPDX-License-Identifier: Apache-2.0
"""Where the sealed values of this slice stand; a seal opens at its own place only."""

from safeconduct.crypto.sealing import Place


def appeal_place(assessment_id: str) -> Place:
    """Return the place of an appeal's text."""
    return Place(table="triage_appeal", column="body", row=assessment_id)


def answers_place(assessment_id: str) -> Place:
    """Return the place of what the rules answered."""
    return Place(table="triage_assessment", column="answers", row=assessment_id)


def overrides_place(assessment_id: str) -> Place:
    """Return the place of what a person set, and why."""
    return Place(table="triage_assessment", column="overrides", row=assessment_id)


def reply_place(run_id: int, number: int) -> Place:
    """Return the place of a target's sealed reply to one trial of a run."""
    return Place(table="triage_gatereply", column="sealed_reply", row=f"{run_id}.{number}")


def excerpt_place(run_id: int, number: int) -> Place:
    """Return the place of the excerpt of a reply."""
    return Place(table="triage_gatereply", column="sealed_excerpt", row=f"{run_id}.{number}")


def opening_place(reply_id: int) -> Place:
    """Return the place of the reason for which a reply was opened."""
    return Place(table="triage_replyopening", column="sealed_reason", row=str(reply_id))


def detail_place(report_id: str) -> Place:
    """Return the place of what a run of the gate leaves; bound to its report, because a run has no number at first."""
    return Place(table="triage_gaterun", column="detail", row=report_id)
