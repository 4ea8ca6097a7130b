"""An answer as the events of OpenAI's Responses, or as one whole response.

What an answer says is ``sim.answer``'s, the same words as in chat; here they become items: the
thoughts, the message or the function calls. An event of a text is paced, and takes with it
what else there is to say just before or after.
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from sim.answer import CREATED, Answer, ToolCall
from sim.behaviour import Behaviour, End
from sim.render import Script
from sim.responses_request import ResponsesRequest
from sim.text import letters, quoted

_FAILED = b'{"code":"server_error","message":"The simulated provider failed on purpose."}'
_NONE = b"null"


class _Told(msgspec.Struct, frozen=True):
    """One item: as it begins and as it ends, and its text in pieces between."""

    begun: bytes
    done: bytes
    part: tuple[bytes, bytes, bytes] | None  # event stem, begun, done; None without parts
    stem: bytes  # of the text's events
    field: bytes
    place: bytes  # item, output index and part, as fields of an event
    pieces: list[bytes]

    @property
    def text(self) -> bytes:
        return b"".join(self.pieces)


def named(answer: Answer) -> Answer:
    """The answer, with an id as responses have it."""
    return msgspec.structs.replace(answer, id="resp_" + answer.id.removeprefix("chatcmpl-"))


def whole(answer: Answer, request: ResponsesRequest, behaviour: Behaviour) -> bytes:
    """The answer as one ``response`` object."""
    return _response(answer, request, behaviour, _status(answer), _items(answer))


def script(answer: Answer, request: ResponsesRequest, behaviour: Behaviour) -> Script:
    """The stream of an answer, faults included."""
    items = _items(answer)
    events = _Events(behaviour, answer.source, request)
    begun = _response(answer, request, behaviour, b"in_progress", [])
    opening = events.life(b"response.created", begun) + events.life(b"response.in_progress", begun)
    count = sum(len(item.pieces) for item in items)
    end, after = behaviour.end or (None, count)
    if after > count:
        end, after = None, count
    # Rendered beforehand, for the end's number follows theirs.
    deltas = list(islice(_deltas(events, items), after))
    if behaviour.garbleafter is not None:
        broken = events.line(b'{"type":"response.output_text.delta","delta":" ha')
        if behaviour.garbleafter == 0:
            opening += broken
        elif behaviour.garbleafter <= len(deltas):
            deltas[behaviour.garbleafter - 1] += broken
    closing = b""
    if end is None and not behaviour.nofinish:
        status = _status(answer)
        told = _response(answer, request, behaviour, status, items)
        closing = events.life(b"response." + status, told)
    elif end is End.ERROR:
        told = _response(answer, request, behaviour, b"failed", [])
        closing = events.life(b"response.failed", told)
    return Script(opening, iter(deltas), 1, closing, end)


def _status(answer: Answer) -> bytes:
    return b"incomplete" if answer.choices[0].finish == b"length" else b"completed"


class _Events:
    """Numbers and renders the events of one stream."""

    def __init__(self, behaviour: Behaviour, source: bytes, request: ResponsesRequest) -> None:
        self._line = b"\r\n" if behaviour.crlf else b"\n"
        self._before = b": keepalive" + self._line * behaviour.comments
        if not behaviour.comments:
            self._before = b""
        options = request.stream_options or {}
        wanted = behaviour.obfuscation and options.get("include_obfuscation") is not False
        self._noise = letters(source, 64) if wanted else b""
        self._number = 0

    def line(self, data: bytes, kind: bytes = b"") -> bytes:
        """An event with any data."""
        name = b"event: %b%b" % (kind, self._line) if kind else b""
        return b"%b%bdata: %b%b" % (self._before, name, data, self._line * 2)

    def event(self, kind: bytes, rest: bytes) -> bytes:
        """An event, given the fields after its type and its number."""
        number, self._number = self._number, self._number + 1
        data = b'{"type":"%b","sequence_number":%d,%b}' % (kind, number, rest)
        return self.line(data, kind)

    def delta(self, item: _Told, piece: bytes) -> bytes:
        """The next piece of an item's text."""
        more = b',"logprobs":[]' if item.stem == b"response.output_text" else b""
        if self._noise:
            more += b',"obfuscation":"%b"' % self._noise[: 1 + self._number % 16]
        return self.event(item.stem + b".delta", b'%b,"delta":"%b"%b' % (item.place, piece, more))

    def life(self, kind: bytes, response: bytes) -> bytes:
        """An event that has the whole response."""
        return self.event(kind, b'"response":%b' % response)


def _deltas(events: _Events, items: list[_Told]) -> Iterator[bytes]:
    """The paced events, each with what goes before or after it."""
    for index, item in enumerate(items):
        output = b'"output_index":%d' % index
        before = events.event(b"response.output_item.added", b'%b,"item":%b' % (output, item.begun))
        if item.part:
            stem, begun, _ = item.part
            before += events.event(stem + b".added", b'%b,"part":%b' % (item.place, begun))
        for place, piece in enumerate(item.pieces):
            text = before + events.delta(item, piece)
            before = b""
            if place == len(item.pieces) - 1:
                text += _done(events, item, output)
            yield text


