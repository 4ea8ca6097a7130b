"""Responses events, read. Kinds of events and items that nobody asked for are passed over."""

from collections.abc import Iterator
from typing import Any

from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    Event,
    RefusalDelta,
    Signed,
    Start,
    Stop,
    StopReason,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.reading.calls import Calls
from broker.dialects.neutral.signature import unseal


class ResponsesReader:
    """Reads one answer. ``fallback`` is its id where the provider gives none."""

    def __init__(self, fallback: str = "") -> None:
        self._id = fallback
        self._started = False
        self._stopped = False
        self._refused = False
        self._calls = Calls()
        self._spoken: set[int] = set()  # items of which some text came in deltas

    def feed(self, event: dict[str, Any]) -> list[Event]:
        """The events of one event."""
        return list(self._read(event))

    def whole(self, answer: dict[str, Any]) -> list[Event]:
        """The events of a whole response."""
        found = self.feed({"type": "response.created", "response": answer})
        output = answer.get("output")
        for index, item in enumerate(output if isinstance(output, list) else ()):
            for kind in ("added", "done"):
                event = {"type": f"response.output_item.{kind}", "output_index": index}
                found += self.feed({**event, "item": item})
        status = answer.get("status") or "completed"
        return found + self.feed({"type": f"response.{status}", "response": answer}) + self.end()

    def end(self) -> list[Event]:
        """The answer is complete: what remains to be said."""
        return list(self._stop({}))

    def _read(self, event: dict[str, Any]) -> Iterator[Event]:
        kind, delta = event.get("type"), event.get("delta")
        response = event.get("response")
        place = event.get("output_index", 0)
        if not self._started and isinstance(response, dict):
            self._started = True
            self._id = response.get("id") or self._id
            yield Start(self._id, response.get("model") or "")
        match kind:
            case "response.output_item.added":
                yield from self._begin(place, event.get("item") or {})
            case "response.output_item.done":
                yield from self._end(place, event.get("item") or {})
            case "response.reasoning_summary_part.added" if event.get("summary_index"):
                yield ThoughtDelta("\n\n")
            case "response.function_call_arguments.delta" if isinstance(delta, str):
                yield from self._calls.more(place, delta)
            case "response.completed" | "response.incomplete" if isinstance(response, dict):
                yield from self._stop(response)
                if isinstance(response.get("usage"), dict):
                    yield usage.from_responses(response["usage"])
            case "response.failed" if isinstance(response, dict):
                yield errors.from_openai(response.get("error"))
            case "error":
                yield errors.from_openai(event.get("error") or event)
            case _ if isinstance(delta, str) and delta:
                yield from self._delta(kind, place, delta)

    def _delta(self, kind: Any, place: int, delta: str) -> Iterator[Event]:
        match kind:
            case "response.output_text.delta":
                yield TextDelta(delta)
            case "response.refusal.delta":
                self._refused = True
                yield RefusalDelta(delta)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield ThoughtDelta(delta)
            case _:
                return
        self._spoken.add(place)

    def _begin(self, place: int, item: dict[str, Any]) -> Iterator[Event]:
        if item.get("type") == "function_call":
            id, name = item.get("call_id") or "", item.get("name") or ""
            yield from self._calls.begin(place, id, name, self._id)

    def _end(self, place: int, item: dict[str, Any]) -> Iterator[Event]:
        """An item is whole; of one that came without deltas, what it says."""
        if item.get("type") == "function_call":
            if not self._calls.knows(place):
                yield from self._begin(place, item)
            if self._calls.silent(place):
                yield from self._calls.more(place, item.get("arguments"))
            yield from self._calls.end(place)
            return
        if place not in self._spoken:
            yield from self._said(item)
        sealed = item.get("encrypted_content")
        if item.get("type") == "reasoning" and isinstance(sealed, str) and sealed:
            yield Signed(unseal(sealed, "responses", item.get("id") or ""))

    def _said(self, item: dict[str, Any]) -> Iterator[Event]:
        parts = [*(item.get("summary") or ()), *(item.get("content") or ())]
        for part in parts:
            match part:
                case {"type": "output_text", "text": str(text)} if text:
                    yield TextDelta(text)
                case {"type": "refusal", "refusal": str(text)} if text:
                    self._refused = True
                    yield RefusalDelta(text)
                case {"type": "summary_text" | "reasoning_text", "text": str(text)} if text:
                    yield ThoughtDelta(text)

    def _stop(self, response: dict[str, Any]) -> Iterator[Event]:
        if self._stopped:
            return
        self._stopped = True
        yield from self._calls.end_all()
        reason: StopReason = "end"
        if response.get("status") == "incomplete":
            details = response.get("incomplete_details") or {}
            reason = "filter" if details.get("reason") == "content_filter" else "length"
        elif self._calls.any:
            reason = "tool_calls"
        elif self._refused:
            reason = "refusal"
        yield Stop(reason)
