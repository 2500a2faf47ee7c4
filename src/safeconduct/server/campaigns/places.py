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
    """Return the place of what a campaign left: its progress, reasons, certificate, trials, costs and so on."""
    return Place(table="campaigns_campaign", column=column, row=campaign_id)


def journal_place(campaign_id: str, number: int, column: str) -> Place:
    """Return the place of a call in a campaign's journal: its plan, its trial or its reply."""
    return Place(table="campaigns_journalline", column=column, row=f"{campaign_id} {number}")


def probe_place(probe_id: str, column: str) -> Place:
    """Return the place of what a probe left: its detail or its trials."""
    return Place(table="campaigns_probe", column=column, row=probe_id)


def turn_place(watch_id: str, number: int, column: str) -> Place:
    """Return the place of what a turn of a watch left: its detail or its trials."""
    return Place(table="campaigns_watchturn", column=column, row=f"{watch_id} {number}")


def watch_place(watch_id: str) -> Place:
    """Return the place of the reason why a watch was paused or stopped."""
    return Place(table="campaigns_watch", column="reason", row=watch_id)


def exclusion_place(case_id: str) -> Place:
    """Return the place of the reason why the flaw of a case is in no suite."""
    return Place(table="campaigns_suiteexclusion", column="reason", row=case_id)
