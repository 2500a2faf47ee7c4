# SPDX-License-Identifier: Apache-2.0
"""Addresses that are made to reach what they should not: refused at the grant where that can be known."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safeconduct.errors import MalformedError
from safeconduct.server.authorizations.terms import require_address


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@host/v1",
        "https://user@host/v1",
        "https://:@host/v1",
        "https://host:99999/v1",
        "https://host:port/v1",
        "http://[::1",
        "http://[v7.x]/",
        "https://",
        "https:///v1",
        "host/v1",
        "//host/v1",
        "ftp://host/v1",
        "file:///etc/passwd",
        "gopher://host/",
        "javascript:alert(1)",
        "https://host/v1?key=1",
        "https://host/v1?",
        "https://host/v1#x",
        "https://host/v1 x",
        "https://host/\r\nX: y",
        "https://ho\u0430st/v1",
        "https://host\\@other/v1",
        "https://-host/v1",
        "https://ho%20st/v1",
        "https://2130706433/v1",
        "https://0x7f.1/v1",
        "https://127.1/v1",
        "https://0177.0.0.1/v1",
        "https://host.0x7f/v1",
        "https://1.2.3.4.5/v1",
    ],
)
def test_an_address_that_is_none_or_confuses_is_refused_and_not_echoed(url: str) -> None:
    with pytest.raises(MalformedError) as refused:
        require_address(url, allow_private=True)

    assert "hunter2" not in str(refused.value.as_dict())


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://[fe80::1]/v1",
        "http://0.0.0.0/v1",
        "http://[::]/v1",
        "http://224.0.0.1/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://[64:ff9b::a9fe:a9fe]/v1",
        "http://[fd00:ec2::254]/v1",
        "http://100.100.100.200/v1",
    ],
)
def test_metadata_services_and_their_like_are_never_granted(url: str) -> None:
    with pytest.raises(MalformedError):
        require_address(url, allow_private=True)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/v1", "http://10.0.0.7/v1", "http://[::1]:1234", "http://[fd00::1]/"]
)
def test_a_private_address_needs_the_permission(url: str) -> None:
    require_address(url, allow_private=True)
    with pytest.raises(MalformedError, match="private"):
        require_address(url, allow_private=False)


def test_a_public_address_must_be_encrypted() -> None:
    require_address("https://9.9.9.9/v1", allow_private=False)
    with pytest.raises(MalformedError, match="encrypted"):
        require_address("http://9.9.9.9/v1", allow_private=False)


@pytest.mark.parametrize(
    "url", ["https://models.example/v1", "http://localhost:11434/v1", "https://a-b.c_d.example.:443/x"]
)
def test_a_plain_address_is_taken(url: str) -> None:
    require_address(url, allow_private=False)


@given(st.text(max_size=60) | st.builds("http://{}".format, st.text(max_size=40)))
@example("http://[::1%25eth0]/")
@example("http://\0")
@example("http://[")
def test_any_text_is_an_address_or_refused(url: str) -> None:
    try:
        require_address(url, allow_private=True)
    except MalformedError:
        return
    assert url.startswith(("http://", "https://"))
