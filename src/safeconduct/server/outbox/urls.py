# SPDX-License-Identifier: Apache-2.0
"""The addresses of waiting messages."""

from django.urls import path

from safeconduct.server.outbox import views

app_name = "outbox"
urlpatterns = [
    path("messages/", views.waiting, name="waiting"),
    path("messages/<str:message_id>/passed-on/", views.passed_on, name="passed_on"),
]
