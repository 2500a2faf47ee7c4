# SPDX-License-Identifier: Apache-2.0
"""Two doors at once: the service has a TLS address and an onion address, which is reached without TLS."""

from pathlib import Path

import pytest
from django.test import Client, override_settings

from safeconduct.server.project.config import load_config

ENVIRON = {
    "SAFECONDUCT_BASE_URL": "https://disclosure.example",
    "SAFECONDUCT_HOSTS": "abcdefgh.onion, mirror.example",
}


@pytest.mark.django_db
@pytest.mark.parametrize(("origin", "status"), [("http://abcdefgh.onion", 200), ("http://mirror.example", 403)])
def test_a_form_sent_over_the_onion_address_is_taken_and_over_plain_http_elsewhere_not(
    tmp_path: Path, origin: str, status: int
) -> None:
    config = load_config({"SAFECONDUCT_HOME": str(tmp_path), **ENVIRON})
    host = origin.removeprefix("http://")
    with override_settings(SAFECONDUCT=config, ALLOWED_HOSTS=["*"], CSRF_TRUSTED_ORIGINS=list(config.trusted_origins)):
        client = Client(enforce_csrf_checks=True, headers={"host": host})
        page = client.get("/account/sign-in/")
        token = page.context["csrf_token"]

        answer = client.post(
            "/account/sign-in/",
            {"login": "nobody", "password": "wrong", "csrfmiddlewaretoken": str(token)},
            headers={"origin": origin},
        )

    assert answer.status_code == status
