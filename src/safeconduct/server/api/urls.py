# SPDX-License-Identifier: Apache-2.0
"""The addresses of the programming interface. A report with files is a form and takes a way of its own."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from safeconduct.errors import SafeconductError
from safeconduct.server.api import desk, register, reports
from safeconduct.server.api.app import api
from safeconduct.server.api.schemas import ReceivedOut
from safeconduct.server.parties.access import problem, status_of

api.add_router("", reports.router)
api.add_router("", register.router)
api.add_router("", desk.router)


@csrf_exempt
def reports_with_files(request: HttpRequest) -> HttpResponse:
    """Receive a report with its files, sealed while they arrive."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    try:
        status, received = reports.send_report_with_files(request)
    except SafeconductError as error:
        return api.create_response(request, {"error": problem(error)}, status=status_of(error))
    return api.create_response(request, ReceivedOut(**received).model_dump(mode="json"), status=status)


urlpatterns = [
    path("v1/reports/with-files", reports_with_files, name="reports-with-files"),
    path("v1/", api.urls),
]
