# SPDX-License-Identifier: Apache-2.0
"""One file per standard: foreign bytes to domain values and back, with the loss declared."""
