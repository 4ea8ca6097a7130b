"""The responses dialect's answers: events in, frames out, and how the answer ended.

An event is decoded as far as is needed to know what it is; ``Inbound`` then gives the broker's
ids to it. An answer is complete on ``response.completed`` or ``response.incomplete``; items that
were done and are missing in that are put in. On
``response.failed`` the attempt has failed, whatever came before: its frame is not given, but
kept as the ``parting`` one, for the readers of a job that no other attempt can save.
"""

import json
import re
from typing import Any, ClassVar

import msgspec

from broker.dialects.native import OWN
from broker.dialects.responses import Inbound
from broker.dialects.responses.event import fields_of, made_frame, named
from broker.dialects.responses.gathered import ENDS, LIFE
from broker.dialects.responses.shape import EVENTS, mended, mended_response
from broker.dialects.responses.told import tell
from broker.dialects.wire import decode_object, encode
from broker.frames import Frame
from broker.model import Failure
from workers.providers import failures
from workers.providers.base import ProviderFailure, Reply
from workers.providers.payload import GARBLED, Payload
from workers.providers.splitter import SseEvent


class _Response(msgspec.Struct, gc=False):
    id: Any = None
    status: Any = None
    usage: dict[str, Any] | None = None
    error: Any = None
    output: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    sequence_number: Any = None
    response: _Response | None = None
    error: Any = None
    output_index: Any = None


def _kept(event: _Event) -> Any:
    response = event.response
    return None if response is None else (response.id, response.usage)


_event = Payload(_Event, _kept)
_response = Payload(_Response, lambda response: (response.id, response.usage))
_COMPLETE = frozenset(ENDS[:2])
_LIFE = frozenset(LIFE)
# Events that have arguments or the like in them, and what those begin with that are no texts.
_ADDED = "response.output_item.added"
_DELTA, _DONE = (f"response.function_call_arguments.{verb}" for verb in ("delta", "done"))
_TEXTUAL = frozenset((*EVENTS, _ADDED, "response.output_item.done", *ENDS))
_ODD = re.compile(rb'"(?:arguments|input|delta)"\s*:\s*(?![\s"n])')
_ENDED = frozenset(("completed", "incomplete", "failed"))


