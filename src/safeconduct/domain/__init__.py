# SPDX-License-Identifier: Apache-2.0
"""The vocabulary: frozen values and enumerations of ISO/IEC 29147 and 30111, the CERT multi-party protocol and CSAF."""
