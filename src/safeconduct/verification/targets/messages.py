# SPDX-License-Identifier: Apache-2.0
"""The messages of the OpenAI chat interface: a script's turns as it sends them, and a reply as it answers.

A document that comes with a user's words stands after them, between marks; there is no other place for it that every
such endpoint knows. A scripted call of a tool is an assistant's message with the call and a tool's message with the
result. Arguments that a target wrote as no JSON object are kept as one argument with an empty name.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from safeconduct.domain.bundle import Speaker
from safeconduct.domain.safe_json import Json, canonical_json, read_object
from safeconduct.domain.script import Tool, ToolCall
from safeconduct.errors import MalformedError, TargetError, TooLargeError
from safeconduct.verification.dialogue import Ask
from safeconduct.verification.reply import Reply
from safeconduct.verification.sightings import Usage
from safeconduct.verification.variants import Turn

MOST_CALLS: Final = 64
_SHOWN: Final = 200
_NO_CHAT: Final = "is this an OpenAI-compatible chat interface?"


def messages_of(ask: Ask) -> Iterator[Json]:
    """Return the messages of the turns that are sent."""
    for turn in ask.turns:
        if turn.role is not Speaker.TOOL:
            yield {"role": turn.role.value, "content": content_of(turn)}
            continue
        call = turn.call or ToolCall(tool="")
        if not ask.is_answer:
            yield {"role": "assistant", "content": None, "tool_calls": [_call_json(call)]}
        yield {"role": "tool", "tool_call_id": call.id, "content": turn.text}


def content_of(turn: Turn) -> str:
    """Return the words of a turn, with the document that comes with them."""
    return f"{turn.text}\n\n<document>\n{turn.document}\n</document>" if turn.document else turn.text


def tools_json(tools: tuple[Tool, ...]) -> list[Json]:
    """Return the tools on offer."""
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def said_of(reply: Reply) -> Json:
    """Return a reply as the assistant's message before the next turn."""
    if not reply.calls:
        return {"role": "assistant", "content": reply.text}
    return {"role": "assistant", "content": None, "tool_calls": [_call_json(call) for call in reply.calls]}


def reply_of(document: Mapping[str, Json]) -> Reply:
    """Return the reply of the first choice: its words, the tools it calls, and the tokens that it states.

    Raises:
        TargetError: there is none.
    """
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict):
        raise TargetError("the target answered without a message", hint=_NO_CHAT)
    return Reply(text=_text(message), calls=_calls(message.get("tool_calls")), usage=_usage(document))


def _text(message: Mapping[str, Json]) -> str:
    """Return the words, the refusal, or the calls as JSON.

    Raises:
        TargetError: there is nothing of it.
    """
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
        raise TargetError("the target answered without content", hint=_NO_CHAT)
    return ""


def _calls(value: Json) -> tuple[ToolCall, ...]:
    """Return the calls of tools that can be read."""
    found = []
    for number, call in enumerate(value[:MOST_CALLS] if isinstance(value, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(function, dict):
            continue
        name = str(function.get("name") or "")[:_SHOWN]
        # Without an identifier the result could not be linked to its call.
        identifier = str(call.get("id") or f"call_{number}")[:_SHOWN]
        found.append(ToolCall(tool=name, arguments=_arguments(function.get("arguments")), id=identifier))
    return tuple(found)


def _arguments(value: Json) -> Mapping[str, Json]:
    """Return the arguments, which the interface writes as JSON within a text."""
    if isinstance(value, dict):
        return value
    text = value if isinstance(value, str) else ""
    try:
        return read_object(text.encode("utf-8", "replace"))
    except (MalformedError, TooLargeError):
        return {"": text} if text else {}


def _usage(document: Mapping[str, Json]) -> Usage:
    """Return the tokens of request and reply, as far as the target states them."""
    usage = document.get("usage")
    stated = usage if isinstance(usage, dict) else {}
    return Usage(sent=_count(stated.get("prompt_tokens")), made=_count(stated.get("completion_tokens")))


def _count(value: Json) -> int:
    """Return a number of tokens, 0 for everything that is none."""
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def _call_json(call: ToolCall) -> Json:
    """Return one call."""
    function: Json = {"name": call.tool, "arguments": canonical_json(dict(call.arguments)).decode()}
    return {"id": call.id, "type": "function", "function": function}


def _function(tool: Tool) -> dict[str, Json]:
    """Return what a tool is and takes."""
    properties: dict[str, Json] = {
        one.name: {"type": one.kind.value, "description": one.about} for one in tool.parameters
    }
    required: list[Json] = [one.name for one in tool.parameters if one.required]
    schema: dict[str, Json] = {"type": "object", "properties": properties, "required": required}
    return {"name": tool.name, "description": tool.about, "parameters": schema}
