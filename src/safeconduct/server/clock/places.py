# SPDX-License-Identifier: Apache-2.0
"""Where the sealed values of this slice stand; a seal opens at its own place only."""

from safeconduct.crypto.sealing import Place


def evidence_place(case_id: str, kind: str) -> Place:
    """Return the place of the evidence for an extension; there is one extension of a kind."""
    return Place(table="clock_extension", column="evidence", row=f"{case_id}/{kind}")