def _done(events: _Events, item: _Told, output: bytes) -> bytes:
    more = b',"logprobs":[]' if item.stem == b"response.output_text" else b""
    said = b'%b,"%b":"%b"%b' % (item.place, item.field, item.text, more)
    text = events.event(item.stem + b".done", said)
    if item.part:
        stem, _, done = item.part
        text += events.event(stem + b".done", b'%b,"part":%b' % (item.place, done))
    return text + events.event(b"response.output_item.done", b'%b,"item":%b' % (output, item.done))


def _items(answer: Answer) -> list[_Told]:
    """What the answer's first choice comes to. An item without a text is not told."""
    choice, name = answer.choices[0], letters(answer.id.encode() + answer.source, 24)
    items: list[_Told] = []
    if choice.reasoning:
        items.append(_thought(name, len(items), choice.reasoning))
    if choice.content:
        items.append(_message(name, len(items), choice.content))
    for call in choice.calls:
        items.append(_call(name, len(items), call))
    return items


def _thought(name: bytes, index: int, pieces: list[bytes]) -> _Told:
    item = b'{"id":"rs_%b","type":"reasoning","summary":[%%b]}' % name
    part = b'{"type":"summary_text","text":"%b"}' % b"".join(pieces)
    return _Told(
        begun=item % b"",
        done=item % part,
        part=(
            b"response.reasoning_summary_part",
            b'{"type":"summary_text","text":""}',
            part,
        ),
        stem=b"response.reasoning_summary_text",
        field=b"text",
        place=b'"item_id":"rs_%b","output_index":%d,"summary_index":0' % (name, index),
        pieces=pieces,
    )


def _message(name: bytes, index: int, pieces: list[bytes]) -> _Told:
    item = b'{"id":"msg_%b","type":"message","status":"%%b","content":[%%b],"role":"assistant"}'
    item %= name
    part = b'{"type":"output_text","annotations":[],"logprobs":[],"text":"%b"}'
    return _Told(
        begun=item % (b"in_progress", b""),
        done=item % (b"completed", part % b"".join(pieces)),
        part=(b"response.content_part", part % b"", part % b"".join(pieces)),
        stem=b"response.output_text",
        field=b"text",
        place=b'"item_id":"msg_%b","output_index":%d,"content_index":0' % (name, index),
        pieces=pieces,
    )


def _call(name: bytes, index: int, call: ToolCall) -> _Told:
    item = b'{"id":"fc_%b%d","type":"function_call","status":"%b","arguments":"%b",'
    rest = b'"call_id":"%b","name":%b}' % (call.id, call.name)
    return _Told(
        begun=item % (name, index, b"in_progress", b"") + rest,
        done=item % (name, index, b"completed", b"".join(call.pieces)) + rest,
        part=None,
        stem=b"response.function_call_arguments",
        field=b"arguments",
        place=b'"item_id":"fc_%b%d","output_index":%d' % (name, index, index),
        pieces=call.pieces,
    )


def _response(
    answer: Answer,
    request: ResponsesRequest,
    behaviour: Behaviour,
    status: bytes,
    items: list[_Told],
) -> bytes:
    ended = status in (b"completed", b"incomplete")
    short = b'{"reason":"max_output_tokens"}' if status == b"incomplete" else _NONE
    previous = request.previous_response_id
    return (
        b'{"id":%b,"object":"response","created_at":%d,"status":"%b","background":%b,"error":%b,'
        b'"incomplete_details":%b,"instructions":%b,"max_output_tokens":%b,"model":%b,'
        b'"output":[%b],"parallel_tool_calls":true,"previous_response_id":%b,'
        b'"reasoning":{"effort":null,"summary":null},"service_tier":"default","store":%b,'
        b'"temperature":1.0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],'
        b'"top_p":1.0,"truncation":"disabled","usage":%b,"user":null,"metadata":{}}'
        % (
            quoted(answer.id),
            CREATED,
            status,
            b"true" if request.background else b"false",
            _FAILED if status == b"failed" else _NONE,
            short,
            quoted(request.instructions) if request.instructions else _NONE,
            b"%d" % request.max_output_tokens if request.max_output_tokens else _NONE,
            quoted(answer.model),
            b",".join(item.done for item in items),
            quoted(previous) if previous else _NONE,
            b"false" if request.store is False else b"true",
            _usage(answer) if ended and not behaviour.nousage else _NONE,
        )
    )


def _usage(answer: Answer) -> bytes:
    choice = answer.choices[0]
    return (
        b'{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d},"output_tokens":%d,'
        b'"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}'
        % (
            answer.prompt_tokens,
            answer.cached,
            choice.count,
            len(choice.reasoning),
            answer.prompt_tokens + choice.count,
        )
    )
