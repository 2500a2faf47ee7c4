# SPDX-License-Identifier: Apache-2.0
"""The command line: a thin coat over the core and the server's services."""
