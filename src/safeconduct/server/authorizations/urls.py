# SPDX-License-Identifier: Apache-2.0
"""The addresses of targets."""

from django.urls import path

from safeconduct.server.authorizations import views

app_name = "authorizations"
urlpatterns = [
    path("", views.targets, name="targets"),
    path("grant/", views.grant, name="grant"),
    path("<str:target_id>/", views.target, name="target"),
    path("<str:target_id>/suspend/", views.suspend, name="suspend"),
    path("<str:target_id>/resume/", views.resume, name="resume"),
    path("<str:target_id>/revoke/", views.revoke, name="revoke"),
]
