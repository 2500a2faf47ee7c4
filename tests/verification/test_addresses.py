# SPDX-License-Identifier: Apache-2.0
"""Which addresses a target may have."""

import pytest

from safeconduct.errors import NotPermittedError
from safeconduct.verification.addresses import is_private, require_allowed

PUBLIC = ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
PRIVATE = ["127.0.0.1", "127.8.9.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "::1", "fd12::1", "fec0::1"]
DISGUISED = ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"]
NEVER = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "2002:a9fe:a9fe::1",
    "::127.0.0.1",
    "168.63.129.16",
    "100.100.100.200",
    "64:ff9b:1::7f00:1",
    "0.0.0.0",  # noqa: S104  # it is refused
    "::",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
]


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("allow_private", [False, True])
def test_a_public_address_is_allowed(address: str, *, allow_private: bool) -> None:
    assert require_allowed((address,), allow_private=allow_private) == address
    assert not is_private(address)


@pytest.mark.parametrize("address", PRIVATE + DISGUISED)
def test_a_private_address_needs_a_grant(address: str) -> None:
    assert require_allowed((address,), allow_private=True) == address
    with pytest.raises(NotPermittedError):
        require_allowed((address,), allow_private=False)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("allow_private", [False, True])
def test_some_addresses_are_never_allowed(address: str, *, allow_private: bool) -> None:
    with pytest.raises(NotPermittedError):
        require_allowed((address,), allow_private=allow_private)


def test_the_address_inside_a_teredo_address_counts() -> None:
    with pytest.raises(NotPermittedError):
        require_allowed(("2001:0:4136:e378:8000:63bf:80ff:fffe",), allow_private=False)


@pytest.mark.parametrize("addresses", [(), ("93.184.216.34", "127.0.0.1"), ("localhost",), ("0x7f000001",)])
def test_no_address_and_a_mixed_one_are_refused(addresses: tuple[str, ...]) -> None:
    with pytest.raises(NotPermittedError):
        require_allowed(addresses, allow_private=False)