class ResponsesDecoder:
    """Decodes one streamed answer, and keeps ``reply`` up to date.

    ``failure`` is set by the event that makes the answer a failure; frames before it stand.
    ``done`` says that nothing after this is part of the answer. ``numbered``: the events'
    own numbers are cursors; ``from_start``: the answer is told from its first event on.
    """

    idle: ClassVar[tuple[bytes, ...]] = ()  # its events are numbered anew
    sure: ClassVar[bool] = True

    def __init__(
        self, reply: Reply, inbound: Inbound, *, numbered: bool = False, from_start: bool = True
    ) -> None:
        self.done = False
        self.failure: Failure | None = None
        self._reply = reply
        self._inbound = inbound
        self._numbered = numbered
        self._from_start = from_start
        self._items: dict[int, bytes] = {}  # events of items that are done
        self._argued = False  # whether the arguments of the last item came in deltas
        self._ahead: Frame | None = None  # what goes before the frame of the event

    @property
    def finished(self) -> bool:
        """Whether the answer is complete if it ends here."""
        return self.done

    def feed(self, events: list[SseEvent]) -> list[Frame]:
        """The frames of these events, up to the answer's end or its failure."""
        frames: list[Frame] = []
        for event in events:
            data = event.data
            if data == b"[DONE]" or data.isspace():
                continue  # some servers say the former, after an end or in place of one
            try:
                frame = self._read(event)
            except GARBLED:
                self.failure = failures.garbled("json")
            if self.failure is not None:
                break
            if self._ahead is not None:
                frames.append(self._ahead)
                self._ahead = None
            frames.append(frame)
            if self.done:
                break
        self._reply.events += len(frames)
        return frames

    def _read(self, event: SseEvent) -> Frame:
        """The frame of an event; it is not to be used if ``failure`` is set."""
        data = event.data
        read = _event.read(data)
        kind = _kind_of(read, event)
        if kind == "error" or (read.error is not None and kind not in _LIFE):
            self.failure = failures.stream_error(_error_in(read, data))
        elif kind in OWN or not named(kind) or (kind in _LIFE and read.response is None):
            self.failure = failures.garbled("event")
        if self.failure is not None:
            return made_frame({"type": "error"})
        if read.type != kind:  # it stands in the event's name alone, or is another
            data = encode({**fields_of(data), "type": kind})
        if kind in _TEXTUAL:
            data = self._texts(kind, data, read)
        frame = self._inbound.frame(kind, data)
        if self._numbered and isinstance(read.sequence_number, int):
            self._reply.cursor = read.sequence_number
        if read.response is not None and kind in _LIFE:
            self._note(kind, read.response, frame)
        return frame

    def _texts(self, kind: str, data: bytes, read: _Event) -> bytes:
        """The data of an event that has a call's arguments, or a whole item, or all of them."""
        if kind in (_DELTA, _ADDED):
            self._argued = kind == _DELTA
        if _ODD.search(data):
            data = _mended(data)
            if kind == _DONE and not self._argued:  # clients go by deltas
                self._ahead = self._inbound.frame(_DELTA, _delta_of(data))
        if kind == "response.output_item.done" and type(read.output_index) is int:
            place = read.output_index
            if self._items.get(place, data) != data:  # some count none of them
                place = max(self._items) + 1
            self._items[place] = data
        elif kind in _COMPLETE and read.response is not None:
            data = self._filled(data, read.response)
        return data

    def _filled(self, data: bytes, response: _Response) -> bytes:
        """An end that leaves out items which were done, with them. Of an answer that was attached
        to in its middle not all of them are known here."""
        told = response.output if isinstance(response.output, list) else []
        if len(told) >= len(self._items) or not self._from_start:
            return data
        found = decode_object(data) or {}
        events = (decode_object(self._items[place]) or {} for place in sorted(self._items))
        items = [event["item"] for event in events if isinstance(event.get("item"), dict)]
        return encode({**found, "response": {**found["response"], "output": items}})

    def _note(self, kind: str, response: _Response, frame: Frame) -> None:
        _note_response(self._reply, response)
        if kind in _COMPLETE:
            self.done = True
            self._reply.ending = frame
        elif kind in ENDS:
            self.failure = failures.stream_error(response.error or {})
            self._reply.parting = frame


def decode_whole(body: bytes, reply: Reply, inbound: Inbound) -> list[Frame]:
    """The frames of a whole answer, which is told as events.

    Raises:
        ProviderFailure: it is no response that has ended, or it failed.
    """
    try:
        read = _response.read(body)
        whole = json.loads(body)
    except GARBLED as error:
        raise ProviderFailure(failures.garbled("json")) from error
    if str(read.status) not in _ENDED:
        error_object = read.error if read.status is None else None
        raise ProviderFailure(
            failures.garbled("response")
            if error_object is None
            else failures.stream_error(error_object)
        )
    _note_response(reply, read)
    whole = mended_response(whole)
    frames = [made_frame(event) for event in tell(inbound.response(whole))]
    if read.status == "failed":
        reply.parting = frames[-1]
        raise ProviderFailure(failures.stream_error(read.error or {}))
    reply.events = len(frames)
    reply.ending = frames[-1]
    return frames


def _kind_of(read: _Event, event: SseEvent) -> str:
    """An event's type; of an end that has another name, or is none, what its status tells."""
    kind = read.type or event.event.decode()
    if read.response is not None:
        status = read.response.status
        if kind == "response.done":
            return f"response.{status or 'completed'}"
        if kind in _COMPLETE and status == "failed":
            return ENDS[2]
    return kind


def _mended(data: bytes) -> bytes:
    told = decode_object(data) or {}
    found = mended(told)
    return data if found is told else encode(found)


def _delta_of(data: bytes) -> bytes:
    """The delta that says what this end of the arguments does."""
    told = decode_object(data) or {}
    text = told.pop("arguments", "")
    return encode({**told, "type": _DELTA, "delta": text})


def _note_response(reply: Reply, response: _Response) -> None:
    if response.usage is not None:
        reply.usage = response.usage
    if response.id and reply.provider_id is None:
        reply.provider_id = str(response.id)


def _error_in(event: _Event, data: bytes) -> object:
    """The error that an event is, or holds."""
    if event.error is not None:
        return event.error
    fields = json.loads(data)
    fields.pop("type", None)  # "error": of the event, and no word on what went wrong
    return fields
