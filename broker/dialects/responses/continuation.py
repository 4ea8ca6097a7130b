"""Continuing: the provider was given the delivered text and goes on from it.

Its first text goes into the message that was left open, its later items get the next places,
and its thoughts are left out: those behind the text went out before it. Whatever tells of a
whole (a text or an item that is done, the response at its end) tells of both parts.
"""

import copy
from typing import Any

from broker.dialects.responses.event import event_of, made_frame
from broker.dialects.responses.gathered import ENDS, LIFE
from broker.dialects.responses.told import tell
from broker.dialects.responses.transcript import Transcript
from broker.dialects.text import Growing
from broker.dialects.usage import add
from broker.frames import Frame, Kind

Event = dict[str, Any]
_KEPT = ("created_at", "model")  # what a response said of itself when it began


class Continuation:
    """See ``broker.dialects.dialect.Joint``. ``spent`` is what the attempts before cost."""

    def __init__(self, said: Transcript, spent: Event | None = None) -> None:
        self._spent = spent
        self._kept = {key: said.life[key] for key in _KEPT if key in said.life}
        self._items: dict[int, Event] = dict(enumerate(copy.deepcopy(said.output)))
        last = max(self._items)
        self._open: int | None = last if said.open else None  # the message left open
        self._part = len(self._items[last]["content"]) - 1  # of it, the one that grows
        self._text = Growing(self._items[last]["content"][self._part]["text"])  # of that part
        self._filling: Any = None  # the attempt's own index of what goes on in that message
        self._waiting: list[Event] = []  # a message's beginning: is it the open one's rest?
        self._places: dict[Any, int | None] = {}  # by the attempt's own index; None: left out

    def join(self, frame: Frame) -> list[Frame]:
        """What is to be written for a frame; none if nothing is left of it."""
        event = event_of(frame)
        if event is None:
            return [frame]
        events = tell(event) if frame.kind == Kind.WHOLE else [event]
        return [made_frame(fitted) for each in events for fitted in self._fit(each)]

    def end(self) -> None:
        """Nothing is owed."""

    def _fit(self, event: Event) -> list[Event]:
        kind = str(event.get("type"))
        if kind in LIFE:
            return self._end(event) if kind in ENDS else []
        index = event.get("output_index")
        if index is None:
            return [event]
        if kind == "response.output_item.added":
            return self._begin(index, event)
        if self._waiting:
            self._decide(kind, event)
            if self._filling is None:
                (begun,), self._waiting = self._waiting, []
                return [*self._place(index, begun), *self._fit(event)]
            self._waiting = []
        if index == self._filling:
            return self._fill(kind.removeprefix("response."), event)
        place = self._places.get(index, index)
        if place is None:
            return []
        if kind == "response.output_item.done":
            self._items[place] = event.get("item") or {}
        return [{**event, "output_index": place}]

    def _begin(self, index: Any, event: Event) -> list[Event]:
        item = event.get("item")
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "reasoning":
            self._places[index] = None
            return []
        if kind == "message" and self._open is not None and self._filling is None:
            self._waiting = [event]
            return []
        return self._place(index, event)

    def _decide(self, kind: str, event: Event) -> None:
        """Whether the message that has begun is the open one's rest: if it begins with text."""
        part = event.get("part")
        begun = part.get("type") if isinstance(part, dict) else None
        if begun == "output_text" or kind.startswith("response.output_text."):
            self._filling = event.get("output_index")

    def _place(self, index: Any, begun: Event) -> list[Event]:
        """An item of its own: the next one, after the end of what was open."""
        closed = self._close()
        place = self._places[index] = len(self._items)
        self._items[place] = begun.get("item") or {}
        return [*closed, {**begun, "output_index": place}]

    def _fill(self, kind: str, event: Event) -> list[Event]:
        """The events of the message that goes on in the open one."""
        assert self._open is not None
        content = self._items[self._open]["content"]
        place: Event = {"output_index": self._open}
        if kind == "output_item.done":
            item = event.get("item")
            told = item.get("content") if isinstance(item, dict) else None
            content += told[1:] if isinstance(told, list) else []
            return self._close()
        place |= {"item_id": self._items[self._open].get("id")}
        if (part := event.get("content_index")) is None:
            return [{**event, **place}]
        fitted = {**event, **place, "content_index": part + self._part}
        if part > 0:
            return [fitted]
        match kind:
            case "output_text.delta":
                self._text.add(event.get("delta") or "")
            case "output_text.done":
                fitted["text"] = content[self._part]["text"] = str(self._text)
            case "content_part.done":
                content[self._part]["text"] = str(self._text)
                fitted["part"] = {**(event.get("part") or {}), **content[self._part]}
            case "content_part.added":
                return []
        return [fitted]

    def _close(self) -> list[Event]:
        """The end of the open message; of its part too, if the attempt said nothing of it."""
        if self._open is None:
            return []
        index, self._open = self._open, None
        item, filled = self._items[index], self._filling is not None
        item["content"][self._part]["text"] = str(self._text)
        self._filling = None
        item["status"] = "completed"
        done = {"type": "response.output_item.done", "output_index": index, "item": item}
        if filled:
            return [copy.deepcopy(done)]
        part = item["content"][self._part]
        place = {"item_id": item.get("id"), "output_index": index, "content_index": self._part}
        text = {"text": part["text"], "logprobs": []}
        ended = [
            {"type": "response.output_text.done", **place, **text},
            {"type": "response.content_part.done", **place, "part": part},
            done,
        ]
        return copy.deepcopy(ended)

    def _end(self, event: Event) -> list[Event]:
        closed = self._close()
        response = event.get("response")
        if isinstance(response, dict):
            output = [self._items[place] for place in sorted(self._items)]
            response = {**response, **self._kept, "output": output}
            if isinstance(response.get("usage"), dict):
                response["usage"] = add(self._spent, response["usage"])
            event = {**event, "response": response}
        return [*closed, event]
