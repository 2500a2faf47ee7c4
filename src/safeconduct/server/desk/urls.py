# SPDX-License-Identifier: Apache-2.0
"""The addresses of the rooms that look across slices."""

from django.urls import path

from safeconduct.server.desk import case_room, home, mailbox

app_name = "desk"
urlpatterns = [
    path("mailbox/room/", mailbox.mailbox, name="mailbox"),
    path("mailbox/appeal/", mailbox.appeal, name="appeal"),
    path("desk/", home.home, name="home"),
    path("cases/", home.cases, name="cases"),
    path("cases/<str:case_id>/", case_room.case, name="case"),
    path("cases/<str:case_id>/seats/<str:participant_id>/", case_room.participant, name="participant"),
]
