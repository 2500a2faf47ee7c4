# SPDX-License-Identifier: Apache-2.0
"""Pages that look across slices and only read."""
