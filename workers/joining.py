"""Joining: how a later attempt's frames go on in a stream that an earlier one has begun.

A lost answer is read back from its own stream, whether this worker wrote it or one that is
dead: there is one machinery for both. The pure part is in ``broker.dialects.chat``:
``Transcript`` says where the answer stands, ``Joint`` fits the new chunks to it.
"""

from collections.abc import Sequence
from typing import Any

from broker.codec import Template, decode
from broker.dialects.chat import Diverged, Joint, Transcript, decode_object, encode, whole_chunk
from broker.dialects.chat.usage import add, tokens
from broker.frames import Frame, Kind, data_frame, data_of
from broker.model import Failure
from broker.routing import Mode
from broker.store import Store
from workers.providers.base import ProviderFailure

_PAGE = 512  # entries a read
_LIMITS = ("max_tokens", "max_completion_tokens")


async def read_back(store: Store, key: str) -> tuple[list[Frame], dict[int, Template]]:
    """A stream's frames from the first on, and its templates.

    Raises:
        StoreAway, JobGone.
    """
    frames: list[Frame] = []
    cursor = 0
    while True:
        entries = await store.streams.read(key, cursor, _PAGE)
        for last, payload in entries.rows:
            frames += decode(payload, entries.templates)  # pages begin where entries do
            cursor = last
        if len(entries.rows) < _PAGE:
            return frames, entries.templates


class Joining:
    """One attempt's way into a stream that was begun. ``spent`` is the usage before it."""

    def __init__(
        self, transcript: Transcript, mode: Mode, prefill: bool | str, spent: dict[str, Any] | None
    ) -> None:
        self._transcript = transcript
        self._mode = mode
        self._prefill = prefill
        self._spent = spent
        self._said = transcript.text()
        self._length = transcript.length
        self._joint = Joint(transcript, "continue" if mode == "continue" else "replay")

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
            if frame.kind == Kind.USAGE:
                joined.append(data_frame(Kind.USAGE, self._summed(data)))
                continue
            if frame.kind == Kind.WHOLE:
                data = encode(whole_chunk(decode_object(data) or {}, include_usage=False))
            try:
                chunk = self._joint.feed(data)
            except Diverged as error:
                raise ProviderFailure(_diverged(error)) from error
            if chunk is not None:
                joined.append(data_frame(Kind.DIALECT, chunk))
        return joined

    def _summed(self, data: bytes) -> bytes:
        chunk = decode_object(data)
        if chunk is None:
            return data
        chunk.update({k: v for k, v in self._transcript.identity.items() if k in chunk})
        chunk["usage"] = add(self._spent, chunk.get("usage"))
        return encode(chunk)


class ToolCalls:
    """Holds tool calls back until the answer is whole, so that readers never see half of one.

    From the first piece of a tool call on nothing is passed on; if the attempt is lost, what
    was held is dropped with it, and another can take its place unseen.
    """

    def __init__(self) -> None:
        self._held: list[Frame] = []

    def pass_on(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """The frames that may be delivered now."""
        if self._held:
            self._held += frames
            return ()
        for place, frame in enumerate(frames):
            if b'"tool_calls"' in frame.body and _begins_call(frame):
                self._held += frames[place:]
                return frames[:place]
        return frames

    def release(self) -> list[Frame]:
        """What was held, of an answer that is whole."""
        return self._held


def _begins_call(frame: Frame) -> bool:
    chunk = decode_object(data_of(frame.body)) if frame.kind == Kind.DIALECT else None
    return chunk is not None and any(
        isinstance(choice, dict) and (choice.get("delta") or {}).get("tool_calls")
        for choice in chunk.get("choices") or ()
    )


def _diverged(error: Diverged) -> Failure:
    return Failure(
        type="replay_diverged",
        message=f"The answer was lost, and run again it came out differently: {error}.",
        status=502,
        remedy="final",
        retryable=True,
    )
