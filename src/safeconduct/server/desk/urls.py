# SPDX-License-Identifier: Apache-2.0
"""The addresses of the rooms that look across slices."""

from django.urls import path

from safeconduct.server.desk import mailbox

app_name = "desk"
urlpatterns = [
    path("mailbox/room/", mailbox.mailbox, name="mailbox"),
    path("mailbox/appeal/", mailbox.appeal, name="appeal"),
]
