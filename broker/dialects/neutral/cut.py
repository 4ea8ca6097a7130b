"""Cutting an answer as its request asks, where the provider itself can't be asked to.

A stop sequence that the provider was not given ends the answer before it, wherever the provider's
events break it; the provider's call is ended then, and its usage is estimated if it has not told
it. Where one tool call at a time is wanted, all but the first are left out: the model makes the
next one when it has seen the result of that, as one does that was told so itself.
"""

from collections.abc import Sequence

import msgspec

from broker.dialects.neutral.event import (
    ArgumentsDelta,
    CallStart,
    Event,
    RefusalDelta,
    Start,
    Stop,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.losing import lose_setting
from broker.dialects.neutral.request import Message, Request, Text
from broker.dialects.neutral.stops import Stops
from broker.dialects.neutral.usage import Usage
from broker.dialects.usage import tokens
from broker.settings import Quirks
from broker.settings.takes import Takes

_MOST_CUT, _LONGEST_CUT = 16, 4096  # sequences that are looked for here, and characters of one


class Cut(msgspec.Struct, frozen=True):
    """What is to be cut: at these sequences, and whether after one tool call.

    ``tail`` is the end of the partial answer that is gone on from, in which a sequence may begin;
    ``prompt`` the tokens that the prompt is estimated at.
    """

    stop: tuple[str, ...] = ()
    one_call: bool = False
    tail: str = ""
    prompt: int = 0


NOTHING = Cut()


def native_stops(stop: Sequence[str], dialect: str, quirks: Quirks, takes: Takes) -> list[str]:
    """The stop sequences that a provider is given."""
    if dialect == "chat" and "stop" in quirks.without:
        return []
    blank = takes.texts != "not blank"
    return [text for text in stop if blank or text.strip()][: takes.stops_most]


def native_parallel(dialect: str, quirks: Quirks) -> bool:
    """Whether a provider can be asked for one tool call at a time."""
    return dialect != "gemini" and not (
        dialect == "chat" and "parallel_tool_calls" in quirks.without
    )


def cut_of(request: Request, dialect: str, quirks: Quirks, takes: Takes, *, partial: bool) -> Cut:
    """What is to be cut of the answer to a request that is put in this dialect, to such a model.

    More sequences than can be looked for are lost.
    """
    given = native_stops(request.stop, dialect, quirks, takes)
    stop = tuple(dict.fromkeys(text for text in request.stop if text and text not in given))
    if len(stop) > _MOST_CUT or any(len(text) > _LONGEST_CUT for text in stop):
        why = f"at most {_MOST_CUT} of {_LONGEST_CUT} characters beyond the provider's own can be"
        lose_setting("stop", list(request.stop), why, "fields", "value")
        return NOTHING
    alone = request.parallel is False and bool(request.tools)
    one_call = alone and not native_parallel(dialect, quirks)
    if not stop and not one_call:
        return NOTHING
    tail = _tail(request.messages[-1:]) if partial and stop else ""
    return Cut(stop, one_call, tail[-max(map(len, stop), default=0) :])


def _tail(last: Sequence[Message]) -> str:
    return "".join(
        part.text
        for message in last
        for part in message.parts
        if message.role == "assistant" and isinstance(part, Text)
    )


class Scissors:
    """Cuts one answer. ``ended``: a sequence was met; what comes now is not the caller's."""

    def __init__(self, cut: Cut) -> None:
        self.ended = False
        self.usage: Usage | None = None  # of an answer that was cut
        self._one_call = cut.one_call
        self._first_call: int | None = None
        self._stops = Stops(cut.stop, cut.tail) if cut.stop else None
        self._prompt = cut.prompt
        self._counted: Usage | None = None
        self._characters = 0
        self._deltas = 0

    def take(self, events: Sequence[Event]) -> list[Event]:
        """What of these events is the caller's."""
        found: list[Event] = []
        for place, event in enumerate(events):
            if self.ended:
                break
            if self._is_another_call(event):
                continue
            found += [event] if self._stops is None else self._stopped(event, events[place:])
        return found

    def _is_another_call(self, event: Event) -> bool:
        if not self._one_call or not isinstance(event, CallStart | ArgumentsDelta):
            return False
        if self._first_call is None:
            self._first_call = event.index
        return event.index != self._first_call

    def _stopped(self, event: Event, rest: Sequence[Event]) -> list[Event]:
        assert self._stops is not None
        self._count(event)
        if isinstance(event, Start | Usage):
            return [event]
        if not isinstance(event, TextDelta):
            held = self._stops.release()
            return [*([TextDelta(held)] if held else []), event]
        text, sequence = self._stops.feed(event.text)
        found: list[Event] = [TextDelta(text)] if text else []
        if sequence is None:
            return found
        self.ended = True
        self.usage = next((each for each in rest if isinstance(each, Usage)), None)
        self.usage = self.usage or self._estimate()
        return [*found, Stop("stop_sequence", sequence), self.usage]

    def _count(self, event: Event) -> None:
        if isinstance(event, Usage):
            self._counted = event
        elif isinstance(event, TextDelta | ThoughtDelta | RefusalDelta | ArgumentsDelta):
            self._characters += len(event.text)
            self._deltas += 1

    def _estimate(self) -> Usage:
        """What the provider has told so far, or about what it comes to, whichever is more."""
        told = self._counted or Usage()
        return msgspec.structs.replace(
            told,
            input=told.input or self._prompt,
            output=max(told.output, tokens(self._characters), self._deltas),
            estimated=True,
        )
