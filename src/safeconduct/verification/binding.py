# SPDX-License-Identifier: Apache-2.0
r"""A campaign's own draws: the generator's seed bound to the campaign's identifier.

The draws of a campaign come from SHA-256("safeconduct-campaign/1\n" ‖ identifier ‖ 0x00 ‖ seed), and the commitment is
made to that value (with the salt and the held-out set, see `variants`). So whoever has the reveal checks three things
at once: the seed, the salt, and which campaign they were committed for. A seed that is used for another campaign gives
other draws and another commitment; draws of one campaign shown under the name of another do not come out alike.

Without an identifier the seed is used as it is, as the first form of the certificate did.
"""

import hashlib
from dataclasses import replace
from typing import Final

from safeconduct.errors import MalformedError
from safeconduct.verification.variants import HeldOut

MAX_LENGTH: Final = 200
_LABEL: Final = b"safeconduct-campaign/1\n"


def bound(held_out: HeldOut, *, campaign: str) -> HeldOut:
    """Return what the campaign draws from and commits to.

    Raises:
        MalformedError: the identifier is too long or holds a NUL.
    """
    if len(campaign) > MAX_LENGTH or "\0" in campaign:
        raise MalformedError("the campaign's identifier cannot be used", hint=f"at most {MAX_LENGTH} characters")
    if not campaign:
        return held_out
    return replace(held_out, seed=hashlib.sha256(_LABEL + campaign.encode() + b"\0" + held_out.seed).digest())
