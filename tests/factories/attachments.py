# SPDX-License-Identifier: Apache-2.0
"""Files that a reporter sends later, sealed and attached by the real act."""

from datetime import datetime

from safeconduct.server.audit import vault
from safeconduct.server.intake import services
from safeconduct.server.intake.models import Attachment, Report
from safeconduct.server.intake.storage import SealedFile


def attached(
    row: Report, content: bytes, *, now: datetime, name: str = "proof.txt", media_type: str = "text/plain"
) -> Attachment:
    """Return the attachment that holds the content."""
    before = set(row.attachments.values_list("pk", flat=True))
    file = SealedFile(key=vault.key_of(row.pk), name=name, media_type=media_type, limit=1 << 20)
    file.write(content)
    services.attach(row=row, files=[file.finish()], now=now)
    return row.attachments.exclude(pk__in=before).get()
