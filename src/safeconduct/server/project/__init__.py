# SPDX-License-Identifier: Apache-2.0
"""Settings, middleware, addresses and the WSGI entry."""
