# SPDX-License-Identifier: Apache-2.0
"""The addresses of triage."""

from django.urls import path

from safeconduct.server.triage import views

app_name = "triage"
urlpatterns = [
    path("appeals/", views.appeals, name="appeals"),
    path("appeals/<int:appeal_id>/", views.appeal, name="appeal"),
    path("documented/", views.documented, name="documented"),
    path("documented/<int:behavior_id>/retire/", views.retire, name="retire"),
    path("<str:assessment_id>/", views.assessment, name="assessment"),
    path("<str:assessment_id>/restricted/", views.reveal, name="reveal"),
    path("<str:assessment_id>/set/vector/", views.set_value, {"field": "cvss"}, name="set_vector"),
    path("<str:assessment_id>/set/profile/", views.set_value, {"field": "profile"}, name="set_profile"),
    path("<str:assessment_id>/set/exploitation/", views.set_value, {"field": "exploitation"}, name="set_exploitation"),
    path("<str:assessment_id>/set/tracks/", views.set_value, {"field": "tracks"}, name="set_tracks"),
    path("<str:assessment_id>/ask/", views.ask, name="ask"),
    path("<str:assessment_id>/reject/", views.reject, name="reject"),
    path("<str:assessment_id>/compare/", views.compare, name="compare"),
    path("<str:assessment_id>/duplicate-of/<str:report_id>/", views.duplicate, name="duplicate"),
    path("<str:assessment_id>/known-as/<str:public_id>/", views.duplicate_entry, name="duplicate_entry"),
    path("<str:assessment_id>/judge/", views.judge_again, name="judge"),
    path("<str:assessment_id>/run/", views.run_gate, name="run_gate"),
    path("<str:assessment_id>/replies/<int:reply_id>/", views.reply, name="reply"),
    path("<str:assessment_id>/files/<str:attachment_id>/", views.attachment, name="attachment"),
]
