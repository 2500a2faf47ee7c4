# SPDX-License-Identifier: Apache-2.0
"""A chat endpoint with the OpenAI interface (`POST /chat/completions`), spoken to through the broker.

A user's turn is sent with everything before it, and the reply is kept as the assistant's turn, unless the script itself
gives the assistant's words. A refusal is a reply; calls of tools are a reply in JSON. An answer that is not what the
interface promises is an error of the target and never a pass.
"""

import hashlib
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from safeconduct.domain.bundle import Sampling, Speaker
from safeconduct.domain.safe_json import Json, JsonLimits, canonical_json, read_object
from safeconduct.errors import MalformedError, TargetError, TooLargeError
from safeconduct.verification.broker import MAX_ANSWER, Broker, Exchange
from safeconduct.verification.meter import Spent
from safeconduct.verification.oracles import Reply
from safeconduct.verification.targets.interface import Answer
from safeconduct.verification.variants import Turn

_LIMITS: Final = JsonLimits(document_bytes=MAX_ANSWER)
_OK: Final = 200
_CHARACTERS_PER_TOKEN: Final = 4
_CONTENT_FILTER: Final = "content_filter"
_MOST_FINGERPRINTS: Final = 8
_SHOWN: Final = 80


class ChatTarget:
    """Asks one granted chat model."""

    def __init__(self, broker: Broker, *, sampling: Sampling) -> None:
        """Keep to the smaller of the bundle's and the grant's tokens per call."""
        self._broker = broker
        self._options = _options(sampling, most=broker.grant.caps.tokens_per_call)
        self._seen: dict[str, None] = {}

    @property
    def fingerprint(self) -> str:
        """Return the granted model and what the endpoint called itself, in the order seen."""
        return "; ".join((f"openai-chat {self._broker.grant.model}", *self._seen))

    @property
    def spent(self) -> Spent:
        """Return what has been spent under the grant."""
        return self._broker.meter.spent

    async def ask(self, script: Sequence[Turn]) -> Answer:
        """Return the answer to one script.

        Raises:
            TargetError: it hung, failed or answered garbage.
            NotPermittedError: the grant does not cover the call.
        """
        messages: list[Json] = []
        replies: list[Reply] = []
        exchanges: list[Exchange] = []
        tokens = tokens_out = 0
        for number, turn in enumerate(script):
            messages.append({"role": turn.role.value, "content": turn.text})
            given = number + 1 < len(script) and script[number + 1].role is Speaker.ASSISTANT
            if turn.role is not Speaker.USER or given:
                continue
            exchange = await self._broker.post(self._body(messages))
            reply, cost, written = self._read(exchange)
            exchanges.append(exchange)
            replies.append(reply)
            messages.append({"role": Speaker.ASSISTANT.value, "content": reply.text})
            tokens += cost
            tokens_out += written
        return Answer(
            replies=tuple(replies),
            request_sha256=hashlib.sha256(b"".join(one.request for one in exchanges)).hexdigest(),
            response_sha256=hashlib.sha256(b"".join(one.response for one in exchanges)).hexdigest(),
            tokens=tokens,
            seconds=sum(one.seconds for one in exchanges),
            tokens_out=tokens_out,
        )

    async def __aenter__(self) -> Self:
        """Nothing is to be made ready."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._broker.close()

    def _body(self, messages: list[Json]) -> bytes:
        """Return the exact bytes of one request."""
        return canonical_json({"model": self._broker.grant.model, "messages": messages, **self._options})

    def _read(self, exchange: Exchange) -> tuple[Reply, int, int]:
        """Return the reply of one exchange, its cost in tokens, and those of them that the target wrote."""
        document = _document(exchange)
        if exchange.status != _OK:
            self._broker.meter.count_tokens(_estimate(exchange))
            if _is_filtered(document):
                return Reply(text=""), _estimate(exchange), 0
            raise TargetError(f"the target answered with status {exchange.status}", hint=_status_hint(exchange.status))
        tokens = _tokens(document, exchange)
        self._broker.meter.count_tokens(tokens)
        self._remember(document)
        return Reply(text=_text(document)), tokens, min(tokens, _written(document))

    def _remember(self, document: dict[str, Json]) -> None:
        """Keep what the endpoint calls itself; a few names, each short and printable."""
        names = [document.get(key) for key in ("model", "system_fingerprint")]
        known = " ".join(ascii(name)[1:-1][:_SHOWN] for name in names if isinstance(name, str))
        if known and len(self._seen) < _MOST_FINGERPRINTS:
            self._seen[known] = None


def _options(sampling: Sampling, *, most: int) -> dict[str, Json]:
    """Return the options of every request."""
    options: dict[str, Json] = {"max_tokens": min(sampling.max_tokens, most)}
    if sampling.temperature is not None:
        options["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        options["top_p"] = sampling.top_p
    return options


def _document(exchange: Exchange) -> dict[str, Json]:
    """Return the answer as an object; an error's body may be anything.

    Raises:
        TargetError: a good status with garbage.
    """
    try:
        return read_object(exchange.response, limits=_LIMITS)
    except (MalformedError, TooLargeError) as error:
        if exchange.status != _OK:
            return {}
        raise TargetError("the target answered garbage", hint=error.message) from error


def _is_filtered(document: dict[str, Json]) -> bool:
    """Say whether the status means that a content filter refused, which is a defense and not a failure."""
    error = document.get("error")
    return isinstance(error, dict) and _CONTENT_FILTER in (error.get("code"), error.get("type"))


def _text(document: dict[str, Json]) -> str:
    """Return the words of the first choice.

    Raises:
        TargetError: there are none.
    """
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict):
        raise TargetError("the target answered without a message", hint="is this an OpenAI-compatible chat interface?")
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    if isinstance(content, str) and content:
        return content
    if isinstance(message.get("refusal"), str):
        return str(message["refusal"])
    if message.get("tool_calls"):
        return canonical_json(message["tool_calls"]).decode()
    if content is None and "content" not in message:
        raise TargetError("the target answered without content", hint="is this an OpenAI-compatible chat interface?")
    return ""


def _tokens(document: dict[str, Json], exchange: Exchange) -> int:
    """Return the tokens that the target states, or an estimate if it states none."""
    usage = document.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    if isinstance(total, int) and not isinstance(total, bool) and total > 0:
        return total
    return _estimate(exchange)


def _written(document: dict[str, Json]) -> int:
    """Return the tokens that the target says it has written, 0 if it does not say."""
    usage = document.get("usage")
    written = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return max(0, written) if isinstance(written, int) and not isinstance(written, bool) else 0


def _estimate(exchange: Exchange) -> int:
    """Return a rough number of tokens from the bytes of request and response."""
    return (len(exchange.request) + len(exchange.response)) // _CHARACTERS_PER_TOKEN + 1


def _status_hint(status: int) -> str:
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
