# SPDX-License-Identifier: Apache-2.0
"""Words for templates of what strangers told."""
