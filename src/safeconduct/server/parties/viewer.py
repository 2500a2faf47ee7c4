# SPDX-License-Identifier: Apache-2.0
"""Who looks: the value that every query takes to decide what may be seen."""

from dataclasses import dataclass

from safeconduct.domain.ids import PartyId
from safeconduct.domain.parties import Role, Scope
from safeconduct.errors import NotPermittedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A signed-in party with its roles, a program with its scopes, or anyone at all.

    `scopes` is `None` in the browser, where a party may do everything its roles allow; a token narrows that.
    """

    party_id: PartyId | None = None
    roles: frozenset[Role] = frozenset()
    organizations: frozenset[str] = frozenset()
    scopes: frozenset[Scope] | None = None

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody is signed in."""
        return self.party_id is None

    @property
    def actor(self) -> str:
        """Return the plain identifier for the record of acts; empty for the anonymous."""
        return self.party_id or ""

    def has(self, *roles: Role) -> bool:
        """Tell whether the viewer has one of the roles."""
        return not self.roles.isdisjoint(roles)

    def may(self, scope: Scope) -> bool:
        """Tell whether the scope is granted; in the browser nothing narrows it."""
        return not self.is_anonymous and (self.scopes is None or scope in self.scopes)

    def require(self, *roles: Role) -> None:
        """Refuse a viewer who has none of the roles.

        Raises:
            NotPermittedError: none of the roles is held.
        """
        if not self.has(*roles):
            wanted = " or ".join(role.value for role in roles)
            raise NotPermittedError(f"this needs the role {wanted}", hint="ask an administrator")


ANYONE = Viewer()
