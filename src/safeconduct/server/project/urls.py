# SPDX-License-Identifier: Apache-2.0
"""All addresses. Each slice keeps its own in `urls.py` under its own namespace; a slice joins by one line here."""

from django.urls import include, path

from safeconduct.server.project import views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("api/", include("safeconduct.server.api.urls")),
    path("log/<path:name>", views.log_file, name="log"),
    path("", include("safeconduct.server.parties.urls")),
    path("", include("safeconduct.server.outbox.urls")),
    path("", include("safeconduct.server.rulebook.urls")),
    path("", include("safeconduct.server.intake.urls")),
    path("", include("safeconduct.server.desk.urls")),
    path("account/", include("safeconduct.server.parties.account_urls")),
    path("targets/", include("safeconduct.server.authorizations.urls")),
    path("register/", include("safeconduct.server.registry.urls")),
    path("advisories/", include("safeconduct.server.advisories.urls")),
    path("triage/", include("safeconduct.server.triage.urls")),
    path("cases/", include("safeconduct.server.cases.urls")),
    path("cases/", include("safeconduct.server.clock.urls")),
    path("campaigns/", include("safeconduct.server.campaigns.urls")),
    path("measures/", include("safeconduct.server.metrics.urls")),
]

handler400 = "safeconduct.server.project.views.bad_request"
handler403 = "safeconduct.server.project.views.forbidden"
handler404 = "safeconduct.server.project.views.not_found"
handler500 = "safeconduct.server.project.views.broken"
