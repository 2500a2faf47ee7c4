# SPDX-License-Identifier: Apache-2.0
"""Where the sealed values of this slice stand; a seal opens at its own place only."""

from safeconduct.crypto.sealing import Place


def appeal_place(assessment_id: str) -> Place:
    """Return the place of an appeal's text."""
    return Place(table="triage_appeal", column="body", row=assessment_id)
