# SPDX-License-Identifier: Apache-2.0
"""The addresses of the acts of a case. The room in which they are offered is a page of the desk."""

from django.urls import path

from safeconduct.server.cases import views

app_name = "cases"
urlpatterns = [
    path("open/<str:assessment_id>/", views.open_case, name="open"),
    path("<str:case_id>/invite/", views.invite, name="invite"),
    path("<str:case_id>/embargo/propose/", views.propose, name="propose"),
    path("<str:case_id>/embargo/end/", views.end_embargo, name="end_embargo"),
    path("<str:case_id>/embargo/<str:term_id>/answer/<str:participant_id>/", views.answer, name="answer"),
    path("<str:case_id>/facts/", views.record_fact, name="record_fact"),
    path("<str:case_id>/messages/", views.post, name="post"),
    path("<str:case_id>/reporter/", views.tell_reporter, name="tell_reporter"),
    path("<str:case_id>/close/", views.close, name="close"),
    path("<str:case_id>/seats/<str:participant_id>/come/", views.come, name="come"),
    path("<str:case_id>/seats/<str:participant_id>/invite-again/", views.invite_again, name="invite_again"),
    path("<str:case_id>/seats/<str:participant_id>/say/", views.move, name="move"),
    path("<str:case_id>/seats/<str:participant_id>/mitigated/", views.mitigated, name="mitigated"),
    path("<str:case_id>/seats/<str:participant_id>/messages/", views.post_privately, name="post_privately"),
    path("<str:case_id>/seats/<str:participant_id>/leave/", views.leave, name="leave"),
]
