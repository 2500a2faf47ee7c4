# SPDX-License-Identifier: Apache-2.0
"""The public page of measures, its numbers for machines, and the chart as a document of its own."""

import hashlib
from dataclasses import asdict

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from safeconduct.server.metrics import charts, queries
from safeconduct.server.parties.access import OpenRequest, open_to_all


@open_to_all
def index(request: OpenRequest) -> HttpResponse:
    """Show every measure with its definition and table."""
    found = queries.measured(request.now)
    context = {"counts": found.counts, "times": found.times, "now": found.at}
    return render(request, "metrics/index.html", context)


@open_to_all
def numbers(request: OpenRequest) -> HttpResponse:
    """Give the same numbers to machines."""
    found = queries.measured(request.now)
    measures = {
        "counts": [asdict(measure) for measure in found.counts],
        "times": [asdict(measure) for measure in found.times],
        "at": found.at.isoformat(),
    }
    return JsonResponse(measures, json_dumps_params={"indent": 2})


@open_to_all
def chart(request: OpenRequest) -> HttpResponse:
    """Draw the times. Opened directly, the document may do nothing at all."""
    measures = queries.measured(request.now).times
    etag = hashlib.sha256(repr(measures).encode()).hexdigest()[:32]
    if request.headers.get("If-None-Match") == f'"{etag}"':
        return HttpResponse(status=304, headers={"ETag": f'"{etag}"'})
    response = HttpResponse(charts.times_chart(measures), content_type="image/svg+xml")
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response["ETag"] = f'"{etag}"'
    return response
