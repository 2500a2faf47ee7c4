# SPDX-License-Identifier: Apache-2.0
"""The central register: one entry per flaw, its aliases, affected systems and public state."""
