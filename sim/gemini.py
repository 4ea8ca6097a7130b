"""Google's ``generateContent`` as the simulated provider speaks it: requests in, events out.

The answer is composed as for a chat request and rendered as ``GenerateContentResponse``
objects. What a fault counts is the same: pieces of text, thoughts and tool calls; but a call
comes whole here and is one piece. There is no opening and no last event: the last piece's
reason to finish ends the answer, in an object of its own.

Google refuses fields that it does not know, and so does this, in contents and their parts.
"""

import json
from base64 import b64decode
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import msgspec

from sim.answer import Answer, Choice, ToolCall
from sim.behaviour import Behaviour
from sim.render import Script, garbled
from sim.request import ChatRequest, Message, RequestError, read
from sim.text import quoted

_REASONS = {b"stop": b"STOP", b"length": b"MAX_TOKENS", b"tool_calls": b"STOP"}
_FAILED = (
    b'{"error":{"code":500,"message":"The simulated provider failed on purpose.",'
    b'"status":"INTERNAL"}}'
)
_BROKEN = b'{"candidates":[{"content":{"parts":[{"text":" ha'
_SIGNATURE = b"c2ltdWxhdGVkIHNpZ25hdHVyZQ=="


class _Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An object all of whose fields Google knows."""


class _Blob(_Strict):
    mime_type: str
    data: str


class _Part(_Strict):
    text: str | None = None
    inline_data: _Blob | None = None
    file_data: dict[str, Any] | None = None
    function_call: dict[str, Any] | None = None
    function_response: dict[str, Any] | None = None
    thought: bool = False
    thought_signature: str | None = None

    @property
    def holds(self) -> int:
        """How many things it is; one is right."""
        own = (self.text, self.inline_data, self.file_data)
        called = (self.function_call, self.function_response)
        return sum(each is not None for each in own + called)


class _Content(_Strict):
    parts: list[_Part]
    role: Literal["user", "model"] = "user"

    @property
    def text(self) -> str:
        return "".join(part.text or "" for part in self.parts if not part.thought)


class _System(msgspec.Struct):
    parts: list[_Part] = []


class _Config(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None


class _Function(msgspec.Struct):
    name: str = "lookup"


class _Tool(msgspec.Struct, rename="camel"):
    function_declarations: list[_Function] = []


class _Request(msgspec.Struct, rename="camel"):
    contents: list[_Content]
    system_instruction: _System | None = None
    generation_config: _Config | None = None
    tools: list[_Tool] | None = None

    @property
    def most(self) -> int | None:
        """The most tokens the answer may have."""
        config = self.generation_config
        return None if config is None else config.max_output_tokens


def decode(body: bytes, model: str, *, streams: bool) -> ChatRequest:
    """The request in a body, as the chat request that is answered alike.

    Raises:
        RequestError: the body is not JSON, or a field has the wrong type or range.
    """
    try:
        asked = read(body, _Request)
    except (ValueError, RecursionError) as error:
        raise RequestError(str(error)) from None
    _check(asked)
    functions = [each for tool in asked.tools or () for each in tool.function_declarations]
    tools = [{"function": {"name": each.name}} for each in functions]
    fields = {"model": model, "messages": [], "stream": streams, "tools": tools}
    request = msgspec.convert({**fields, "max_tokens": asked.most}, ChatRequest)
    request.messages = [each for turn in asked.contents for each in _messages(turn)]
    if asked.system_instruction is not None:
        text = "".join(part.text or "" for part in asked.system_instruction.parts)
        request.messages.insert(0, Message("system", text))
    return request


def _check(asked: _Request) -> None:
    if not asked.contents:
        raise RequestError("contents is not specified - at `$.contents`")
    if asked.most is not None and asked.most < 1:
        raise RequestError("max_output_tokens must be positive - at `$.generationConfig`")
    for place, content in enumerate(asked.contents):
        where = f"at `$.contents[{place}].parts`"
        if not content.parts or any(part.holds != 1 for part in content.parts):
            raise RequestError(f"each part must hold one thing, and there must be one - {where}")
        for part in content.parts:
            try:
                b64decode(part.inline_data.data if part.inline_data else "", validate=True)
            except ValueError:
                raise RequestError(f"the data is not base64 - {where}") from None


def _messages(content: _Content) -> Iterator[Message]:
    """A turn as chat has it; the results of calls are a user's here, and a message each there."""
    given = [part.function_response for part in content.parts if part.function_response]
    for each in given:
        told = each.get("response", {})
        texts = [value for value in told.values() if isinstance(value, str)]
        yield Message("tool", "".join(texts) or json.dumps(told))
    if len(given) < len(content.parts):
        yield Message("assistant" if content.role == "model" else "user", content.text)


