# SPDX-License-Identifier: Apache-2.0
"""The filter `visible`, for text that strangers wrote: `{% load plainly %}{{ told.title|visible }}`."""

from django import template

from safeconduct.server.triage import plainly

register = template.Library()


@register.filter
def visible(value: object) -> str:
    """Return the value as text in which nothing is hidden; the template escapes it."""
    return plainly.visible(str(value))
