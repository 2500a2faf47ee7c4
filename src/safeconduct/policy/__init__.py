# SPDX-License-Identifier: Apache-2.0
"""What follows from the facts: pure rules that answer with a decision and its grounds."""
