"""The chat dialect's answers: events in, frames out, and whether the answer is complete.

A chunk is decoded only as far as is needed to know that it is plain and what it ends; its
bytes go on as they came. What is not plain is mended first (``broker.dialects.chat.shape``). An
answer is complete on ``[DONE]``, or once every choice has a finish reason and nothing came behind
it; an answer without a single chunk is none.
"""

import json
from typing import Any

import msgspec

from broker.dialects.chat.shape import Shape, mended_whole
from broker.dialects.chat.usage import usage_in
from broker.dialects.chat.words import meaning
from broker.dialects.wire import decode_object, encode
from broker.frames import Frame, Kind, data_frame
from broker.model import Failure
from workers.providers import failures
from workers.providers.base import ProviderFailure, Reply
from workers.providers.payload import GARBLED, Payload, error_in
from workers.providers.splitter import SseEvent


class _Delta(msgspec.Struct, gc=False):
    content: Any = None
    tool_calls: list[msgspec.Raw] | None = None
    function_call: dict[str, Any] | None = None
    error: Any = None


class _Choice(msgspec.Struct, gc=False):
    """``index`` of a plain choice is there."""

    index: int = -1
    delta: _Delta | None = None
    finish_reason: str | None = None
    message: dict[str, Any] | None = None
    text: str | None = None
    error: Any = None
    usage: dict[str, Any] | None = None


class _Chunk(msgspec.Struct, gc=False):
    id: Any = None
    choices: list[_Choice] | msgspec.UnsetType | None = msgspec.UNSET
    usage: dict[str, Any] | None = None
    error: Any = None
    x_groq: dict[str, Any] | None = None


class _Whole(msgspec.Struct):
    id: Any = None
    choices: list[Any] | msgspec.UnsetType = msgspec.UNSET
    usage: dict[str, Any] | None = None
    error: Any = None


_CHUNKS = frozenset((b"", b"message"))  # names under which nothing but chunks may come
_DONE = frozenset((b"[DONE]", b"DONE"))  # in whatever quotes
_CHUNK = Payload(_Chunk, lambda chunk: (chunk.id, chunk.usage))
_ANY = Payload(dict[str, Any], lambda chunk: (chunk.get("id"), chunk.get("usage")))
_WHOLE = Payload(_Whole, lambda whole: (whole.id, whole.usage))
_IDLE = (
    b'"content":"',
    b'"reasoning_content":"',
    b'"reasoning":"',
    b'"refusal":"',
    b'"arguments":"',
    b'"obfuscation":"',
)


