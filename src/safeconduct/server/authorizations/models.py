# SPDX-License-Identifier: Apache-2.0
"""Targets that may be tested: which one, with which caps, in which window, and with which secret by name.

A grant is the only thing that lets a bundle reach an address. The secret itself never enters the database: it is a file
of the home folder, or a variable of the environment, that the broker reads by the name given here.
"""

import secrets
from decimal import Decimal
from typing import Any

from django.db import models

from safeconduct.domain.authorization import Caps
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.ids import IdKind, new_id
from safeconduct.server.parties.models import Party

ID_LENGTH = 40
NAME_LENGTH = 200
URL_LENGTH = 500


def new_target_id() -> str:
    """Return a fresh identifier of a target."""
    return new_id(IdKind.TARGET, secrets.token_bytes)


class TargetState(models.TextChoices):
    """Whether the grant holds."""

    GRANTED = "granted", "granted"
    SUSPENDED = "suspended", "suspended"
    REVOKED = "revoked", "revoked"


class TargetRole(models.TextChoices):
    """What the target stands for in a campaign."""

    UNPATCHED = "unpatched", "as reported (without a fix)"
    PATCHED = "patched", "with a claimed fix"


_DEFAULTS = Caps()
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONEY: dict[str, Any] = {"max_digits": 16, "decimal_places": 6}


class Target(models.Model):
    """One granted target. A window without bounds is open; zero calls per minute means no stated rate.

    `days` are the days of the week on which it may be tested (digits, 0 is Monday; empty: all days at all times),
    between `opens` and `closes` in its `zone`. What was spent in money follows from calls, tokens and the price, which
    is stated where there is a `currency`.
    `changed_at` is when the grant was given, suspended, resumed or revoked last. `calls_reserved` and `tokens_reserved`
    are set aside for runs that are going on: two runs at once cannot spend the same.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_target_id, editable=False)
    label = models.CharField(max_length=NAME_LENGTH)
    vendor = models.CharField(max_length=NAME_LENGTH, blank=True)
    product = models.CharField(max_length=NAME_LENGTH, blank=True)
    role = models.CharField(max_length=12, choices=TargetRole.choices, default=TargetRole.UNPATCHED)
    adapter = models.CharField(max_length=20, choices=[(item.value, item.value) for item in Adapter])
    url = models.CharField("address", max_length=URL_LENGTH, blank=True)
    entry = models.CharField(max_length=NAME_LENGTH, blank=True)
    packages = models.CharField(max_length=URL_LENGTH, blank=True)
    model = models.CharField(max_length=NAME_LENGTH)
    secret_name = models.CharField(max_length=64, blank=True)
    allow_private = models.BooleanField(default=False)
    max_calls = models.PositiveIntegerField(default=_DEFAULTS.calls)
    max_tokens = models.PositiveBigIntegerField(default=_DEFAULTS.tokens)
    max_tokens_per_call = models.PositiveIntegerField(default=_DEFAULTS.tokens_per_call)
    calls_per_minute = models.PositiveIntegerField(default=_DEFAULTS.calls_per_minute)
    call_seconds = models.FloatField(default=_DEFAULTS.call_seconds)
    max_spending = models.DecimalField(null=True, blank=True, **MONEY)
    currency = models.CharField(max_length=3, blank=True)
    price_per_call = models.DecimalField(default=Decimal(0), **MONEY)
    price_per_million_in = models.DecimalField(default=Decimal(0), **MONEY)
    price_per_million_out = models.DecimalField(default=Decimal(0), **MONEY)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    days = models.CharField(max_length=7, blank=True)
    opens = models.TimeField(null=True, blank=True)
    closes = models.TimeField(null=True, blank=True)
    zone = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=12, choices=TargetState.choices, default=TargetState.GRANTED)
    reason = models.TextField(blank=True)
    granted_by = models.ForeignKey(Party, null=True, on_delete=models.SET_NULL, related_name="+")
    granted_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    calls_used = models.PositiveIntegerField(default=0)
    calls_reserved = models.PositiveIntegerField(default=0)
    tokens_used = models.PositiveBigIntegerField(default=0)
    tokens_reserved = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("-granted_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(starts_at__isnull=True)
                | models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="a_testing_window_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=models.Q(days="") | models.Q(opens__isnull=False, closes__isnull=False),
                name="weekly_hours_have_both_times",
            ),
            models.CheckConstraint(
                condition=models.Q(max_spending__isnull=True) | ~models.Q(currency=""),
                name="a_cap_on_money_has_a_price",
            ),
        )

    def __str__(self) -> str:
        """Return the label."""
        return self.label

    @property
    def days_in_words(self) -> str:
        """Return the days of the week on which it may be tested."""
        return ", ".join(WEEK[int(day)] for day in self.days)


class Hold(models.Model):
    """Calls and tokens that a long run has set aside at a target; they grow less as it spends them.

    `holder` is the identifier of the run, so that whoever picks it up after a crash can give back what is left.
    """

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="holds")
    holder = models.CharField(max_length=ID_LENGTH)
    calls = models.PositiveIntegerField()
    tokens = models.PositiveBigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("target", "holder"), name="one_hold_of_a_run_at_a_target"),)

    def __str__(self) -> str:
        """Return the run and the target."""
        return f"{self.holder} at {self.target_id}"
