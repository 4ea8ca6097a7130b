"""The chat dialect's answers: events in, frames out, and whether the answer is complete.

A chunk is decoded only as far as is needed to know that it is one and what it ends; its
bytes go on as they came. An answer is complete on ``[DONE]``, or once every choice has a
finish reason; an answer without a single chunk is none.
"""

import json
from typing import Any, ClassVar

import msgspec

from broker.frames import Frame, Kind, data_frame
from broker.model import Failure
from workers.providers import failures
from workers.providers.base import ProviderFailure, Reply
from workers.providers.payload import GARBLED, Payload, error_in
from workers.providers.splitter import SseEvent


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    id: Any = None
    choices: list[_Choice] | msgspec.UnsetType | None = msgspec.UNSET
    usage: dict[str, Any] | None = None
    error: Any = None


class _Whole(msgspec.Struct):
    id: Any = None
    choices: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    usage: dict[str, Any] | None = None
    error: Any = None


_CHUNKS = frozenset((b"", b"message"))  # names under which nothing but chunks may come
_CHUNK = Payload(_Chunk, lambda chunk: (chunk.id, chunk.usage))
_WHOLE = Payload(_Whole, lambda whole: (whole.id, whole.usage))


class ChatDecoder:
    """Decodes one streamed answer of ``choices`` choices, and keeps ``reply`` up to date.

    See ``upstream.Decoder``.
    """

    idle: ClassVar[tuple[bytes, ...]] = (
        b'"content":"',
        b'"reasoning_content":"',
        b'"reasoning":"',
        b'"refusal":"',
        b'"arguments":"',
        b'"obfuscation":"',
    )

    def __init__(self, reply: Reply, choices: int = 1) -> None:
        self.done = False
        self.failure: Failure | None = None
        self._reply = reply
        self._choices = choices
        self._ended: set[int] = set()

    @property
    def finished(self) -> bool:
        return self.failure is None and (self.done or len(self._ended) >= self._choices)

    def feed(self, events: list[SseEvent]) -> list[Frame]:
        """The frames of these events, up to the answer's end or its failure."""
        frames: list[Frame] = []
        for event in events:
            data = event.data
            if data == b"[DONE]":
                self._end(frames)
                break
            if event.event == b"error":
                self.failure = failures.stream_error(error_in(data))
                break
            try:
                kind = self._read(data, event.event)
            except GARBLED:
                if data.isspace():
                    continue
                self.failure = failures.garbled("json")
            if self.failure is not None:
                break
            frames.append(data_frame(kind, data))
        self._reply.events += len(frames)
        return frames

    def _end(self, frames: list[Frame]) -> None:
        if frames or self._reply.events:
            self.done = True
        else:
            self.failure = failures.garbled("empty")

    def _read(self, data: bytes, name: bytes) -> Kind:
        """Take note of a chunk; its kind, unless ``failure`` is set.

        An object under a name of its own need not be a chunk.
        """
        chunk = _CHUNK.read(data)
        usage, choices = chunk.usage, chunk.choices
        if usage is not None:
            self._reply.usage = usage
        if chunk.id and self._reply.provider_id is None:
            self._reply.provider_id = str(chunk.id)
        if choices and chunk.error is None:
            for choice in choices:
                if choice.finish_reason:
                    self._ended.add(choice.index)
            return Kind.DIALECT
        if chunk.error is not None:
            self.failure = failures.stream_error(chunk.error)
        elif usage is not None:
            return Kind.USAGE
        elif choices is msgspec.UNSET and name in _CHUNKS:
            self.failure = _no_chunk(data)
        return Kind.DIALECT


def decode_whole(body: bytes, reply: Reply) -> Frame:
    """The one frame of a whole answer; its bytes as they came unless it spans lines.

    Raises:
        ProviderFailure: it is no chat completion, or holds an error.
    """
    try:
        whole = _WHOLE.read(body)
    except GARBLED as error:
        raise ProviderFailure(failures.garbled("json")) from error
    if whole.error is not None:
        raise ProviderFailure(failures.stream_error(whole.error))
    if whole.choices is msgspec.UNSET:
        raise ProviderFailure(_no_chunk(body))
    # In valid JSON these stand between tokens only, where they mean nothing.
    body = body.translate(None, b"\r\n")
    reply.usage = whole.usage
    reply.provider_id = str(whole.id) if whole.id else None
    reply.events = 1
    return data_frame(Kind.WHOLE, body)


def _no_chunk(data: bytes) -> Failure:
    """Of an object without choices: some servers send an error's fields bare."""
    fields = json.loads(data)
    if fields.get("object") == "error" or fields.get("type") == "error":
        return failures.stream_error(fields)
    return failures.garbled("chunk")
