# SPDX-License-Identifier: Apache-2.0
"""The addresses of campaigns."""

from django.urls import path

from safeconduct.server.campaigns import views

app_name = "campaigns"
urlpatterns = [
    path("case/<str:case_id>/", views.of_case, name="of_case"),
    path("case/<str:case_id>/claim", views.claim, name="claim"),
    path("claim/<int:claim_id>/start", views.start, name="start"),
    path("<str:campaign_id>/", views.campaign, name="campaign"),
    path("<str:campaign_id>/pause", views.pause, name="pause"),
    path("<str:campaign_id>/resume", views.resume, name="resume"),
    path("<str:campaign_id>/cancel", views.cancel, name="cancel"),
    path("<str:campaign_id>/certificate.json", views.certificate, name="certificate"),
    path("<str:campaign_id>/trials.jsonl", views.trials, name="trials"),
]
