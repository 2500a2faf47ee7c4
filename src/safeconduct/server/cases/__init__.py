# SPDX-License-Identifier: Apache-2.0
"""Participants, messages, embargo and states of a case."""
