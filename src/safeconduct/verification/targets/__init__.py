# SPDX-License-Identifier: Apache-2.0
"""Targets under test: one interface, one file per kind, and `target_for` that makes the one a grant speaks of."""

from safeconduct.verification.targets.interface import Answer, Target
from safeconduct.verification.targets.making import target_for

__all__ = ["Answer", "Target", "target_for"]
