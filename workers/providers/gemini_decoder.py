"""Gemini's answers: events in, frames out, and whether the answer is complete.

Its events are whole ``GenerateContentResponse`` objects and have no last one: the body ends.
An answer is complete if it ends after a ``finishReason``, or after the word that the prompt
was blocked. The bytes go on as they came; ``translated`` makes the caller's events of them.
"""

from typing import Any, ClassVar

from broker.dialects.neutral.reading.gemini_shape import (
    candidates_of,
    counts_of,
    named,
    parts_of,
)
from broker.frames import Frame, Kind, data_frame
from broker.model import Failure
from workers.providers import failures, gemini_failures
from workers.providers.base import ProviderFailure, Reply
from workers.providers.payload import GARBLED, Payload
from workers.providers.splitter import SseEvent


class GeminiDecoder:
    """Decodes one streamed answer, and keeps ``reply`` up to date.

    ``failure`` is set by the event that makes the answer a failure; frames before it stand.
    """

    idle: ClassVar[tuple[bytes, ...]] = ()

    def __init__(self, reply: Reply) -> None:
        self.done = False  # never before the body's end
        self.sure = True  # one reason to end is; one in every event tells nothing
        self.failure: Failure | None = None
        self._reply = reply
        self._ended = False

    @property
    def finished(self) -> bool:
        return self.failure is None and self._ended

    def feed(self, events: list[SseEvent]) -> list[Frame]:
        """The frames of these events, up to the answer's failure."""
        frames: list[Frame] = []
        for event in events:
            if event.data.isspace() or (self._ended and event.data == b"[DONE]"):
                continue
            chunk = _read(event.data)
            self.failure = _fault(chunk)
            if chunk is None or self.failure is not None:
                break
            try:
                self._take(chunk)
            except (AttributeError, TypeError):
                self.failure = failures.garbled("event")
                break
            if self._ended:  # until then the counts are of what came so far
                self._reply.usage = self._reply.said
            frames.append(data_frame(Kind.DIALECT, event.data))
        self._reply.events += len(frames)
        return frames

    def _take(self, chunk: dict[str, Any]) -> None:
        if self._ended and self.sure:
            self.sure = not _says(chunk)
        if _note(chunk, self._reply):
            self._ended = True


def decode_whole(body: bytes, reply: Reply) -> Frame:
    """The one frame of a whole answer.

    Raises:
        ProviderFailure: it is none, or holds an error.
    """
    chunk = _read(body)
    failure = _fault(chunk)
    if chunk is None or failure is not None:
        raise ProviderFailure(failure or failures.garbled("json"))
    try:
        _note(chunk, reply)
    except (AttributeError, TypeError) as error:
        raise ProviderFailure(failures.garbled("event")) from error
    reply.usage = reply.said
    reply.events = 1
    return data_frame(Kind.WHOLE, body.translate(None, b"\r\n"))


def _kept(chunk: dict[str, Any]) -> Any:
    chunk = named(chunk)
    return chunk.get("responseId"), chunk.get("usageMetadata")


_CHUNK = Payload(dict[str, Any], _kept)


def _read(data: bytes) -> dict[str, Any] | None:
    try:
        return named(_CHUNK.read(data))
    except GARBLED:
        return None


def _fault(chunk: dict[str, Any] | None) -> Failure | None:
    if chunk is None:
        return failures.garbled("json")
    if chunk.get("error") is not None:
        return gemini_failures.stream_error(chunk["error"])
    if chunk.keys().isdisjoint(("candidates", "promptFeedback", "usageMetadata")):
        return failures.garbled("chunk")
    return None


def _says(chunk: dict[str, Any]) -> bool:
    """Whether there is content in it."""
    return any(any(parts_of(candidate)) for candidate in candidates_of(chunk))


def _note(chunk: dict[str, Any], reply: Reply) -> bool:
    """Keep the reply up to date; tell whether the answer ends with this."""
    if "usageMetadata" in chunk and (counts := counts_of(chunk)) is not None:
        reply.said = (reply.said or {}) | counts
    if reply.provider_id is None and isinstance(chunk.get("responseId"), str):
        reply.provider_id = chunk["responseId"]
    if candidates := chunk.get("candidates"):
        if type(candidates) is list and len(candidates) == 1:  # nearly always
            return bool(named(candidates[0]).get("finishReason"))
        return any(candidate.get("finishReason") for candidate in candidates_of(chunk))
    feedback = chunk.get("promptFeedback")
    return isinstance(feedback, dict) and bool(named(feedback).get("blockReason"))
