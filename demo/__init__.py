# SPDX-License-Identifier: Apache-2.0
"""A whole disclosure on a real small model, told step by step."""
