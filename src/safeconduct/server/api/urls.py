# SPDX-License-Identifier: Apache-2.0
"""The addresses of the programming interface."""

from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from safeconduct.server.api import desk, register, reports
from safeconduct.server.api.app import api, unknown, with_problems
from safeconduct.server.parties.access import open_to_all

api.add_router("", reports.router)
api.add_router("", register.router)
api.add_router("", desk.router)

operations = [
    path(str(pattern.pattern), with_problems(pattern.callback), name=pattern.name)
    for pattern in api.urls[0]
    if isinstance(pattern, URLPattern) and pattern.callback is not None
]

urlpatterns = [
    path("v1/", (operations, *api.urls[1:])),
    path("v1/<path:rest>", csrf_exempt(open_to_all(unknown)), name="unknown-operation"),
]
