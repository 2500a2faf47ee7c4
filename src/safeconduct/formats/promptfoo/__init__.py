# SPDX-License-Identifier: Apache-2.0
"""promptfoo, the tester of prompts and red-team tool: its results as evidence, bundles as its configuration."""

from safeconduct.formats.promptfoo.reading import read_results

__all__ = ["read_results"]
