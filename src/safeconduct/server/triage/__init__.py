# SPDX-License-Identifier: Apache-2.0
"""Valid, in scope, duplicate, how bad, how urgent; and the evidence gate."""
