"""An answer as bytes: the events of a stream, or one whole JSON.

The fields, their order and their separators are those of OpenAI's wire. Whatever stays the
same over a stream is joined once, so that a chunk costs one concatenation.
"""

from collections.abc import Iterator
from itertools import chain, islice, zip_longest

import msgspec

from sim.answer import CREATED, Answer, Choice
from sim.behaviour import Behaviour, End
from sim.request import ChatRequest
from sim.text import letters, quoted

_STAMP = b'"service_tier":"default","system_fingerprint":"fp_sim"'
_PAD = 16  # a chunk's delta and its obfuscation together are a multiple of this many bytes
_ERROR = (
    b'{"error":{"message":"The simulated provider failed on purpose.",'
    b'"type":"server_error","param":null,"code":"server_error"}}'
)


class Script(msgspec.Struct, frozen=True):
    """The body of a streamed answer, in the order it is sent.

    ``deltas`` are paced, ``width`` of them at each step; then ``closing`` goes out, and the
    body ends as ``end`` says: None and EOF are clean, DROP and HANG are the sender's to do.
    """

    opening: bytes
    deltas: Iterator[bytes]
    width: int
    closing: bytes
    end: End | None


class _Events:
    """Renders the events of one stream."""

    def __init__(self, answer: Answer, request: ChatRequest, behaviour: Behaviour) -> None:
        options = request.stream_options
        line = b"\r\n" if behaviour.crlf else b"\n"
        self.usage = bool(options and options.include_usage) and not behaviour.nousage
        self._before = b": keepalive" + line * behaviour.comments if behaviour.comments else b""
        self._after = line * 2
        base = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,%b,'
            b'"choices":[' % (quoted(answer.id), CREATED, quoted(answer.model), _STAMP)
        )
        self._bare = self._before + base
        self._heads = [
            self._bare + b'{"index":%d,"delta":' % index for index in range(len(answer.choices))
        ]
        null_usage = b',"usage":null' if self.usage else b""
        self._middle = b',"logprobs":null,"finish_reason":'
        self._tail = b"}]" + null_usage
        self._plain_tail = self._middle + b"null" + self._tail + b"}" + self._after
        wanted = options is None or options.include_obfuscation is not False
        # One string, cut at another place for each chunk: random to look at, cheap to make.
        self._noise = (
            letters(answer.source, 4096 + _PAD) if behaviour.obfuscation and wanted else b""
        )
        self._place = 0

    def plain(self, index: int, delta: bytes) -> bytes:
        """A chunk in the middle of a choice."""
        if not self._noise:
            return self._heads[index] + delta + self._plain_tail
        return self.chunk(index, delta, b"null")

    def chunk(self, index: int, delta: bytes, finish: bytes) -> bytes:
        """A chunk with any finish_reason, given as JSON."""
        parts = (self._heads[index], delta, self._middle, finish, self._tail)
        return b"".join((*parts, self._padding(len(delta)), b"}", self._after))

    def usage_chunk(self, usage: bytes) -> bytes:
        """The chunk without choices that ends a stream with usage."""
        parts = (self._bare, b'],"usage":', usage, self._padding(len(usage)), b"}", self._after)
        return b"".join(parts)

    def event(self, data: bytes) -> bytes:
        """An event with any data."""
        return b"%bdata: %b%b" % (self._before, data, self._after)

    def _padding(self, size: int) -> bytes:
        if not self._noise:
            return b""
        self._place = (self._place + _PAD + 1) % 4096
        return b',"obfuscation":"%b"' % self._noise[self._place : self._place + _PAD - size % _PAD]


def script(answer: Answer, request: ChatRequest, behaviour: Behaviour) -> Script:
    """The stream of an answer, faults included."""
    events = _Events(answer, request, behaviour)
    count = sum(choice.count for choice in answer.choices)
    end, after = behaviour.end or (None, count)
    if after > count:
        end, after = None, count
    deltas: Iterator[bytes] = islice(_deltas(answer, events), after)
    opening = _opening(answer, events)
    broken = events.event(b'{"id":"chatcmpl-broken","choices":[{"index":0,"delta":{"content":" ha')
    if behaviour.garbleafter == 0:
        opening += broken
    elif behaviour.garbleafter is not None:
        deltas = garbled(deltas, behaviour.garbleafter, broken)
    closing = b""
    if end is None:
        closing = _closing(answer, events, behaviour)
    elif end is End.ERROR:
        closing = events.event(_ERROR)
    return Script(opening, deltas, len(answer.choices), closing, end)


def _opening(answer: Answer, events: _Events) -> bytes:
    return b"".join(
        events.plain(
            index,
            b'{"role":"assistant","content":%b,"refusal":null}'
            % (b"null" if choice.calls and not choice.content else b'""'),
        )
        for index, choice in enumerate(answer.choices)
    )


def _deltas(answer: Answer, events: _Events) -> Iterator[bytes]:
    """The paced chunks: the choices' first tokens, then their second ones, and so on."""
    plain = events.plain
    if len(answer.choices) == 1:
        return (plain(0, delta) for delta in answer.choices[0].deltas())
    steps = zip_longest(*(choice.deltas() for choice in answer.choices))
    return (plain(index, delta) for step in steps for index, delta in enumerate(step) if delta)


def garbled(deltas: Iterator[bytes], after: int, broken: bytes) -> Iterator[bytes]:
    """The same chunks, with a broken event stuck to number ``after``, from 1."""
    last = (delta + broken for delta in islice(deltas, 1))
    return chain(islice(deltas, after - 1), last, deltas)


def _closing(answer: Answer, events: _Events, behaviour: Behaviour) -> bytes:
    parts: list[bytes] = []
    if not behaviour.nofinish:
        parts += (
            events.chunk(index, b"{}", b'"%b"' % choice.finish)
            for index, choice in enumerate(answer.choices)
        )
    if events.usage:
        parts.append(events.usage_chunk(answer.usage))
    if not behaviour.nodone:
        parts.append(events.event(b"[DONE]"))
    return b"".join(parts)


def whole(answer: Answer, behaviour: Behaviour) -> bytes:
    """The answer as one ``chat.completion`` object."""
    finish = not behaviour.nofinish
    choices = b",".join(
        b'{"index":%d,"message":%b,"logprobs":null,"finish_reason":%b}'
        % (index, _message(choice), b'"%b"' % choice.finish if finish else b"null")
        for index, choice in enumerate(answer.choices)
    )
    body = b'{"id":%b,"object":"chat.completion","created":%d,"model":%b,"choices":[%b],' % (
        quoted(answer.id),
        CREATED,
        quoted(answer.model),
        choices,
    )
    return body + b'"usage":%b,%b}' % (answer.usage, _STAMP)


def _message(choice: Choice) -> bytes:
    text = b'"%b"' % b"".join(choice.content)
    content = b"null" if choice.calls and not choice.content else text
    parts = [b'{"role":"assistant","content":%b,"refusal":null,"annotations":[]' % content]
    if choice.reasoning:
        parts.append(b',"reasoning_content":"%b"' % b"".join(choice.reasoning))
    if choice.calls:
        calls = b",".join(
            b'{"id":"%b","type":"function","function":{"name":%b,"arguments":"%b"}}'
            % (call.id, call.name, b"".join(call.pieces))
            for call in choice.calls
        )
        parts.append(b',"tool_calls":[%b]' % calls)
    return b"".join(parts) + b"}"
