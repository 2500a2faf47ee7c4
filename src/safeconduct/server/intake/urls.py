# SPDX-License-Identifier: Apache-2.0
"""The addresses of intake. None of them holds a secret, and none differs from report to report."""

from django.urls import path

from safeconduct.server.intake import mailbox_views, views

app_name = "intake"
urlpatterns = [
    path("report/", views.start, name="start"),
    path("mailbox/", mailbox_views.mailbox, name="mailbox"),
    path("mailbox/leave/", mailbox_views.leave, name="leave"),
    path("mailbox/answer/", mailbox_views.answer, name="answer"),
    path("mailbox/files/", mailbox_views.add_files, name="add_files"),
    path("mailbox/withdraw/", mailbox_views.withdraw, name="withdraw"),
    path("mailbox/papers/<str:name>", mailbox_views.paper, name="paper"),
]
