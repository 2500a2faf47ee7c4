# SPDX-License-Identifier: Apache-2.0
"""The addresses of the register."""

from django.urls import path

from safeconduct.server.registry import views

app_name = "registry"
urlpatterns = [
    path("", views.index, name="index"),
    path("<str:public_id>/", views.entry, name="entry"),
]
