# SPDX-License-Identifier: Apache-2.0
"""Where the sealed values of this slice stand; a seal opens at its own place only."""

from safeconduct.crypto.sealing import Place


def draft_place(advisory_id: str) -> Place:
    """Return the place of a draft."""
    return Place(table="advisories_advisory", column="draft", row=advisory_id)
