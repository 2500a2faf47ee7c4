# SPDX-License-Identifier: Apache-2.0
"""A report with a reproduction bundle, and real targets on loopback that leak at known rates."""

import secrets
from dataclasses import replace
from datetime import datetime

from tests.factories import intake, records
from tests.verification.bundles import CANARY, leak_bundle

from safeconduct.crypto.sealing import DataKey
from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.evidence import Criterion
from safeconduct.server.authorizations import services as authorizations
from safeconduct.server.authorizations.models import Target, TargetRole
from safeconduct.server.authorizations.secret_files import secret_path
from safeconduct.server.intake.services import Received
from safeconduct.server.intake.storage import SealedFile
from safeconduct.server.parties.viewer import Viewer
from safeconduct.verification.bundle import zip_bundle

ATTACK = "secret|instructions|text above|hidden word|Base64"
"""What an attack of the bundle is known by, so that the endpoints leak to it and not to harmless prompts."""
MODEL = "orchid-assistant-1"
SECRET_NAME = "ACME_KEY"
CRITERION = Criterion(tolerance=0.2, reproduction=0.2, design=0.04, max_calls=600, benign_margin=0.2)


def bundle_bytes() -> bytes:
    """Return the bundle of the leak, with two families, as it is sent."""
    made = leak_bundle(criterion=CRITERION)
    families = made.attack.families[:2]
    return zip_bundle(replace(made, attack=replace(made.attack, families=families)))


def report_with_bundle(now: datetime, content: bytes | None = None) -> Received:
    """Return a received report with its bundle."""
    key = DataKey.generate(secrets.token_bytes)
    file = SealedFile(key=key, name="bundle.zip", media_type="application/zip", limit=1 << 20, is_bundle=True)
    file.write(bundle_bytes() if content is None else content)
    return intake.received(now, told=records.report(summary="It leaks."), key=key, files=[file.finish()])


def keep_secret() -> None:
    """Put the secret of the targets where the broker reads it."""
    path = secret_path(SECRET_NAME)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("key-of-the-tests")


def granted(
    url: str, *, by: Viewer, now: datetime, role: TargetRole = TargetRole.UNPATCHED, model: str = MODEL
) -> Target:
    """Grant a target on loopback."""
    keep_secret()
    terms = TargetGrant(
        model=model, url=url, secret_name=SECRET_NAME, allow_private=True, caps=Caps(calls=2000, call_seconds=10)
    )
    return authorizations.grant(label=f"{model} {role.value}", terms=terms, by=by, now=now, role=role)


__all__ = ["ATTACK", "CANARY", "MODEL", "bundle_bytes", "granted", "keep_secret", "report_with_bundle"]
