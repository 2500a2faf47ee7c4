# SPDX-License-Identifier: Apache-2.0
"""Where the sealed values of this slice stand; a seal opens at its own place only."""

from safeconduct.crypto.sealing import Place


def title_place(case_id: str) -> Place:
    """Return the place of a case's title."""
    return Place(table="cases_case", column="title", row=case_id)


def message_place(message_id: str) -> Place:
    """Return the place of a message."""
    return Place(table="cases_casemessage", column="body", row=message_id)
