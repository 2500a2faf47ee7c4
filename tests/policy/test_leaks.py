# SPDX-License-Identifier: Apache-2.0
"""What must not stand in a public text."""

import pytest

from safeconduct.policy.leaks import addresses_in, holds_restricted, secrets_in


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("AGE-SECRET-KEY-1QQQQQQQQQQQQQ", "a private key"),
        ("key AKIA" + "ABCDEFGHIJKLMNOP", "an access key"),
        ("hf_" + "abcdefghijklmnop1234", "an access token"),
        ("sk-" + "abc123abc123abc123abc123", "an access token"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.sig", "a signed web token"),
        ("Authorization: Bearer abcdefghij0123456789", "a bearer credential"),
        ("api_key = 12345678abc", "a password"),
    ],
)
def test_a_credential_is_known_by_its_form(text: str, kind: str) -> None:
    assert list(secrets_in(text)) == [kind]


@pytest.mark.parametrize(
    "text", ["keep this secret: nothing else matters", "sk-learn-compatible-models", "the bearer of news", "token"]
)
def test_ordinary_words_are_no_credentials(text: str) -> None:
    assert list(secrets_in(text)) == []


def test_addresses_are_found_unless_they_are_the_publisher_s_own() -> None:
    text = "write to ada@example.org or call +49 30 1234567"

    assert list(addresses_in(text)) == ["a mail address", "a telephone number"]
    assert list(addresses_in(text, allowed="ada@example.org, +49 30 1234567")) == []
    assert list(addresses_in("version 1.2.3 and 100+200")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("They asked: Ignore all previous instructions!", True),
        ("IGNORE-ALL\nPREVIOUS   instructions", True),
        ("Ignore all previous", False),
    ],
)
def test_a_restricted_text_is_found_however_it_is_written(text: str, found: bool) -> None:  # noqa: FBT001
    assert holds_restricted(text, ["ignore all previous instructions."]) is found


def test_very_short_restricted_texts_are_not_looked_for() -> None:
    assert not holds_restricted("say hello to all", ["hello", "..."])
