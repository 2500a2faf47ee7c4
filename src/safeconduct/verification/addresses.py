# SPDX-License-Identifier: Apache-2.0
"""Which network addresses a target may have, against forged requests into networks of our own.

Public addresses are allowed. Private ones and loopback need the grant's permission. Never allowed, whatever the grant
says: link-local addresses (where clouds keep their metadata service), unspecified, multicast and reserved ones. An IPv6
address that carries an IPv4 address (mapped, 6to4, Teredo, NAT64) is judged by the address it carries.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Final

from safeconduct.errors import NotPermittedError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""Turns a host name and a port into numeric addresses."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Metadata and host services of the large clouds that are not link-local; fd00:ec2::/32 holds several of one of them.
_METADATA: Final = frozenset({"fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"})
_METADATA_NETWORK: Final = ipaddress.IPv6Network("fd00:ec2::/32")


def require_allowed(addresses: tuple[str, ...], *, allow_private: bool) -> str:
    """Return the first address if every one of them may be spoken to.

    One forbidden address among several refuses all, because a name that has both is made to confuse.

    Raises:
        NotPermittedError: there is no address, or one is forbidden.
    """
    for text in addresses:
        reason = _why_forbidden(_carried(_parse(text)), allow_private=allow_private)
        if reason:
            raise NotPermittedError(
                f"the target's address is {reason}", hint="a coordinator may grant private addresses"
            )
    if not addresses:
        raise NotPermittedError("the target's name has no address", hint="look at the name")
    return addresses[0]


def is_private(text: str) -> bool:
    """Say whether the address is one that only a grant allows."""
    return _is_private(_carried(_parse(text)))


def _parse(text: str) -> Address:
    """Return the address, without the zone that a link-local one may carry."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise NotPermittedError("the target's address is not numeric", hint="look at the name") from error


def _carried(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 address, if there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    return inner or address


def _why_forbidden(address: Address, *, allow_private: bool) -> str:
    """Return why the address may not be spoken to, or nothing."""
    if str(address) in _METADATA or address in _METADATA_NETWORK or address.is_link_local:
        return "one of the metadata service or link-local"
    if address.is_unspecified or address.is_multicast or (address.is_reserved and not address.is_loopback):
        return "unspecified, multicast or reserved"
    if _is_private(address):
        return "" if allow_private else "private"
    return ""


def _is_private(address: Address) -> bool:
    """Say so also of the old site-local addresses, which the standard library takes for global ones."""
    return not address.is_global or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local)
