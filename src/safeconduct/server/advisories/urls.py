# SPDX-License-Identifier: Apache-2.0
"""The addresses of advisories."""

from django.urls import path

from safeconduct.server.advisories import views

app_name = "advisories"
urlpatterns = [
    path("feed.atom", views.feed, name="feed"),
    path("case/<str:case_id>/", views.of_case, name="of_case"),
    path("case/<str:case_id>/draft", views.draft, name="draft"),
    path("case/<str:case_id>/edit", views.edit, name="edit"),
    path("case/<str:case_id>/publish", views.publish, name="publish"),
    path("case/<str:case_id>/withdraw", views.withdraw, name="withdraw"),
    path("<str:public_id>/certificate.json", views.certificate, name="certificate"),
    path("<str:public_id>/trials.jsonl", views.trials, name="trials"),
    path("<str:public_id>/<str:kind>.json", views.document, name="document"),
    path("<str:public_id>/<int:version>/<str:kind>.json", views.version, name="version"),
]
