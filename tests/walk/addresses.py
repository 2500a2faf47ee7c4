# SPDX-License-Identifier: Apache-2.0
"""Every address of the service, read from the resolver, so that a new page joins the walks by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

FOREIGN = ("account_", "mfa_", "api-1", "api:", "javascript", "socialaccount_")
"""Names of pages that a library brings; they have their own permission rules."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address: its full name, its arguments by name, and the view."""

    name: str
    arguments: tuple[str, ...]
    view: Any

    @property
    def is_ours(self) -> bool:
        """Tell whether the page is written here."""
        return not self.name.startswith(FOREIGN)

    @property
    def roles(self) -> frozenset[str] | None:
        """Return the roles the page is for: none means everyone, an empty set every signed-in party."""
        marked: frozenset[str] | None = self.view.acts_for
        return marked

    def url(self, values: Mapping[str, Any]) -> str:
        """Return the address with these values."""
        return reverse(self.name, kwargs={name: values[name] for name in self.arguments})


def addresses() -> list[Address]:
    """Return all named addresses."""
    return sorted(_walk(get_resolver().url_patterns, ()), key=lambda address: address.name)


def _walk(patterns: list[Any], spaces: tuple[str, ...]) -> Iterator[Address]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, (*spaces, entry.namespace) if entry.namespace else spaces)
        elif isinstance(entry, URLPattern) and entry.name:
            arguments = tuple(entry.pattern.converters)
            yield Address(":".join((*spaces, entry.name)), arguments, entry.callback)
