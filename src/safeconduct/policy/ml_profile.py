# SPDX-License-Identifier: Apache-2.0
"""The ML profile: ten ordinal answers about a machine-learning flaw, written `MLP:1.0/AK:B/SR:L/…`.

The profile stands beside CVSS and is never mixed into its score. Every metric has a value `X` for "not known", which a
metric that is left out has too. Metrics, their values in order and their meaning are the table `data/ml_profile.toml`.
This is Safeconduct's own, not a standard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache

from safeconduct.errors import MalformedError, UnknownValueError
from safeconduct.policy.tables import Table, load

PREFIX = "MLP:1.0"
UNKNOWN = "X"
PROFILE_LIMIT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric: its letters, its name, its question, and its values from lowest to highest with their meaning."""

    key: str
    name: str
    asks: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MlProfile:
    """Ten answers; each is a value of its metric or X."""

    ak: str = UNKNOWN
    sr: str = UNKNOWN
    tx: str = UNKNOWN
    rt: str = UNKNOWN
    pe: str = UNKNOWN
    ag: str = UNKNOWN
    ex: str = UNKNOWN
    hm: str = UNKNOWN
    of: str = UNKNOWN
    rm: str = UNKNOWN

    def __post_init__(self) -> None:
        """Refuse a value that its metric does not have."""
        for key, value in self.answers().items():
            allowed = metrics()[key].values
            if value != UNKNOWN and value not in allowed:
                raise UnknownValueError(
                    f"the metric {key} of the ML profile has no such value",
                    hint=f"one of {', '.join(allowed)} or {UNKNOWN}",
                    metric=key,
                )

    def __str__(self) -> str:
        return "/".join([PREFIX, *(f"{key}:{value}" for key, value in self.answers().items())])

    def answers(self) -> Mapping[str, str]:
        """Return the answers by the letters of their metric, in the order of the profile."""
        return {field.name.upper(): str(getattr(self, field.name)) for field in fields(self)}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return the letters of the metrics that are not known."""
        return tuple(key for key, value in self.answers().items() if value == UNKNOWN)


def parse_profile(text: str) -> MlProfile:
    """Return the profile written as `MLP:1.0/AK:B/…`; metrics may stand in any order, and be left out.

    Raises:
        MalformedError: the prefix is missing, a part is no `metric:value`, or a metric is repeated.
        UnknownValueError: there is no such metric, or no such value of it.
    """
    prefix, *parts = text[: PROFILE_LIMIT + 1].split("/")
    if prefix != PREFIX or len(text) > PROFILE_LIMIT:
        raise MalformedError("not an ML profile", hint=f"it starts with {PREFIX}/ and is written like {EXAMPLE}")
    answers: dict[str, str] = {}
    for part in parts:
        key, colon, value = part.partition(":")
        if not colon or not value:
            raise MalformedError("a part of the ML profile is not metric:value", hint=f"written like {EXAMPLE}")
        if key not in metrics():
            raise UnknownValueError("the ML profile has no such metric", hint=f"one of {', '.join(metrics())}")
        if key in answers:
            raise MalformedError(f"the metric {key} stands twice in the ML profile", hint="keep one of the two")
        answers[key] = value
    return MlProfile(**{key.lower(): value for key, value in answers.items()})


EXAMPLE = f"{PREFIX}/AK:B/SR:L/TX:M/RT:B/PE:S/AG:L/EX:2/HM:S/OF:X/RM:M"


@cache
def metrics() -> Mapping[str, Metric]:
    """Return every metric by its letters."""
    return load("ml_profile.toml", _metrics)


def _metrics(table: Table) -> Mapping[str, Metric]:
    """Build the metrics from their table."""
    found = {}
    for key, row in table.content.items():
        values = {value: str(meaning) for value, meaning in row.items() if value not in {"name", "asks"}}
        found[key] = Metric(key=key, name=row["name"], asks=row["asks"], values=values)
    if tuple(found) != tuple(field.name.upper() for field in fields(MlProfile)):
        raise ValueError("the metrics are not those of the profile")
    return found
