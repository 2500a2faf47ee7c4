# SPDX-License-Identifier: Apache-2.0
"""A target on the web that is no chat endpoint: how it is asked is told by the bundle, where it is by the grant.

The bundle gives the method, the headers, the query and the JSON body, with `{{prompt}}` or `{{messages}}` in their
texts, and the path at which the reply stands in the answer. It can name no other host or path than the granted one, and
no header that says who asks, how long the body is or where the connection goes. Words of a prompt are put into texts
that have been read as JSON already, so they cannot change the form of the request.

The target is told nothing of earlier turns unless the body has `{{messages}}`. It may not answer in streams or pages.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

from safeconduct.domain.bundle import PROMPT_SLOT
from safeconduct.domain.observed import HttpForm, HttpMethod
from safeconduct.domain.safe_json import Json, canonical_json, read_json
from safeconduct.errors import MalformedError, TargetError, TooLargeError
from safeconduct.verification.broker import Broker, Exchange, Route
from safeconduct.verification.dialogue import Dialogue
from safeconduct.verification.json_paths import as_text, prepare_path
from safeconduct.verification.meter import Spent
from safeconduct.verification.reply import Reply
from safeconduct.verification.targets.exchanges import OK, answer_of, estimate, failed
from safeconduct.verification.targets.interface import Answer
from safeconduct.verification.targets.messages import content_of, messages_of, said_of
from safeconduct.verification.variants import Turn

_PROMPT: Final = "{{" + PROMPT_SLOT + "}}"
_MESSAGES: Final = "{{messages}}"
_NOT_TO_SET: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect", "via"),
        *("accept-encoding", "cookie", "authorization", "proxy-authorization", "proxy-connection", "keep-alive"),
        *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "true-client-ip"),
    }
)
_NOT_FOR_KEYS: Final = _NOT_TO_SET - {"authorization"}

Fill = Callable[[str, list[Json]], bytes]


class HttpTarget:
    """Asks one granted address as the bundle says."""

    def __init__(self, broker: Broker, *, form: HttpForm) -> None:
        """Prepare body and path.

        Raises:
            MalformedError: the form cannot be used.
        """
        require_form(form)
        self._broker = broker
        self._form = form
        self._body = _body(form)
        self._read = _reader(form)

    @property
    def fingerprint(self) -> str:
        """Return the granted name; such a target does not say what it is."""
        return f"http {self._broker.grant.model}"

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
        while (ask := dialogue.next_ask()) is not None:
            messages += messages_of(ask)
            prompt = content_of(ask.turns[-1])
            query = urlencode({name: text.replace(_PROMPT, prompt) for name, text in self._form.query.items()})
            exchange = await self._broker.post(self._body(prompt, messages), query=query)
            # What was asked in the address was sent as well.
            exchange = replace(exchange, request=query.encode() + exchange.request)
            self._broker.meter.count_tokens(estimate(exchange))
            exchanges.append(exchange)
            if exchange.status != OK:
                raise failed(exchange)
            replies.append(Reply(text=self._read(exchange.response)))
            messages.append(said_of(replies[-1]))
            dialogue.hear(replies[-1])
        return answer_of(replies, exchanges, tokens=sum(estimate(one) for one in exchanges))

    async def __aenter__(self) -> Self:
        """Nothing is to be made ready."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._broker.close()


def route_of(form: HttpForm) -> Route:
    """Return how the broker makes the requests."""
    return Route(
        method=form.method.value, headers=dict(form.headers), key_header=form.key_header, key_prefix=form.key_prefix
    )


def require_form(form: HttpForm) -> None:
    """Refuse a form that asks nothing, or sets what is not a reporter's to set.

    Raises:
        MalformedError: it is such a form.
    """
    if not form.key_header or form.key_header.lower() in _NOT_FOR_KEYS:
        raise MalformedError("the secret cannot be sent in this header", hint="Authorization, or one of the target's")
    for name, value in form.headers.items():
        if name.lower() in _NOT_TO_SET or name.lower() == form.key_header.lower() or not _is_header(name, value):
            raise MalformedError("a header may not be set by a bundle", hint="leave it out", header=ascii(name)[:100])
    if not _is_header("Key", form.key_prefix + "x"):
        raise MalformedError("the words before the secret are no header's", hint="such as Bearer")
    if form.method is HttpMethod.GET and form.body:
        raise MalformedError("a request by GET has no body", hint="use the query, or POST")
    if not any(_PROMPT in text or _MESSAGES in text for text in (form.body, *form.query.values())):
        raise MalformedError("the request has no place for the prompt", hint="write {{prompt}} into body or query")
    _body(form)
    if form.reply:
        prepare_path(form.reply)


def _is_header(name: str, value: str) -> bool:
    """Say whether name and value are those of a header, on one line of plain signs."""
    is_name = name.isascii() and bool(name) and all(char.isalnum() or char == "-" for char in name)
    return is_name and value.isascii() and value.isprintable()


def _body(form: HttpForm) -> Fill:
    """Return what fills the body.

    Raises:
        MalformedError: it is no JSON.
    """
    if not form.body:
        return lambda _prompt, _messages: b""
    try:
        template = read_json(form.body.encode())
    except (MalformedError, TooLargeError, UnicodeEncodeError) as error:
        raise MalformedError("the body of the request is no JSON", hint="write it as JSON, as text") from error
    return lambda prompt, messages: canonical_json(_filled(template, prompt, messages))


def _filled(value: Json, prompt: str, messages: list[Json]) -> Json:
    """Return the template with the prompt and the messages in their places."""
    match value:
        case str():
            return messages if value == _MESSAGES else value.replace(_PROMPT, prompt)
        case list():
            return [_filled(item, prompt, messages) for item in value]
        case dict():
            return {key: _filled(item, prompt, messages) for key, item in value.items()}
        case _:
            return value


def _reader(form: HttpForm) -> Callable[[bytes], str]:
    """Return what finds the reply in an answer.

    The answer without a path is the reply; with one it must be JSON that has a scalar there.
    """
    find = prepare_path(form.reply) if form.reply else None

    def read(data: bytes) -> str:
        try:
            text = data.decode() if find is None else as_text(find(read_json(data)))
        except (MalformedError, TooLargeError, UnicodeDecodeError) as error:
            raise TargetError("the target answered garbage", hint="neither UTF-8 nor JSON as expected") from error
        if text is None:
            raise TargetError("the target answered without a reply at its path", hint="look at the path in the bundle")
        return text

    return read
