# SPDX-License-Identifier: Apache-2.0
"""The addresses of the acts of the clock."""

from django.urls import path

from safeconduct.server.clock import views

app_name = "clock"
urlpatterns = [
    path("<str:case_id>/clock/extend/", views.extend, name="extend"),
    path("<str:case_id>/clock/pause/", views.pause, name="pause"),
    path("<str:case_id>/clock/resume/", views.resume, name="resume"),
]
