# SPDX-License-Identifier: Apache-2.0
"""The edge where a date and a time on somebody's clocks become one instant, for this slice and those after it.

Without a zone a date names no instant, so the zone is asked for. A time that clocks skip or show twice is refused.
"""

from datetime import datetime
from typing import Any

from django import forms

from safeconduct.domain.instants import find_zone, local_instant
from safeconduct.errors import MalformedError


class InstantForm(forms.Form):
    """A date and a time on the clocks of a named zone: one instant and no other."""

    day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    hour = forms.TimeField(label="Time", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    zone = forms.CharField(
        label="Time zone", max_length=64, help_text="On whose clocks: Europe/Berlin, America/New_York, UTC …"
    )

    def clean(self) -> dict[str, Any]:
        """Make one instant of day, hour and zone."""
        given = super().clean() or self.cleaned_data
        if {"day", "hour", "zone"} <= given.keys():
            try:
                wall = datetime.combine(given["day"], given["hour"])
                given["instant"] = local_instant(wall, find_zone(given["zone"].strip()))
            except (MalformedError, OverflowError) as error:
                words = f"{error.message}: {error.hint}" if isinstance(error, MalformedError) else "No such time."
                self.add_error("zone", words)
        return given
