# SPDX-License-Identifier: Apache-2.0
"""The addresses of campaigns."""

from django.urls import path

from safeconduct.server.campaigns import answer_views, round_views, suite_views, views, watch_views

app_name = "campaigns"
urlpatterns = [
    path("case/<str:case_id>/", views.of_case, name="of_case"),
    path("case/<str:case_id>/claim", views.claim, name="claim"),
    path("claim/<int:claim_id>/start", views.start, name="start"),
    path("case/<str:case_id>/handout/<str:kind>", views.handout, name="handout"),
    path("case/<str:case_id>/watch", watch_views.of_case, name="watches_of_case"),
    path("case/<str:case_id>/round", round_views.start, name="round"),
    path("watch/", watch_views.index, name="watches"),
    path("watch/<str:watch_id>/", watch_views.watch, name="watch"),
    path("watch/<str:watch_id>/path.svg", watch_views.picture, name="watch_picture"),
    path("watch/<str:watch_id>/pause", watch_views.pause, name="pause_watch"),
    path("watch/<str:watch_id>/resume", watch_views.go_on, name="resume_watch"),
    path("watch/<str:watch_id>/stop", watch_views.stop, name="stop_watch"),
    path("watch/<str:watch_id>/look", watch_views.look, name="look_now"),
    path("probe/<str:probe_id>/", round_views.probe, name="probe"),
    path("probe/<str:probe_id>/trials.jsonl", round_views.trials, name="probe_trials"),
    path("probe/<str:probe_id>/cancel", round_views.cancel, name="cancel_probe"),
    path("suites/", suite_views.index, name="suites"),
    path("suites/check", suite_views.check, name="check_suite"),
    path("suites/case/<str:case_id>/exclude", suite_views.exclude, name="exclude_from_suites"),
    path("suites/case/<str:case_id>/include", suite_views.include, name="include_in_suites"),
    path("suites/<str:check_id>/", suite_views.show, name="suite_check"),
    path("<str:campaign_id>/", views.campaign, name="campaign"),
    path("<str:campaign_id>/pause", views.pause, name="pause"),
    path("<str:campaign_id>/resume", views.resume, name="resume"),
    path("<str:campaign_id>/cancel", views.cancel, name="cancel"),
    path("<str:campaign_id>/answers/", answer_views.index, name="answers"),
    path("<str:campaign_id>/answers/<int:number>/", answer_views.show, name="answer"),
    path("<str:campaign_id>/answers/<int:number>/rule", answer_views.rule, name="rule"),
    path("<str:campaign_id>/watch", watch_views.start, name="start_watch"),
    path("<str:campaign_id>/evidence.svg", views.evidence_picture, name="evidence_picture"),
    path("<str:campaign_id>/bounds.svg", views.bounds_picture, name="bounds_picture"),
    path("<str:campaign_id>/certificate.json", views.certificate, name="certificate"),
    path("<str:campaign_id>/trials.jsonl", views.trials, name="trials"),
]
