"""The chat dialect's answers: events in, frames out, and whether the answer is complete.

A chunk is decoded only as far as is needed to know that it is one and what it ends; its
bytes go on as they came. An answer is complete on ``[DONE]``, or once every choice has a
finish reason; an answer without a single chunk is none.

Providers cut text between the two halves of a surrogate pair, so a chunk may hold
``"\\ud83d"`` alone. JSON allows that and msgspec does not, not even in what it skips; what it
refuses is therefore put to the standard library before it is called garbled.
"""

import json
from typing import Any, NoReturn, TypeVar

import msgspec

from broker.frames import Frame, Kind, data_frame
from broker.model import Failure
from workers.providers import failures
from workers.providers.base import ProviderFailure, Reply
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
    choices: list[Any] | msgspec.UnsetType = msgspec.UNSET
    usage: dict[str, Any] | None = None
    error: Any = None


T = TypeVar("T", _Chunk, _Whole)

_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_whole = msgspec.json.Decoder(_Whole).decode
# RecursionError: nested too deep. ValueError has msgspec's, json's and Unicode's errors.
_GARBLED = (ValueError, RecursionError)


class ChatDecoder:
    """Decodes one streamed answer of ``choices`` choices, and keeps ``reply`` up to date.

    ``failure`` is set by the event that makes the answer a failure; frames before it stand.
    ``done`` says that nothing after this is part of the answer; ``finished`` that it is
    complete if it ends here.
    """

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
                self.failure = failures.stream_error(_error_in(data))
                break
            try:
                kind = self._read(data)
            except _GARBLED:
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

    def _read(self, data: bytes) -> Kind:
        """Take note of a chunk; its kind, unless ``failure`` is set."""
        try:
            chunk = _decode_chunk(data)
        except msgspec.DecodeError:
            chunk = _decode_surrogates(data, _Chunk)
        if not data.isascii():
            data.decode()  # msgspec does not look into strings that it skips
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
        elif choices is msgspec.UNSET:
            self.failure = _no_chunk(data)
        return Kind.DIALECT


def decode_whole(body: bytes, reply: Reply) -> Frame:
    """The one frame of a whole answer; its bytes as they came unless it spans lines.

    Raises:
        ProviderFailure: it is no chat completion, or holds an error.
    """
    try:
        whole = _read_whole(body)
    except _GARBLED as error:
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


def _read_whole(body: bytes) -> _Whole:
    body.decode()
    try:
        return _decode_whole(body)
    except msgspec.DecodeError:
        return _decode_surrogates(body, _Whole)


def _decode_surrogates(data: bytes, kind: type[T]) -> T:
    """Decode what msgspec refused, if a lone surrogate was all that was wrong with it.

    Raises:
        ValueError: it was not, or what is kept of it can't be stored as UTF-8.
        RecursionError: it is nested too deep.
    """
    found = msgspec.convert(json.loads(data.decode(), parse_constant=_no_constant), kind)
    msgspec.json.encode((found.id, found.usage))
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and the infinities are not JSON


def _no_chunk(data: bytes) -> Failure:
    """Of an object without choices: some servers send an error's fields bare."""
    fields = json.loads(data)
    if fields.get("object") == "error" or fields.get("type") == "error":
        return failures.stream_error(fields)
    return failures.garbled("chunk")


def _error_in(data: bytes) -> object:
    """The error object of an event that is named one."""
    try:
        decoded = msgspec.json.decode(data)
    except _GARBLED:
        return None
    return decoded.get("error", decoded) if isinstance(decoded, dict) else decoded
