# SPDX-License-Identifier: Apache-2.0
"""The texts that Safeconduct comes with, in force until an administrator sets others."""

from pathlib import Path

from safeconduct.server.rulebook.models import PolicyKind

TEXTS = Path(__file__).parent / "texts"
DEFAULT_EMBARGO_DAYS = 90
DEFAULT_TEXTS = {kind: (TEXTS / f"{kind.value}.md").read_text(encoding="utf-8") for kind in PolicyKind}
