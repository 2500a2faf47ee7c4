# SPDX-License-Identifier: Apache-2.0
"""The time zone in which a person reads times beside UTC: chosen on a page, kept in a cookie, else ours."""

from datetime import tzinfo

from django.conf import settings
from django.http import HttpRequest

from safeconduct.domain.instants import find_zone, is_zone

COOKIE = "zone"
COOKIE_SECONDS = 60 * 60 * 24 * 365


def zone_name_of(request: HttpRequest) -> str:
    """Return the name of the zone; a cookie that names none is ignored."""
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen and is_zone(chosen) else settings.SAFECONDUCT.zone


def zone_of(request: HttpRequest) -> tzinfo:
    """Return the zone in which this person reads times."""
    return find_zone(zone_name_of(request))
