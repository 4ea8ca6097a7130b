"""The messages dialect's answers: events in, frames out, and whether the answer is complete.

An event is decoded only as far as is needed to know what it begins and ends; its bytes go on
as they came, under its type, which is what the dialect names it by: another name that it came
with is none of the dialect's. An odd one is mended (``broker.dialects.messages.shape``). A ``ping``
says nothing and is dropped. An answer begins with ``message_start`` and is complete on
``message_stop``, or once it has a reason to stop and no content came behind that.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from broker.dialects.messages.message import count
from broker.dialects.messages.shape import Shape, mended_whole
from broker.dialects.native import OWN
from broker.dialects.responses.event import named
from broker.dialects.wire import decode_object, encode
from broker.frames import Frame, Kind, data_frame
from broker.model import Failure
from workers.providers import failures
from workers.providers.base import ProviderFailure, Reply
from workers.providers.payload import GARBLED, Payload, error_in
from workers.providers.splitter import SseEvent


class _Start(msgspec.Struct, gc=False):
    id: Any = None
    content: Any = None
    usage: dict[str, Any] | None = None


class _Delta(msgspec.Struct, gc=False):
    type: Any = None
    stop_reason: Any = None
    partial_json: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    index: Any = None
    message: _Start | None = None
    delta: _Delta | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


class _Whole(msgspec.Struct):
    type: str
    id: Any = None
    content: list[Any] | str | msgspec.UnsetType = msgspec.UNSET
    usage: dict[str, Any] | None = None
    error: Any = None


_LONGEST_CLOSING = 64 * 1024  # bytes of a last event that are worth keeping with the terminal
_BLOCKS = ("content_block_start", "content_block_delta", "content_block_stop")
_CONTENT = ("content_block_start", "content_block_delta")
_EVENT = Payload(_Event, lambda event: (event.message, event.usage))
_ANY = Payload(dict[str, Any], lambda event: (event.get("message"), event.get("usage")))
_WHOLE = Payload(_Whole, lambda whole: (whole.id, whole.usage))


class MessagesDecoder:
    """See ``upstream.Decoder``."""

    idle: ClassVar[tuple[bytes, ...]] = (b'"text":"', b'"thinking":"', b'"partial_json":"')
    sure: ClassVar[bool] = True

    def __init__(self, reply: Reply) -> None:
        self.done = False
        self.failure: Failure | None = None
        self._reply = reply
        self._started = False
        self._ended = False
        self._usage: dict[str, Any] = {}
        self._shape = Shape()

    @property
    def finished(self) -> bool:
        return self.failure is None and (self.done or self._ended)

    def feed(self, events: list[SseEvent]) -> list[Frame]:
        """The frames of these events, up to the answer's end or its failure."""
        frames: list[Frame] = []
        for name, data in events:
            if name == b"ping" or data.isspace() or (self._ended and data == b"[DONE]"):
                continue
            if name == b"error":
                self.failure = failures.stream_error(error_in(data))
                break
            try:
                told = self._mended(data)
            except GARBLED:
                self.failure = failures.garbled("json")
                break
            for event, each in told:
                kind = event.type
                if kind != "content_block_delta" or self._ended or not self._started:
                    self._note(event, each)
                    if self.failure is not None:
                        break
                if kind != "ping":
                    frames.append(data_frame(Kind.DIALECT, each, kind.encode()))
            if self.failure is not None or self.done:
                break
        self._reply.events += len(frames)
        return frames

    def _mended(self, data: bytes) -> Iterable[tuple[_Event, bytes]]:
        """The events that an event comes to, itself most often.

        Raises:
            ValueError, RecursionError: it is none of the dialect's.
        """
        try:
            event = _EVENT.read(data)
        except GARBLED:
            told = _ANY.read(data)
            mended = self._shape.mend(told)
            if mended[0] is told:
                raise
            return _read(mended)
        kind = event.type
        if kind == "content_block_delta":
            delta = event.delta
            odd = not self._shape.strict or (delta is not None and delta.type is None)
        else:
            odd = (
                kind in _BLOCKS
                or (kind == "message_start" and bool(_content(event)))
                or not self._shape.strict
            )
        if odd:
            told = decode_object(data) or {}
            mended = self._shape.mend(told)
            if mended[0] is not told:
                return _read(mended)
        return ((event, data),)

    def _note(self, event: _Event, data: bytes) -> None:
        """Take note of an event; ``failure`` is set if it is one."""
        if event.type == "error":
            self.failure = failures.stream_error(event.error)
        elif event.type in OWN or not named(event.type):
            self.failure = failures.garbled("event")
        elif event.type == "message_start":
            self._begin(event.message or _Start())
        elif not self._started:
            if event.type != "ping":
                self.failure = failures.garbled(
                    "empty" if event.type == "message_stop" else "chunk"
                )
        elif event.type == "message_delta":
            self._end(event)
        elif self._ended and event.type in _CONTENT:
            self._ended = False  # a reason that came ahead of its answer's end
        elif event.type == "message_stop":
            self.done = True
            self._close(data)

    def _begin(self, message: _Start) -> None:
        self._started = True
        count(self._usage, message.usage)
        self._reply.said = self._usage or None
        if message.id and self._reply.provider_id is None:
            self._reply.provider_id = str(message.id)

    def _close(self, data: bytes) -> None:
        if len(data) <= _LONGEST_CLOSING and len(decode_object(data) or {}) > 1:
            with suppress(UnicodeDecodeError):
                self._reply.closing = data.decode().replace("\n", " ")  # in JSON: between tokens

    def _end(self, event: _Event) -> None:
        count(self._usage, event.usage)
        if event.delta is not None and event.delta.stop_reason:
            self._ended = True
        if self._ended and self._usage:
            self._reply.usage = self._usage


def _content(event: _Event) -> Any:
    return event.message.content if event.message is not None else None


def _read(events: list[dict[str, Any]]) -> list[tuple[_Event, bytes]]:
    written = (encode(event) for event in events)
    return [(_EVENT.read(data), data) for data in written]


def decode_whole(body: bytes, reply: Reply) -> Frame:
    """The one frame of a whole message; its bytes as they came unless it spans lines.

    Raises:
        ProviderFailure: it is no message, or holds an error.
    """
    try:
        whole = _WHOLE.read(body)
    except GARBLED as error:
        raise ProviderFailure(failures.garbled("json")) from error
    if whole.type == "error":
        raise ProviderFailure(failures.stream_error(whole.error))
    if whole.content is msgspec.UNSET:
        raise ProviderFailure(failures.garbled("chunk"))
    mended = mended_whole({"content": whole.content})
    if mended is None:
        # In valid JSON these stand between tokens only, where they mean nothing.
        body = body.translate(None, b"\r\n")
    else:
        body = encode({**(decode_object(body) or {}), **mended})
    reply.usage = whole.usage
    reply.provider_id = str(whole.id) if whole.id else None
    reply.events = 1
    return data_frame(Kind.WHOLE, body)
