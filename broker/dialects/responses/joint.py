"""The joint: how a replayed answer goes on from what an earlier attempt delivered.

The provider runs the whole request again; its events are swallowed while they say what was
delivered, and taken once nothing is owed any more. Two runs mint ids of their own and cut
their texts elsewhere, so that neither is held against it:

    texts      what was delivered of one is owed by characters, however it is cut
    events     any other event is owed as a whole; ids, times and figures in it aside
    ids        a later run's ids stand for the delivered ones, and are replaced by them

In the response that ends the answer, items that had been delivered whole are the delivered
ones: a reader has them already, with whatever is sealed in them.
"""

from collections import deque
from typing import Any

from broker.dialects.dialect import Diverged
from broker.dialects.owed_text import Text
from broker.dialects.responses.event import event_of, made_frame
from broker.dialects.responses.gathered import ENDS, LIFE
from broker.dialects.responses.transcript import Place, Transcript, grows, place_of
from broker.dialects.usage import add
from broker.frames import Frame, Kind

_IDS = frozenset(("id", "item_id", "call_id", "approval_request_id"))
# What may differ from one run to the next without a reader's seeing another answer.
_LOOSE = _IDS | {"obfuscation", "logprobs", "sequence_number", "encrypted_content", "response"}

Event = dict[str, Any]


class Joint:
    """Turns a later attempt's events into those that readers get.

    ``spent`` is what the attempts before it cost: their sum is the usage that readers see.
    """

    def __init__(self, said: Transcript, spent: dict[str, Any] | None = None) -> None:
        self._spent = spent
        self._texts = {place: Text(str(text), str(place[0])) for place, text in said.texts.items()}
        self._due = {place: deque(events) for place, events in said.due.items()}
        self._unpaid: list[Text | deque[Event]] = [*self._texts.values(), *self._due.values()]
        self._unpaid.reverse()  # what was said first comes last
        self._begun = bool(self._unpaid)
        self._lived = set(said.lived)
        self._whole = said.whole  # the items that were delivered whole, by index
        self._names: dict[str, str] = {}  # ids of the new run, and the delivered ones
        self._held: list[Frame] = []  # new, but something is still owed

    def join(self, frame: Frame) -> list[Frame]:
        """See ``broker.dialects.dialect.Joint``."""
        event = event_of(frame)
        if event is None:
            return [frame]
        if frame.kind == Kind.WHOLE:
            event = {"type": ENDS[0], "response": event}
        left = self._left(event)
        if left is not None:
            self._held.append(made_frame(left))
        if self.owes:
            return []
        held, self._held = self._held, []
        return held

    @property
    def owes(self) -> bool:
        """Whether not all that was delivered has been said again."""
        while self._unpaid and not _owes(self._unpaid[-1]):  # what is paid once stays paid
            self._unpaid.pop()
        return bool(self._unpaid)

    def end(self) -> None:
        """The attempt has said all it had to say.

        Raises:
            Diverged: it was shorter than what was delivered.
        """
        if self.owes:
            raise Diverged("it ends early")

    def _left(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """What is new of an event; None if nothing is."""
        kind = event.get("type")
        if kind in LIFE:
            return self._lives(event)
        place = place_of(event)
        if grows(event):
            text = self._texts.get(place)
            if text is not None and text.owes:
                event["delta"] = text.repay(event["delta"])
                event.pop("obfuscation", None)  # it pads a delta that may be shorter now
            return self._renamed(event) if event["delta"] else None
        due = self._due.get(place)
        if due:
            self._repay(due.popleft(), event)
            return None
        self._check_over(event, place)
        return dict(self._renamed(event))

    def _lives(self, event: dict[str, Any]) -> dict[str, Any] | None:
        kind = event["type"]
        if kind not in ENDS:
            new = kind not in self._lived and not self._begun
            self._lived.add(kind)
            return event if new else None
        self.end()
        response = event.get("response")
        if isinstance(response, dict):
            own = response.pop("id", None)
            response = {**self._renamed(response), "id": own}
            if isinstance(response.get("usage"), dict):
                response["usage"] = add(self._spent, response["usage"])
            output = response.get("output")
            for index, item in self._whole.items():
                if isinstance(output, list) and 0 <= index < len(output):
                    output[index] = item
            event["response"] = response
        return event

    def _repay(self, said: dict[str, Any], again: dict[str, Any]) -> None:
        if _bare(said) != _bare(again):
            raise Diverged(f"its {str(again.get('type')).removeprefix('response.')} differs")
        self._pair(said, again)

    def _check_over(self, event: dict[str, Any], place: Place) -> None:
        """An event that says a text is done must not come while some of it is owed."""
        stem, _, verb = str(place[0]).rpartition(".")
        text = self._texts.get((f"{stem}.delta", *place[1:]))
        if verb == "done" and text is not None and text.owes:
            raise Diverged(f"its {stem.removeprefix('response.')} ends early")

    def _pair(self, said: Any, again: Any) -> None:
        """Learn which of the delivered ids each of the new run's stands for."""
        if isinstance(said, dict) and isinstance(again, dict):
            for key in said.keys() & again.keys():
                old, new = said[key], again[key]
                if key in _IDS and isinstance(old, str) and isinstance(new, str):
                    self._names[new] = old
                else:
                    self._pair(old, new)
        elif isinstance(said, list) and isinstance(again, list):
            for old, new in zip(said, again, strict=False):
                self._pair(old, new)

    def _renamed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: self._names.get(inner, inner)
                if key in _IDS and isinstance(inner, str)
                else self._renamed(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._renamed(inner) for inner in value]
        return value


def _owes(one: "Text | deque[Event]") -> bool:
    return one.owes if isinstance(one, Text) else bool(one)


def _bare(value: Any) -> Any:
    """A value without what may differ."""
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items() if key not in _LOOSE}
    if isinstance(value, list):
        return [_bare(inner) for inner in value]
    return value
