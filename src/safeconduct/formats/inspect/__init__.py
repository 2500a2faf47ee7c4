# SPDX-License-Identifier: Apache-2.0
"""Inspect, the evaluation framework of the UK AI Security Institute: its logs as evidence, bundles as its tasks."""

from safeconduct.formats.inspect.reading import read_log

__all__ = ["read_log"]
