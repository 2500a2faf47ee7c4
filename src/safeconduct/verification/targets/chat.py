# SPDX-License-Identifier: Apache-2.0
"""A chat endpoint with the OpenAI interface (`POST /chat/completions`), spoken to through the broker.

A user's turn is sent with everything before it, and the reply is kept as the assistant's turn, unless the script itself
gives the assistant's words. A refusal is a reply; calls of tools are answered with their scripted results. An answer
that is not what the interface promises is an error of the target and never a pass.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from safeconduct.domain.bundle import Sampling
from safeconduct.domain.safe_json import Json, JsonLimits, canonical_json, read_object
from safeconduct.domain.script import Tool
from safeconduct.errors import MalformedError, TargetError, TooLargeError
from safeconduct.verification.broker import MAX_ANSWER, Broker, Exchange
from safeconduct.verification.dialogue import Dialogue
from safeconduct.verification.meter import Spent
from safeconduct.verification.reply import Reply
from safeconduct.verification.targets.exchanges import OK, answer_of, estimate, failed
from safeconduct.verification.targets.interface import Answer
from safeconduct.verification.targets.messages import messages_of, reply_of, said_of, tools_json
from safeconduct.verification.variants import Turn

_LIMITS: Final = JsonLimits(document_bytes=MAX_ANSWER)
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
        dialogue = Dialogue(script)
        messages: list[Json] = []
        replies: list[Reply] = []
        exchanges: list[Exchange] = []
        tokens = tokens_out = 0
        while (ask := dialogue.next_ask()) is not None:
            messages += messages_of(ask)
            exchange = await self._broker.post(self._body(messages, ask.tools))
            reply, cost = self._read(exchange)
            exchanges.append(exchange)
            replies.append(reply)
            messages.append(said_of(reply))
            dialogue.hear(reply)
            tokens += cost
            tokens_out += min(cost, reply.usage.made)
        return answer_of(replies, exchanges, tokens=tokens, tokens_out=tokens_out)

    async def __aenter__(self) -> Self:
        """Nothing is to be made ready."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._broker.close()

    def _body(self, messages: list[Json], tools: tuple[Tool, ...]) -> bytes:
        """Return the exact bytes of one request."""
        document: dict[str, Json] = {"model": self._broker.grant.model, "messages": messages, **self._options}
        return canonical_json(document | ({"tools": tools_json(tools)} if tools else {}))

    def _read(self, exchange: Exchange) -> tuple[Reply, int]:
        """Return the reply of one exchange and its cost in tokens."""
        document = _document(exchange)
        if exchange.status != OK:
            self._broker.meter.count_tokens(estimate(exchange))
            if _is_filtered(document):
                return Reply(text=""), estimate(exchange)
            raise failed(exchange)
        tokens = _tokens(document, exchange)
        self._broker.meter.count_tokens(tokens)
        self._remember(document)
        return reply_of(document), tokens

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
        if exchange.status != OK:
            return {}
        raise TargetError("the target answered garbage", hint=error.message) from error


def _is_filtered(document: dict[str, Json]) -> bool:
    """Say whether the status means that a content filter refused, which is a defense and not a failure."""
    error = document.get("error")
    return isinstance(error, dict) and _CONTENT_FILTER in (error.get("code"), error.get("type"))


def _tokens(document: dict[str, Json], exchange: Exchange) -> int:
    """Return the tokens that the target states, or an estimate if it states none."""
    usage = document.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    if isinstance(total, int) and not isinstance(total, bool) and total > 0:
        return total
    return estimate(exchange)
