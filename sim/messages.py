"""Anthropic's Messages as the simulated provider speaks them: requests in, events out.

The answer is composed as for a chat request and rendered with Anthropic's events. What a
fault counts is the same: pieces of text, thoughts and tool calls; the start of a tool call is
one. The start and the stop of other blocks go out with the piece after them.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from sim.answer import Answer, Choice
from sim.behaviour import Behaviour
from sim.render import Script, garbled
from sim.request import ChatRequest, Message, RequestError, read
from sim.text import quoted

_REASONS = {b"stop": b"end_turn", b"length": b"max_tokens", b"tool_calls": b"tool_use"}
_FAILED = (
    b'{"type":"error","error":{"type":"api_error",'
    b'"message":"The simulated provider failed on purpose."}}'
)
_SIGNATURE = b"c2ltdWxhdGVkIHNpZ25hdHVyZQ=="


class _Tool(msgspec.Struct):
    name: str = "lookup"


class _Format(msgspec.Struct):
    schema: dict[str, Any] = {}


class _Output(msgspec.Struct):
    format: _Format | None = None


class _Request(msgspec.Struct):
    model: str
    messages: list[Message]
    max_tokens: int | None = None
    system: Any = None
    stream: bool | None = None
    tools: list[_Tool] | None = None
    output_config: _Output | None = None


def decode(body: bytes, *, counting: bool = False) -> ChatRequest:
    """The request in a body, as the chat request that is answered alike.

    Raises:
        RequestError: the body is not JSON, or a field has the wrong type or range.
    """
    try:
        asked = read(body, _Request)
    except (ValueError, RecursionError) as error:
        raise RequestError(str(error)) from None
    if asked.max_tokens is None and not counting:
        raise RequestError("Object missing required field `max_tokens`")
    if asked.max_tokens is not None and asked.max_tokens < 1:
        raise RequestError("at least 1 token must be allowed - at `$.max_tokens`")
    messages = asked.messages
    if messages and messages[-1].role == "assistant" and messages[-1].text[-1:].isspace():
        raise RequestError("final assistant content cannot end with trailing whitespace")
    if asked.system:
        text = asked.system if isinstance(asked.system, str) else json.dumps(asked.system)
        messages = [Message("system", text), *messages]
    tools = [{"function": {"name": tool.name}} for tool in asked.tools or ()]
    fields: dict[str, Any] = {
        "model": asked.model,
        "messages": [],
        "stream": asked.stream,
        "tools": tools,
    }
    if asked.output_config is not None and asked.output_config.format is not None:
        schema = {"schema": asked.output_config.format.schema}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    request = msgspec.convert({**fields, "max_tokens": asked.max_tokens}, ChatRequest)
    request.messages = messages
    return request


class _Events:
    def __init__(self, behaviour: Behaviour) -> None:
        line = b"\r\n" if behaviour.crlf else b"\n"
        self._line = line
        self._before = b": keepalive" + line * behaviour.comments if behaviour.comments else b""

    def event(self, name: bytes, fields: bytes = b"") -> bytes:
        """An event; ``fields`` follow its type, each with a comma before it."""
        return self.raw(name, b'{"type":"%b"%b}' % (name, fields))

    def raw(self, name: bytes, data: bytes) -> bytes:
        line = self._line
        return b"%bevent: %b%bdata: %b%b%b" % (self._before, name, line, data, line, line)

    def start(self, index: int, block: bytes) -> bytes:
        return self.event(
            b"content_block_start", b',"index":%d,"content_block":%b' % (index, block)
        )

    def delta(self, index: int, delta: bytes) -> bytes:
        return self.event(b"content_block_delta", b',"index":%d,"delta":{%b}' % (index, delta))

    def stop(self, index: int) -> bytes:
        return self.event(b"content_block_stop", b',"index":%d' % index)


def script(answer: Answer, behaviour: Behaviour) -> Script:
    """The stream of an answer, faults included."""
    events, (choice,) = _Events(behaviour), answer.choices
    end, after = behaviour.end or (None, choice.count)
    if after > choice.count:
        end, after = None, choice.count
    opening = events.event(b"message_start", b',"message":%b' % _start(answer))
    opening += events.event(b"ping")
    deltas: Iterator[bytes] = islice(_pieces(choice, events), after)
    broken = events.raw(b"content_block_delta", b'{"type":"content_block_delta","index":0,"del')
    if behaviour.garbleafter == 0:
        opening += broken
    elif behaviour.garbleafter is not None:
        deltas = garbled(deltas, behaviour.garbleafter, broken)
    closing = b""
    if end is None:
        closing = _closing(answer, choice, events, behaviour)
    elif end.name == "ERROR":
        closing = events.raw(b"error", _FAILED)
    return Script(opening, deltas, 1, closing, end)


def _start(answer: Answer) -> bytes:
    return _head(answer) + b'"content":[],"stop_reason":null,"stop_sequence":null,%b}' % (
        b'"usage":' + _usage(answer, 1)
    )


def _head(answer: Answer) -> bytes:
    return b'{"id":%b,"type":"message","role":"assistant","model":%b,' % (
        quoted(answer.id.replace("chatcmpl-", "msg_", 1)),
        quoted(answer.model),
    )


def _usage(answer: Answer, output: int) -> bytes:
    return (
        b'{"input_tokens":%d,"cache_creation_input_tokens":0,"cache_read_input_tokens":%d,'
        b'"output_tokens":%d,"service_tier":"standard"}'
        % (answer.prompt_tokens - answer.cached, answer.cached, output)
    )


def _pieces(choice: Choice, events: _Events) -> Iterator[bytes]:
    """What faults count, with the starts and stops that go before each."""
    index, before = -1, b""
    for kind, pieces, block in (
        (b"thinking", choice.reasoning, b'{"type":"thinking","thinking":"","signature":""}'),
        (b"text", choice.content, b'{"type":"text","text":""}'),
    ):
        if not pieces:
            continue
        index += 1
        before += events.start(index, block)
        for piece in pieces:
            yield before + events.delta(index, b'"type":"%b_delta","%b":"%b"' % (kind, kind, piece))
            before = b""
        if kind == b"thinking":
            signed = b'"type":"signature_delta","signature":"%b"' % _SIGNATURE
            before = events.delta(index, signed)
        before += events.stop(index)
    for call in choice.calls:
        index += 1
        block = b'{"type":"tool_use","id":"%b","name":%b,"input":{}}' % (
            call.id.replace(b"call_", b"toolu_", 1),
            call.name,
        )
        yield before + events.start(index, block)
        for piece in call.pieces:
            yield events.delta(index, b'"type":"input_json_delta","partial_json":"%b"' % piece)
        before = events.stop(index)


def _closing(answer: Answer, choice: Choice, events: _Events, behaviour: Behaviour) -> bytes:
    parts: list[bytes] = []
    last = bool(choice.reasoning) + bool(choice.content) + len(choice.calls) - 1
    if choice.reasoning and not last:
        signed = b'"type":"signature_delta","signature":"%b"' % _SIGNATURE
        parts.append(events.delta(0, signed))
    if last >= 0:
        parts.append(events.stop(last))
    if not behaviour.nofinish:
        ending = b',"delta":{"stop_reason":"%b","stop_sequence":null}' % _REASONS[choice.finish]
        usage = b"" if behaviour.nousage else b',"usage":{"output_tokens":%d}' % choice.count
        parts.append(events.event(b"message_delta", ending + usage))
    if not behaviour.nodone:
        parts.append(events.event(b"message_stop"))
    return b"".join(parts)


def whole(answer: Answer, behaviour: Behaviour) -> bytes:
    """The answer as one message."""
    (choice,) = answer.choices
    blocks: list[bytes] = []
    if choice.reasoning:
        thought = b"".join(choice.reasoning)
        signed = b'"signature":"%b"' % _SIGNATURE
        blocks.append(b'{"type":"thinking","thinking":"%b",%b}' % (thought, signed))
    if choice.content:
        blocks.append(b'{"type":"text","text":"%b"}' % b"".join(choice.content))
    for call in choice.calls:
        said: str = json.loads(b'"%b"' % b"".join(call.pieces))
        blocks.append(
            b'{"type":"tool_use","id":"%b","name":%b,"input":%b}'
            % (call.id.replace(b"call_", b"toolu_", 1), call.name, said.encode() or b"{}")
        )
    reason = b"null" if behaviour.nofinish else b'"%b"' % _REASONS[choice.finish]
    return _head(answer) + b'"content":[%b],"stop_reason":%b,"stop_sequence":null,"usage":%b}' % (
        b",".join(blocks),
        reason,
        _usage(answer, choice.count),
    )
