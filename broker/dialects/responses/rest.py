"""The rest: how a response that is told again, whole, goes on from what was delivered of it.

It is the same response, and not another run of its request (see ``joint`` for that): its ids are
the delivered ones, an item that was delivered whole is told no more, and what passed while it was
made (the steps of a search, annotations as they came) is told by the items when they are done.
So nothing is owed but texts: what was delivered of one must be how it begins.
"""

from collections import Counter
from typing import Any

from broker.dialects.dialect import Diverged
from broker.dialects.owed_text import Text
from broker.dialects.responses.event import event_of, made_frame
from broker.dialects.responses.gathered import ENDS, LIFE
from broker.dialects.responses.transcript import Place, Transcript, grows, index_in, place_of
from broker.dialects.usage import add
from broker.frames import Frame

# Texts that the whole response may be without: thoughts as they came, and what its item has whole.
_PASSING = frozenset(("response.reasoning_text.delta", "response.code_interpreter_call_code.delta"))


class Rest:
    """See ``broker.dialects.dialect.Joint``: takes the events that ``told`` makes of a response.

    ``spent`` is what the attempts before cost.
    """

    def __init__(self, said: Transcript, spent: dict[str, Any] | None = None) -> None:
        self._spent = spent
        self._whole = frozenset(said.whole)  # indexes of items
        self._texts = {
            place: Text(str(text), str(place[0]))
            for place, text in said.texts.items()
            if place[1] not in self._whole
        }
        self._given: Counter[Place] = Counter()
        for place, events in said.due.items():
            self._given[place] = len(events)
        # Items and parts of which a text was delivered: they were begun, whoever said so.
        self._spoken = {tuple(place[1:depth]) for place in said.texts for depth in (2, 4)}
        self._begun = bool(said.lived) or bool(said.texts) or bool(said.due)

    def join(self, frame: Frame) -> list[Frame]:
        """The frame with what is new of it; none if nothing is."""
        event = event_of(frame)
        if event is None:
            return [frame]
        kind = event.get("type")
        if kind in ENDS:
            return [made_frame(self._ended(event))]
        if kind in LIFE:
            return [] if self._begun else [frame]
        if index_in(event, "output_index") in self._whole:
            return []
        place = place_of(event)
        if grows(event):
            text = self._texts.get(place)
            if text is None or not text.owes:
                return [frame]
            left = text.repay(event["delta"])
            return [made_frame({**event, "delta": left})] if left else []
        if self._given[place]:
            self._given[place] -= 1
            return []
        began = str(kind).endswith(("_item.added", "_part.added"))
        depth = 2 if str(kind).endswith("_item.added") else 4
        return [] if began and place[1:depth] in self._spoken else [frame]

    def end(self) -> None:
        """The response has been told.

        Raises:
            Diverged: it has not all that was delivered.
        """
        for place, text in self._texts.items():
            if text.owes and place[0] not in _PASSING:
                raise Diverged("it ends early")

    def _ended(self, event: dict[str, Any]) -> dict[str, Any]:
        self.end()
        response = event.get("response")
        if isinstance(response, dict) and isinstance(response.get("usage"), dict):
            usage = add(self._spent, response["usage"])
            return {**event, "response": {**response, "usage": usage}}
        return event