class _Events:
    """Renders the objects of one answer."""

    def __init__(self, answer: Answer, behaviour: Behaviour) -> None:
        self._line = b"\r\n" if behaviour.crlf else b"\n"
        self._before = b": keepalive" + self._line * behaviour.comments
        if not behaviour.comments:
            self._before = b""
        self._told = not behaviour.nousage
        self._answer = answer
        self._stamp = b',"modelVersion":%b,"responseId":%b}' % (
            quoted(answer.model),
            quoted(answer.id.removeprefix("chatcmpl-")),
        )

    def event(self, data: bytes) -> bytes:
        """An event with any data."""
        return b"%bdata: %b%b" % (self._before, data, self._line * 2)

    def object(self, parts: bytes, output: int, thoughts: int, reason: bytes = b"") -> bytes:
        """A response object: what is new, and what all cost so far."""
        finish = b',"finishReason":"%b"' % reason if reason else b""
        usage = self._usage(output, thoughts) if self._told else b""
        return b'{"candidates":[{"content":{"parts":[%b],"role":"model"}%b,"index":0}]%b%b' % (
            parts,
            finish,
            usage,
            self._stamp,
        )

    def _usage(self, output: int, thoughts: int) -> bytes:
        prompt, cached = self._answer.prompt_tokens, self._answer.cached
        from_cache = b',"cachedContentTokenCount":%d' % cached if cached else b""
        thought = b',"thoughtsTokenCount":%d' % thoughts if thoughts else b""
        return (
            b',"usageMetadata":{"promptTokenCount":%d,"candidatesTokenCount":%d,'
            b'"totalTokenCount":%d%b%b}'
            % (prompt, output, prompt + output + thoughts, from_cache, thought)
        )


def script(answer: Answer, behaviour: Behaviour) -> Script:
    """The stream of an answer, faults included."""
    events, (choice,) = _Events(answer, behaviour), answer.choices
    parts = list(_parts(choice))
    end, after = behaviour.end or (None, len(parts))
    if after > len(parts):
        end, after = None, len(parts)
    deltas: Iterator[bytes] = islice(_deltas(parts, events), after)
    opening, closing = b"", b""
    if behaviour.garbleafter == 0:
        opening = events.event(_BROKEN)
    elif behaviour.garbleafter is not None:
        deltas = garbled(deltas, behaviour.garbleafter, events.event(_BROKEN))
    if end is None and not behaviour.nofinish:
        counts = _counts(parts)
        closing = events.event(events.object(b'{"text":""}', *counts, _REASONS[choice.finish]))
    elif end is not None and end.name == "ERROR":
        closing = events.event(_FAILED)
    return Script(opening, deltas, 1, closing, end)


def whole(answer: Answer, behaviour: Behaviour) -> bytes:
    """The answer as one object."""
    (choice,) = answer.choices
    parts = list(_parts(choice, joined=True))
    reason = b"" if behaviour.nofinish else _REASONS[choice.finish]
    told = b",".join(part.body for part in parts)
    return _Events(answer, behaviour).object(told, *_counts(parts), reason)


class _Piece(msgspec.Struct, frozen=True):
    """A part of the answer and the tokens that it is."""

    body: bytes
    tokens: int
    thought: bool = False


def _parts(choice: Choice, *, joined: bool = False) -> Iterator[_Piece]:
    """What faults count; ``joined``: each text as one part."""
    for pieces, mark in ((choice.reasoning, b',"thought":true'), (choice.content, b"")):
        for few in [pieces] * bool(pieces) if joined else ([piece] for piece in pieces):
            yield _Piece(b'{"text":"%b"%b}' % (b"".join(few), mark), len(few), bool(mark))
    signed = b',"thoughtSignature":"%b"' % _SIGNATURE
    for call in choice.calls:
        if (arguments := _arguments(call)) is not None:
            body = b'{"functionCall":{"id":"%b","name":%b,"args":%b}%b}'
            tokens = 1 + len(call.pieces)
            yield _Piece(body % (call.id, call.name, arguments, signed), tokens)
            signed = b""  # of parallel calls the first one bears it


def _arguments(call: ToolCall) -> bytes | None:
    """A call's arguments; None where the token limit has cut them off."""
    said: str = json.loads(b'"%b"' % b"".join(call.pieces))
    try:
        json.loads(said)
    except ValueError:
        return None
    return said.encode()


def _counts(parts: list[_Piece]) -> tuple[int, int]:
    """Tokens of the answer, and of its thoughts."""
    thoughts = sum(part.tokens for part in parts if part.thought)
    return sum(part.tokens for part in parts) - thoughts, thoughts


def _deltas(parts: list[_Piece], events: _Events) -> Iterator[bytes]:
    output = thoughts = 0
    for part in parts:
        output += 0 if part.thought else part.tokens
        thoughts += part.tokens if part.thought else 0
        yield events.event(events.object(part.body, output, thoughts))