class ChatDecoder:
    """Decodes one streamed answer of ``choices`` choices, and keeps ``reply`` up to date.

    See ``upstream.Decoder``. ``sure``: what came agrees with how it ends; where a finish reason
    was followed by more, none of them tells that nothing is missing.
    """

    def __init__(self, reply: Reply, choices: int = 1) -> None:
        self.done = False
        self.failure: Failure | None = None
        self.idle: tuple[bytes, ...] = _IDLE
        self.sure = True
        self._reply = reply
        self._choices = choices
        self._one = choices == 1
        self._shape = Shape(choices)
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
                kind = self._read(data, event.event, frames)
            except GARBLED:
                if data.isspace():
                    continue
                if data.strip(b" \"'").upper() in _DONE:
                    self._end(frames)
                    break
                self.failure = failures.garbled("json")
            if self.failure is not None:
                break
            if kind is not None:
                frames.append(data_frame(kind, data))
        self._reply.events += len(frames)
        return frames

    def _end(self, frames: list[Frame]) -> None:
        if frames or self._reply.events:
            self.done = True
        else:
            self.failure = failures.garbled("empty")

    def _read(self, data: bytes, name: bytes, frames: list[Frame]) -> Kind | None:
        """Take note of a chunk; its kind, unless ``failure`` is set. None: it was mended, and what
        came of it is among the frames.

        An object under a name of its own need not be a chunk.
        """
        try:
            chunk = _CHUNK.read(data)
        except GARBLED:
            return self._read_odd(data, name, frames)
        usage, choices = chunk.usage, chunk.choices
        if choices and chunk.error is None:
            if not self._plain(choices):
                return self._read_odd(data, name, frames)
            if usage is not None:
                self._reply.usage = usage
            elif chunk.x_groq:
                self._count({"x_groq": chunk.x_groq})
            if chunk.id and self._reply.provider_id is None:
                self._reply.provider_id = str(chunk.id)
            return Kind.DIALECT
        if usage is not None:
            self._reply.usage = usage
        if chunk.id and self._reply.provider_id is None:
            self._reply.provider_id = str(chunk.id)
        if chunk.error is not None:
            self.failure = failures.stream_error(chunk.error)
        elif usage is not None:
            return Kind.USAGE
        elif choices is msgspec.UNSET and name in _CHUNKS:
            self.failure = _no_chunk(data)
            return None
        return Kind.DIALECT

    def _plain(self, choices: list[_Choice]) -> bool:
        """Whether there is nothing to mend in them, and nothing that ends the answer."""
        if self._ended or (self._one and len(choices) > 1):
            return False
        for choice in choices:
            delta, index = choice.delta, choice.index
            if delta is None or choice.finish_reason or (index and (self._one or index < 0)):
                return False
            if delta.tool_calls or delta.function_call or delta.error is not None:
                return False
            if choice.message or choice.text or choice.usage or choice.error is not None:
                return False
            if delta.content:
                if type(delta.content) is dict:
                    return False
                self._shape.spoken = True
        return True

    def _read_odd(self, data: bytes, name: bytes, frames: list[Frame]) -> Kind | None:
        """The same of a chunk that is not plain.

        Raises:
            ValueError, RecursionError: it is no chunk.
        """
        chunk = _ANY.read(data)
        choices = chunk.get("choices")
        if choices is not None and not isinstance(choices, list):
            raise ValueError(choices)
        if not all(isinstance(choice, dict) for choice in choices or ()):
            raise ValueError(choices)
        if chunk.get("id") and self._reply.provider_id is None:
            self._reply.provider_id = str(chunk["id"])
        self._count(chunk)
        error = chunk.get("error")
        if error is None:
            error = next((fault for each in choices or () if (fault := _fault(each))), None)
        if error is not None:
            self.failure = failures.stream_error(error)
            return None
        if choices is None and "choices" not in chunk and name in _CHUNKS:
            self.failure = _no_chunk(data)
            return None
        mended = self._shape.mend(chunk)
        for each in mended:
            self._note(each.get("choices") or [])
        if len(mended) == 1 and mended[0] is chunk:
            return Kind.USAGE if not choices and chunk.get("usage") else Kind.DIALECT
        self.idle = ()  # what is mended by what came before it is not passed by
        frames += (data_frame(Kind.DIALECT, encode(each)) for each in mended)
        return None

    def _note(self, choices: list[dict[str, Any]]) -> None:
        """Take note of what the choices of a chunk, mended by now, end."""
        for place, choice in enumerate(choices):
            index = choice.get("index")
            index = index if type(index) is int else place
            delta = choice.get("delta")
            says = isinstance(delta, dict) and any(
                value for key, value in delta.items() if key not in ("role", "obfuscation")
            )
            if index in self._ended and says:
                self.sure = False
                self._ended.discard(index)
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason:
                self._ended.add(index)
                self.idle = ()  # what comes behind an end is looked at

    def _count(self, chunk: dict[str, Any]) -> None:
        usage = usage_in(chunk)
        if usage is not None:
            self._reply.usage = usage


def decode_whole(body: bytes, reply: Reply, choices: int = 1) -> Frame:
    """The one frame of a whole answer; its bytes as they came unless it spans lines, or has to be
    mended.

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
        raise ProviderFailure(_no_chunk(body) or failures.garbled("chunk"))
    if not whole.choices:
        raise ProviderFailure(failures.garbled("empty"))
    for choice in whole.choices:
        if isinstance(choice, dict) and (fault := _fault(choice)) is not None:
            raise ProviderFailure(failures.stream_error(fault))
    mended = mended_whole({"choices": whole.choices}, choices)
    if mended is None:
        # In valid JSON these stand between tokens only, where they mean nothing.
        body = body.translate(None, b"\r\n")
    else:
        fields = decode_object(body) or {}
        body = encode({**fields, "choices": mended["choices"]})
    reply.usage = whole.usage
    if reply.usage is None:
        reply.usage = usage_in({"choices": whole.choices})
    reply.provider_id = str(whole.id) if whole.id else None
    reply.events = 1
    return data_frame(Kind.WHOLE, body)


def _fault(choice: dict[str, Any]) -> Any:
    """The error in a choice, or in place of its reason to end; None: there is none."""
    for holder in (choice, choice.get("delta"), choice.get("message")):
        if isinstance(holder, dict) and holder.get("error") is not None:
            return holder["error"]
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and meaning(reason) == "fault":
        return {"message": f"The provider ended its answer with '{reason}'."}
    return None


def _no_chunk(data: bytes) -> Failure | None:
    """Of an object without choices: some servers send an error's fields bare. None: a ping."""
    fields = json.loads(data)
    if fields.get("type") == "ping" and len(fields) == 1:
        return None
    if fields.get("object") == "error" or fields.get("type") == "error":
        return failures.stream_error(fields)
    return failures.garbled("chunk")
