# SPDX-License-Identifier: Apache-2.0
"""The edge of the pages of targets: text of a form becomes a grant, or a reason."""

from datetime import time
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings

from safeconduct.domain.authorization import Caps, TargetGrant, WeeklyHours
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.price import Price
from safeconduct.errors import IncompleteError, MalformedError
from safeconduct.server.authorizations.models import NAME_LENGTH, URL_LENGTH, TargetRole
from safeconduct.server.authorizations.secret_files import FOLDER, require_secret
from safeconduct.server.authorizations.services import REASON_LENGTH
from safeconduct.server.authorizations.terms import (
    MOST_CALL_SECONDS,
    MOST_CALLS,
    MOST_CALLS_PER_MINUTE,
    MOST_TOKENS,
    MOST_TOKENS_PER_CALL,
    require_terms,
)

USUAL = Caps()
KINDS = {
    Adapter.OPENAI_CHAT: "Chat endpoint (OpenAI-compatible)",
    Adapter.HTTP: "Another address on the web, asked as the bundle says",
    Adapter.PYTHON_CALLABLE: "Local model: a Python function, in the sandbox",
    Adapter.SKLEARN: "Local model: scikit-learn, in the sandbox",
    Adapter.MODEL_FILE: "Model files: scanned and loaded in the sandbox",
    Adapter.COMMAND: "Program: started in the sandbox",
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOMENT = "%Y-%m-%dT%H:%M"


def _plain(*, spelled: str = "off") -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": spelled})


def _moment(label: str, hint: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=hint,
        input_formats=[MOMENT, f"{MOMENT}:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT),
    )


def _time(label: str, hint: str) -> forms.TimeField:
    return forms.TimeField(
        label=label, required=False, help_text=hint, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )


def _amount(label: str, hint: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, help_text=hint, min_value=0, max_digits=16, decimal_places=6, widget=_plain()
    )


class GrantForm(forms.Form):
    """A target to grant: what it is, how it is reached, how much may be spent, and when."""

    label = forms.CharField(max_length=NAME_LENGTH, help_text="How this target is called on our pages.")
    role = forms.ChoiceField(
        label="What it stands for",
        choices=TargetRole.choices,
        help_text="The evidence gate uses targets without a fix only. A campaign compares both.",
    )
    vendor = forms.CharField(max_length=NAME_LENGTH, required=False)
    product = forms.CharField(
        max_length=NAME_LENGTH,
        required=False,
        help_text="A report about this product is run against this target.",
    )
    model = forms.CharField(
        max_length=NAME_LENGTH,
        widget=_plain(),
        help_text="As the endpoint knows it. A report that names this model is run against this target.",
    )
    adapter = forms.ChoiceField(label="Kind", choices=[(kind.value, text) for kind, text in KINDS.items()])
    url = forms.CharField(
        label="Address",
        max_length=URL_LENGTH,
        required=False,
        widget=_plain(),
        help_text="Of a chat endpoint: the address to which /chat/completions is added, such as https://host/v1."
        " Of another address: the whole one; a bundle cannot change it. No name, no password in it.",
    )
    secret_name = forms.CharField(
        label="Name of the secret",
        max_length=64,
        required=False,
        widget=_plain(),
        help_text="The name only, never the secret: it does not belong into this form. An operator writes the secret"
        f" itself into the file <code>keys/{FOLDER}/NAME</code> of the home folder, with mode 600. Empty: none needed.",
    )
    allow_private = forms.BooleanField(
        label="The address may be private",
        required=False,
        help_text="Warning: a bundle from a stranger decides what is said to this address, and in your own network"
        " there may be services that trust whoever reaches them. Tick this only for a host that you know.",
    )
    entry = forms.CharField(
        max_length=NAME_LENGTH,
        required=False,
        widget=_plain(),
        help_text="Of a local model: module:function, or file:name for a file in the folders. Of model files: the"
        " loader, such as pickle:load. Of a program: its whole path and its arguments.",
    )
    packages = forms.CharField(
        label="Folders with its packages",
        max_length=URL_LENGTH,
        required=False,
        widget=_plain(),
        help_text="Of a local target: whole paths on the machine of the service, separated by colons; the sandbox"
        " may read them.",
    )
    max_calls = forms.IntegerField(
        label="Calls in all",
        min_value=1,
        max_value=MOST_CALLS,
        initial=USUAL.calls,
        help_text="Over all runs together.",
    )
    max_tokens = forms.IntegerField(
        label="Tokens in all", min_value=1, max_value=MOST_TOKENS, initial=USUAL.tokens, help_text="Asked and answered."
    )
    max_tokens_per_call = forms.IntegerField(
        label="Tokens of one answer", min_value=1, max_value=MOST_TOKENS_PER_CALL, initial=USUAL.tokens_per_call
    )
    calls_per_minute = forms.IntegerField(
        min_value=0,
        max_value=MOST_CALLS_PER_MINUTE,
        initial=USUAL.calls_per_minute,
        help_text="0 means no stated rate.",
    )
    call_seconds = forms.FloatField(
        label="Seconds for one answer", min_value=0.1, max_value=MOST_CALL_SECONDS, initial=USUAL.call_seconds
    )
    starts_at = _moment("Window opens", "In UTC. Empty: at once.")
    ends_at = _moment("Window closes", "In UTC. Empty: when the grant is suspended or revoked.")
    days = forms.MultipleChoiceField(
        label="Only on these days",
        required=False,
        choices=[(str(number), name) for number, name in enumerate(DAYS)],
        widget=forms.CheckboxSelectMultiple,
        help_text="None: on all days, at all times.",
    )
    opens = _time("From", "Of these days, in the zone below. Empty: midnight.")
    closes = _time("Until", "Not after this time; earlier than the first time means the next day. Empty: midnight.")
    zone = forms.CharField(
        label="Time zone",
        max_length=64,
        required=False,
        widget=_plain(),
        help_text="Such as Europe/Berlin. Empty: UTC.",
    )
    max_spending = _amount("Money in all", "Over all runs together; needs a price. Empty: no cap on money.")
    currency = forms.CharField(
        max_length=3,
        required=False,
        widget=_plain(),
        help_text="Three letters, as EUR. Empty: no price is stated.",
    )
    price_per_call = _amount("Price of a call", "Empty: none.")
    price_per_million_in = _amount("Price of a million tokens asked", "Empty: none.")
    price_per_million_out = _amount("Price of a million tokens answered", "Empty: none.")

    def clean(self) -> dict[str, Any]:
        """Hold the terms against the rules of a grant."""
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        try:
            require_terms(values["label"], self.terms(), home=settings.SAFECONDUCT.home)
            require_secret(values["secret_name"])
        except (IncompleteError, MalformedError) as error:
            self.add_error(None, f"{error.message}: {error.hint}")
        return values

    def terms(self) -> TargetGrant:
        """Return the grant that was asked for."""
        values = self.cleaned_data
        return TargetGrant(
            model=values["model"],
            adapter=Adapter(values["adapter"]),
            url=values["url"],
            entry=values["entry"],
            packages=values["packages"],
            caps=Caps(
                calls=values["max_calls"],
                tokens=values["max_tokens"],
                tokens_per_call=values["max_tokens_per_call"],
                calls_per_minute=values["calls_per_minute"],
                call_seconds=values["call_seconds"],
                spending=values["max_spending"],
            ),
            hours=_hours(values),
            price=_price(values),
            starts_at=values["starts_at"],
            ends_at=values["ends_at"],
            secret_name=values["secret_name"],
            allow_private=values["allow_private"],
        )


def _hours(values: dict[str, Any]) -> WeeklyHours | None:
    """Return the hours of the week, if days were chosen."""
    if not values["days"]:
        return None
    return WeeklyHours(
        days=frozenset(int(day) for day in values["days"]),
        opens=values["opens"] or time(),
        closes=values["closes"] or time(),
        zone=values["zone"].strip() or "UTC",
    )


def _price(values: dict[str, Any]) -> Price | None:
    """Return the price, if a currency was named."""
    if not values["currency"]:
        return None
    return Price(
        currency=values["currency"],
        per_call=values["price_per_call"] or Decimal(0),
        per_million_in=values["price_per_million_in"] or Decimal(0),
        per_million_out=values["price_per_million_out"] or Decimal(0),
    )


class ReasonForm(forms.Form):
    """Why a grant is changed."""

    reason = forms.CharField(max_length=REASON_LENGTH, help_text="One sentence; it is kept with the target.")
