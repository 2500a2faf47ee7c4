# SPDX-License-Identifier: Apache-2.0
"""What templates of all slices may load."""
