# SPDX-License-Identifier: Apache-2.0
"""The addresses of accounts, invitations, tokens and sessions."""

app_name = "parties"
urlpatterns: list[object] = []
