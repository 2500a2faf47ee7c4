# SPDX-License-Identifier: Apache-2.0
"""What the targets on the network have in common: one answer from several exchanges, costs, and what a status means."""

import hashlib
from collections.abc import Sequence
from typing import Final

from safeconduct.errors import TargetError
from safeconduct.verification.broker import Exchange
from safeconduct.verification.reply import Reply
from safeconduct.verification.targets.interface import Answer

OK: Final = 200
_CHARACTERS_PER_TOKEN: Final = 4


def answer_of(replies: Sequence[Reply], exchanges: Sequence[Exchange], *, tokens: int, tokens_out: int = 0) -> Answer:
    """Return the answer to one script; the digests are of all bytes sent and received, in their order."""
    return Answer(
        replies=tuple(replies),
        request_sha256=hashlib.sha256(b"".join(one.request for one in exchanges)).hexdigest(),
        response_sha256=hashlib.sha256(b"".join(one.response for one in exchanges)).hexdigest(),
        tokens=tokens,
        seconds=sum(one.seconds for one in exchanges),
        tokens_out=tokens_out,
    )


def estimate(exchange: Exchange) -> int:
    """Return a rough number of tokens from the bytes of request and response."""
    return (len(exchange.request) + len(exchange.response)) // _CHARACTERS_PER_TOKEN + 1


def failed(exchange: Exchange) -> TargetError:
    """Return the error that the status of an answer stands for."""
    return TargetError(f"the target answered with status {exchange.status}", hint=_hint(exchange.status))


def _hint(status: int) -> str:
    """Return what to look at."""
    match status:
        case 401 | 403:
            return "the secret is missing or refused"
        case 404:
            return "look at the address and the model's name"
        case _ if 300 <= status < 400:  # noqa: PLR2004  # redirects
            return "redirects are not followed; grant the final address"
        case _:
            return "the target failed; try again later"
