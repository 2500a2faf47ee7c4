# SPDX-License-Identifier: Apache-2.0
"""Courses, exercises and completions."""
