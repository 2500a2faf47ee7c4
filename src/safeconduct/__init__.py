# SPDX-License-Identifier: Apache-2.0
"""Responsible disclosure of machine-learning vulnerabilities."""
