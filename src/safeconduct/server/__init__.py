# SPDX-License-Identifier: Apache-2.0
"""The Django service, in slices that pull from the stage before them."""
