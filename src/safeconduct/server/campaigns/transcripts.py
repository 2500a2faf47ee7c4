# SPDX-License-Identifier: Apache-2.0
"""The transcripts of a campaign: for each target and sitting, the chain over all that left through the broker.

With them goes how the sandbox of a target was checked before. They stand beside the trials: a trial holds the digests
of what counted, the transcript also what was asked again, and in which order. For targets in the sandbox nothing
leaves. What a crash cut off is missing with its whole sitting; the journal holds its trials.
"""

from collections.abc import Mapping

from safeconduct.domain.safe_json import Json, JsonLimits, read_object
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.campaigns.models import Campaign
from safeconduct.verification.meter import Spent
from safeconduct.verification.transcript import Link, read_links, require_whole, write_links

LIMITS = JsonLimits(document_bytes=2**28)


@atomic_write
def keep(campaign: Campaign, made: Mapping[str, Spent]) -> None:
    """Keep what left for each target in this sitting, or how its sandbox was checked; kept twice, the later counts."""
    current = Campaign.objects.select_for_update().select_related("claim").get(pk=campaign.pk)
    known = _known(current)
    known |= {
        f"{role} {campaign.attempts}": {
            "head": one.transcript.head,
            "links": write_links(one.transcript.links).decode(),
            "sandbox": dict(one.sandbox),
        }
        for role, one in made.items()
        if one.transcript.links or one.sandbox
    }
    if known:
        sealed = current.sealed("transcripts", known)
        Campaign.objects.filter(pk=campaign.pk).update(sealed_transcripts=sealed)


def links_of(campaign: Campaign) -> dict[str, tuple[Link, ...]]:
    """Return the links by role and sitting. The caller has checked that the asker may see the campaign.

    Raises:
        SealError: they were changed, or shredded.
        VerificationError: links are not those under their head.
    """
    found: dict[str, tuple[Link, ...]] = {}
    for name, kept in _known(campaign).items():
        part = kept if isinstance(kept, dict) else {}
        found[name] = read_links(str(part.get("links", "")).encode())
        require_whole(found[name], head=str(part.get("head", "")))
    return found


def checks_of(campaign: Campaign) -> dict[str, Json]:
    """Return by role and sitting how the sandbox of a target was checked: how many attempts, which, what got out.

    Raises:
        SealError: it was changed, or shredded.
    """
    found = {name: kept.get("sandbox") for name, kept in _known(campaign).items() if isinstance(kept, dict)}
    return {name: check for name, check in found.items() if check}


def _known(campaign: Campaign) -> dict[str, Json]:
    return read_object(campaign.kept("transcripts") or b"{}", limits=LIMITS)
