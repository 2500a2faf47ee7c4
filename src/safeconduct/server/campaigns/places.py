# SPDX-License-Identifier: Apache-2.0
"""Where the sealed values of this slice stand; a seal opens at its own place only."""

from safeconduct.crypto.sealing import Place


def note_place(case_id: str) -> Place:
    """Return the place of the note of a claimed fix."""
    return Place(table="campaigns_fixclaim", column="note", row=case_id)


def secret_place(campaign_id: str) -> Place:
    """Return the place of the salt and seed of a campaign."""
    return Place(table="campaigns_campaign", column="secret", row=campaign_id)


def kept_place(campaign_id: str, column: str) -> Place:
    """Return the place of what a campaign left: its progress, reasons, certificate, trials or failure."""
    return Place(table="campaigns_campaign", column=column, row=campaign_id)
