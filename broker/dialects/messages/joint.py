"""The joint: how a later attempt's events go on from what an earlier one delivered.

Readers must see one message: one start, each block once, no text twice and none missing, one
end. Two ways to get there: ``Continuation`` and ``Repetition``. An attempt that had said
nothing is joined as a repetition of nothing. Usage is the sum over attempts.
"""

from typing import Any

from broker.dialects.dialect import Diverged, Mode
from broker.dialects.messages.continuation import Continuation
from broker.dialects.messages.fold import events_of
from broker.dialects.messages.message import count
from broker.dialects.messages.repetition import Repetition
from broker.dialects.messages.transcript import Transcript
from broker.dialects.usage import add
from broker.dialects.wire import decode_object, encode
from broker.frames import Frame, Kind, data_frame, data_of

Event = dict[str, Any]


class Joint:
    """See ``broker.dialects.dialect.Joint``. ``spent`` is what the attempts before cost."""

    def __init__(self, said: Transcript, mode: Mode, spent: Event | None = None) -> None:
        self._spent = spent
        self._usage: Event = {}
        self._started = said.message.started
        way = Continuation if mode == "continue" else Repetition
        self._way: Continuation | Repetition = way(said.blocks)

    def join(self, frame: Frame) -> list[Frame]:
        """What is to be written for a frame; none if nothing is left of it."""
        event = decode_object(data_of(frame.body))
        if event is None:
            return [frame]
        events = events_of(event) if frame.kind == Kind.WHOLE else [event]
        return [
            data_frame(Kind.DIALECT, encode(fitted), str(fitted.get("type")).encode())
            for each in events
            for fitted in self._fit(each)
        ]

    def end(self) -> None:
        """The attempt has said all it had to say."""
        if self._way.owes:
            raise Diverged("it ends early")

    def _fit(self, event: Event) -> list[Event]:
        kind = event.get("type")
        if kind == "message_start":
            message = event.get("message")
            count(self._usage, message.get("usage") if isinstance(message, dict) else None)
            if self._started:
                return []
            self._started = True
        elif kind == "message_delta" and isinstance(event.get("usage"), dict):
            count(self._usage, event["usage"])
            event = {**event, "usage": add(self._spent, self._usage)}
        return self._way.fit(event)
