# SPDX-License-Identifier: Apache-2.0
"""Where the sealed values of this slice stand; a seal opens at its own place only."""

from safeconduct.crypto.sealing import Place


def body_place(report_id: str) -> Place:
    """Return the place of a report's body."""
    return Place(table="intake_report", column="body", row=report_id)


def manifest_place(attachment_id: str) -> Place:
    """Return the place of an attachment's manifest."""
    return Place(table="intake_attachment", column="manifest", row=attachment_id)


def message_place(message_id: str) -> Place:
    """Return the place of a mailbox message."""
    return Place(table="intake_mailboxmessage", column="body", row=message_id)
