# SPDX-License-Identifier: Apache-2.0
"""Where the sealed values of this slice stand; a seal opens at its own place only."""

from safeconduct.crypto.sealing import Place


def title_place(case_id: str) -> Place:
    """Return the place of a case's title."""
    return Place(table="cases_case", column="title", row=case_id)


def message_place(message_id: str) -> Place:
    """Return the place of a message."""
    return Place(table="cases_casemessage", column="body", row=message_id)


def term_place(term_id: str) -> Place:
    """Return the place of the reason of embargo terms."""
    return Place(table="cases_embargoterm", column="reason", row=term_id)


def step_place(case_id: str, position: int) -> Place:
    """Return the place of the reason of a step."""
    return Place(table="cases_transition", column="reason", row=f"{case_id}/{position}")


def override_place(case_id: str) -> Place:
    """Return the place of the reason for keeping an embargo in spite of attacks."""
    return Place(table="cases_case", column="attack_override", row=case_id)
