"""Responses events, written, but for ``sequence_number``, which whoever frames them counts.

Every piece of an answer is an item of its own, one after another; the last event holds them
all. Ids of items are made of the answer's, so that the same answer gives the same bytes.
"""

from collections.abc import Mapping
from typing import Any

from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    RefusalDelta,
    Signed,
    Start,
    Stop,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.given import Given
from broker.dialects.neutral.sequence import Sequence
from broker.dialects.neutral.signature import Signature, seal
from broker.dialects.neutral.usage import Usage
from broker.dialects.neutral.writing.item import (
    Call,
    CustomCall,
    Item,
    SearchCall,
    Spoken,
    Thinking,
)
from broker.dialects.responses.echo import echoed

_INCOMPLETE = {"length": "max_output_tokens", "filter": "content_filter"}


class ResponsesWriter:
    """Writes one answer.

    ``created`` is Unix seconds; ``request`` is repeated in the response. ``given`` has what
    functions stand for, by their names; ``name`` is what ids of items are made of (empty: the
    provider's id of the answer).
    """

    def __init__(
        self,
        created: int,
        request: dict[str, Any] | None = None,
        given: Mapping[str, Given] | None = None,
        name: str = "",
    ) -> None:
        self._given = given or {}
        self._name = name
        self._usage: dict[str, Any] | None = None
        self._sequence = Sequence()
        self._stop = Stop("end")
        self._items: list[dict[str, Any]] = []
        self._open: Item | None = None
        self._refused = False
        self._response: dict[str, Any] = {
            "id": "",
            "object": "response",
            "created_at": created,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": "",
            "output": [],
            "usage": None,
            **echoed(request or {}),
        }

    def feed(self, event: Event) -> list[dict[str, Any]]:
        """The events that say it, by now or as soon as it is its turn."""
        return [out for each in self._sequence.feed(event) for out in self._write(each)]

    def end(self) -> list[dict[str, Any]]:
        """The answer is complete."""
        closed = self._close()
        reason = _INCOMPLETE.get(self._stop.reason)
        if self._stop.reason == "refusal" and not self._refused:  # nothing else would tell it
            reason = "content_filter"
        status = "incomplete" if reason else "completed"
        details = {"reason": reason} if reason else None
        return [*closed, self._last(status, incomplete_details=details, usage=self._usage)]

    def _last(self, status: str, **fields: Any) -> dict[str, Any]:
        response = {**self._response, **fields, "status": status, "output": self._items}
        return {"type": f"response.{status}", "response": response}

    def _write(self, event: Event) -> list[dict[str, Any]]:
        match event:
            case Start(id, model):
                self._response |= {"id": id, "model": model}
                kinds = ("response.created", "response.in_progress")
                return [{"type": kind, "response": dict(self._response)} for kind in kinds]
            case TextDelta(text):
                return self._say("output_text", text)
            case RefusalDelta(text):
                self._refused = True
                return self._say("refusal", text)
            case ThoughtDelta(text):
                return self._think(text)
            case Signed(signature):
                return self._sign(signature)
            case CallStart(_, id, name):
                return self._begin(self._call(id, name))
            case ArgumentsDelta(_, text):
                assert self._open is not None
                return self._open.more(text)
            case Usage():
                self._usage = usage.to_responses(event)
            case Stop():
                self._stop = event
                return self._close()
            case Failed():
                error = errors.to_openai(event)
                fields = {"code": error["code"], "message": error["message"]}
                return [*self._close(), self._last("failed", error=fields)]
        return []

    def _next(self, prefix: str) -> tuple[str, int]:
        """Id and place of the next item."""
        place = len(self._items) + (self._open is not None)
        return f"{prefix}_{self._name or self._response['id']}_{place}", place

    def _call(self, id: str, name: str) -> Item:
        """The call of a function, in the caller's words for it."""
        given = self._given.get(name) or Given("function", name)
        match given.kind:
            case "custom":
                return CustomCall(*self._next("ctc"), id, given.name, given.namespace)
            case "search":
                return SearchCall(*self._next("tsc"), id)
            case _:
                return Call(*self._next("fc"), id, given.name, given.namespace)

    def _say(self, kind: str, text: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if not (isinstance(self._open, Spoken) and self._open.kind == kind):
            found = self._begin(Spoken(*self._next("msg"), kind=kind))
        assert self._open is not None
        return found + self._open.more(text)

    def _think(self, text: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if not isinstance(self._open, Thinking):
            found = self._begin(Thinking(*self._next("rs")))
        assert self._open is not None
        return found + self._open.more(text)

    def _sign(self, signature: Signature) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if not isinstance(self._open, Thinking):
            found = self._begin(Thinking(*self._next("rs")))
        assert isinstance(self._open, Thinking)
        self._open.sealed = seal(signature, "responses", self._open.id)
        return found + self._close()

    def _begin(self, item: Item) -> list[dict[str, Any]]:
        found = self._close()
        self._open = item
        return found + item.begin()

    def _close(self) -> list[dict[str, Any]]:
        if self._open is None:
            return []
        item, self._open = self._open, None
        found = item.end()
        self._items.append(item.whole("completed"))
        return found
