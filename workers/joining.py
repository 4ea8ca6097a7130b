"""Joining: how a later attempt's frames go on in a stream that an earlier one has begun.

A lost answer is read back from its own stream, whether this worker wrote it or one that is
dead: there is one machinery for both. The pure part is in ``broker.dialects.chat``:
``Transcript`` says where the answer stands, ``Joint`` fits the new chunks to it.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from broker.codec import Template
from broker.dialects.chat import Diverged, Joint, Transcript, decode_object, encode, whole_chunk
from broker.dialects.chat.usage import tokens
from broker.frames import Frame, Kind, data_frame, data_of
from broker.model import Failure
from broker.routing import Mode
from broker.store import Store
from broker.tail import Segment
from workers.providers.base import ProviderFailure
from workers.providers.failures import garbled

_PAGE = 512  # entries a read
_MOST_HELD = 16 * 1024 * 1024  # bytes of tool calls
_CALL = re.compile(rb'"(?:tool_calls|function_call)"')
_LIMITS = ("max_tokens", "max_completion_tokens")


class Back(NamedTuple):
    """A stream as it was read back: its frames from the first on, and the last one's number."""

    frames: list[Frame]
    templates: dict[int, Template]
    last: int


async def read_back(store: Store, key: str) -> Back:
    """The whole of a stream.

    Raises:
        StoreAway, JobGone.
    """
    frames: list[Frame] = []
    cursor = 0
    while True:
        entries = await store.streams.read(key, cursor, _PAGE)
        for last, payload in entries.rows:
            # A page may begin within an entry: an ended stream's are put together meanwhile.
            segment = Segment.decoded(last, payload, entries.templates)
            frames += segment.after(cursor).frames
            cursor = last
        if len(entries.rows) < _PAGE:
            return Back(frames, entries.templates, cursor)


class Joining:
    """One attempt's way into a stream that was begun. ``spent`` is the usage before it."""

    def __init__(
        self, transcript: Transcript, mode: Mode, prefill: bool | str, spent: dict[str, Any] | None
    ) -> None:
        self._mode = mode
        self._prefill = prefill
        self._said = transcript.text()
        self._length = transcript.length
        self._joint = Joint(transcript, "continue" if mode == "continue" else "replay", spent)

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        """What to ask: the same again, or with the partial answer as the last message."""
        if self._mode != "continue":
            return request
        partial: dict[str, Any] = {"role": "assistant", "content": self._said}
        if isinstance(self._prefill, str):
            partial[self._prefill] = True
        asked = {**request, "messages": [*request["messages"], partial]}
        for key in _LIMITS:
            if isinstance(asked.get(key), int):
                asked[key] = max(1, asked[key] - tokens(self._length))
        return asked

    def join(self, frames: Sequence[Frame]) -> list[Frame]:
        """The frames as they go on in the stream; fewer, where nothing is left of one.

        Raises:
            ProviderFailure: a replay said something else.
        """
        joined: list[Frame] = []
        for frame in frames:
            data = data_of(frame.body)
            for chunk in _chunks_of(data) if frame.kind == Kind.WHOLE else (data,):
                joined += self._fit(chunk)
        return joined

    def end(self) -> None:
        """The attempt has said all it had to say.

        Raises:
            ProviderFailure: a replay was shorter than what was delivered.
        """
        try:
            self._joint.end()
        except Diverged as error:
            raise ProviderFailure(_diverged(error)) from error

    def judged(self, failure: Failure) -> Failure:
        """What an attempt's failure means for the job.

        A target that refuses to go on from a partial answer is at fault, not the call.
        """
        if self._mode == "continue" and failure.remedy == "final":
            return msgspec.structs.replace(failure, remedy="next")
        return failure

    def _fit(self, data: bytes) -> list[Frame]:
        try:
            chunks = self._joint.feed(data)
        except Diverged as error:
            raise ProviderFailure(_diverged(error)) from error
        return [data_frame(_kind_of(chunk), chunk) for chunk in chunks]


def _chunks_of(answer: bytes) -> list[bytes]:
    """A whole answer as the chunks that end a stream: all it says, and its usage."""
    whole = decode_object(answer) or {}
    chunk = whole_chunk(whole, include_usage=False)
    usage = whole.get("usage")
    ending = [encode({**chunk, "choices": [], "usage": usage})] if usage else []
    return [encode(chunk), *ending]


def _kind_of(chunk: bytes) -> Kind:
    """A chunk's kind as its provider's decoder tells them apart."""
    if b'"usage":{' not in chunk or b'"choices":[{' in chunk:
        return Kind.DIALECT
    read = decode_object(chunk) or {}
    return Kind.USAGE if read.get("usage") and not read.get("choices") else Kind.DIALECT


class ToolCalls:
    """Holds tool calls back until the answer is whole, so that readers never see half of one.

    From the first piece of a tool call on nothing is passed on; if the attempt is lost, what
    was held is dropped with it, and another can take its place unseen.
    """

    def __init__(self) -> None:
        self._held: list[Frame] = []
        self._size = 0

    def pass_on(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """The frames that may be delivered now.

        Raises:
            ProviderFailure: more would have to be held than is sensible.
        """
        if self._held:
            self._hold(frames)
            return ()
        for place, frame in enumerate(frames):
            if _CALL.search(frame.body) and _begins_call(frame):
                self._hold(frames[place:])
                return frames[:place]
        return frames

    def _hold(self, frames: Sequence[Frame]) -> None:
        self._held += frames
        self._size += sum(len(frame.body) for frame in frames)
        if self._size > _MOST_HELD:
            raise ProviderFailure(garbled("tool_calls_too_large"))

    def release(self) -> list[Frame]:
        """What was held, of an answer that is whole."""
        return self._held


def _begins_call(frame: Frame) -> bool:
    chunk = decode_object(data_of(frame.body)) if frame.kind == Kind.DIALECT else None
    choices = chunk.get("choices") if chunk is not None else None
    deltas = [
        choice.get("delta")
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, dict)
    ]
    return any(
        isinstance(delta, dict) and (delta.get("tool_calls") or delta.get("function_call"))
        for delta in deltas
    )


def _diverged(error: Diverged) -> Failure:
    return Failure(
        type="replay_diverged",
        message=f"The answer was lost, and run again it came out differently: {error}.",
        status=502,
        remedy="final",
        retryable=True,
    )
