# SPDX-License-Identifier: Apache-2.0
"""How pages show an instant: on the clocks of the reader's zone, in UTC, and how far away it is.

A template writes `{% load times %}{% instant term.ends_at %}, {% distance term.ends_at %}`.
"""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from safeconduct.domain.instants import show, show_duration, utc
from safeconduct.server.parties.zones import zone_name_of, zone_of

register = template.Library()


@register.simple_tag(takes_context=True)
def instant(context: dict[str, Any], at: datetime) -> SafeString:
    """Show the instant in the reader's zone and in UTC, with its machine-readable form."""
    machine = utc(at).isoformat(timespec="seconds").replace("+00:00", "Z")
    return format_html('<time datetime="{}">{}</time>', machine, show(at, zone_of(context["request"])))


@register.simple_tag(takes_context=True)
def distance(context: dict[str, Any], at: datetime) -> str:
    """Say how far the instant is away from the present one of the request."""
    now = getattr(context["request"], "now", None) or timezone.now()
    length = show_duration(at - now)
    return f"{length} ago" if at <= now else f"in {length}"


@register.simple_tag(takes_context=True)
def zone_name(context: dict[str, Any]) -> str:
    """Name the zones in which times are shown: the reader's, if it is another one, and UTC."""
    name = zone_name_of(context["request"])
    return name if name == "UTC" else f"{name} {_('and')} UTC"
