# SPDX-License-Identifier: Apache-2.0
"""The addresses of the rooms that look across slices."""

from django.urls import path

from safeconduct.server.desk import case_room, home, mailbox, queue

app_name = "desk"
urlpatterns = [
    path("mailbox/room/", mailbox.mailbox, name="mailbox"),
    path("mailbox/appeal/", mailbox.appeal, name="appeal"),
    path("desk/", home.home, name="home"),
    path("queue/", queue.queue, name="queue"),
    path("queue/<str:report_id>/case/", queue.case_of, name="case_of"),
    path("cases/", home.cases, name="cases"),
    path("cases/<str:case_id>/", case_room.case, name="case"),
    path("cases/<str:case_id>/seats/<str:participant_id>/", case_room.participant, name="participant"),
]
