"""Cases: a shape for a caller, with an answer and further shapes as a seed has them."""

from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from random import Random
from typing import Any, NamedTuple

from tests.plausible import chat, gemini, messages, responses
from tests.plausible.answer import Answer, drawn_answer, owed_for
from tests.plausible.chat_calls import CALLS
from tests.plausible.chat_choices import CHOICES
from tests.plausible.chat_ends import ENDS as CHAT_ENDS
from tests.plausible.chat_thoughts import THOUGHTS
from tests.plausible.chat_usage import USAGE
from tests.plausible.gemini_shapes import GEMINI
from tests.plausible.messages_ends import ENDS as MESSAGES_ENDS
from tests.plausible.messages_shapes import BLOCKS
from tests.plausible.responses_ends import ENDS as RESPONSES_ENDS
from tests.plausible.responses_shapes import EVENTS
from tests.plausible.shape import FORMS, Draft, Form, Object, Shape
from tests.plausible.wire import WIRE, written

CALLERS = ("chat", "messages", "responses")
# Of each dialect; where several are put together they are bent in this order.
SHAPES: dict[str, tuple[Shape, ...]] = {
    "chat": (*CALLS, *THOUGHTS, *USAGE, *CHAT_ENDS, *CHOICES, *WIRE),
    "messages": (*BLOCKS, *MESSAGES_ENDS, *WIRE),
    "responses": (*RESPONSES_ENDS, *EVENTS, *WIRE),
    "gemini": (*GEMINI, *WIRE),
}


class _Vendor(NamedTuple):
    stream: Callable[[Answer, Random], list[Any]]
    whole: Callable[[Answer, Random], Object]
    reasons: dict[str, str]


_VENDORS = {
    "chat": _Vendor(chat.stream, chat.whole, chat.REASONS),
    "messages": _Vendor(messages.stream, messages.whole, messages.REASONS),
    "responses": _Vendor(responses.stream, responses.whole, {}),
    "gemini": _Vendor(gemini.stream, gemini.whole, gemini.REASONS),
}


class Cell(NamedTuple):
    """One field of the table: a shape of a dialect in a form, for a caller."""

    dialect: str
    shape: Shape
    form: Form
    caller: str


CELLS = [
    Cell(dialect, shape, form, caller)
    for dialect, shapes in SHAPES.items()
    for shape in shapes
    for form in FORMS
    if form in shape.forms
    for caller in CALLERS
]


class Case:
    """One plausible answer. ``number`` names its cell, ``seed`` all that is drawn."""

    def __init__(self, number: int, seed: int) -> None:
        self.cell = CELLS[number % len(CELLS)]
        self.name = f"{seed}/{number}"
        drawn = self.drawn = Random(self.name)
        # The first round has every shape by itself.
        more = 0 if number < len(CELLS) else drawn.choice((0, 1, 1, 2))
        self.shapes = _drawn_shapes(drawn, self.cell, more)
        vendor = _VENDORS[self.cell.dialect]
        needs = frozenset(chain.from_iterable(each.needs for each in self.shapes))
        answer = drawn_answer(drawn, needs)
        self.owed = owed_for(answer)
        self.owed.raw = vendor.reasons.get(answer.reason)
        events = vendor.stream(answer, drawn) if self.cell.form == "stream" else []
        draft = Draft(
            drawn,
            self.cell.form,
            answer,
            self.owed,
            deepcopy(events),  # no two of its objects are the same one
            vendor.whole(answer, drawn),
        )
        for shape in self.shapes:
            shape.bend(draft)
        self.body = written(draft, self.cell.dialect)

    def __str__(self) -> str:
        cell = self.cell
        shapes = " + ".join(shape.name for shape in self.shapes)
        return f"{self.name} {cell.dialect} {cell.form} for {cell.caller}: {shapes}"


def _drawn_shapes(drawn: Random, cell: Cell, more: int) -> list[Shape]:
    """The cell's shape and so many others that go with it, in the order in which they bend."""
    chosen = [cell.shape]
    known = SHAPES[cell.dialect]
    for _ in range(more):
        fitting = [each for each in known if _fits(each, chosen, cell.form)]
        chosen += drawn.sample(fitting, min(1, len(fitting)))
    return sorted(chosen, key=known.index)


def _fits(shape: Shape, chosen: list[Shape], form: Form) -> bool:
    if form not in shape.forms or not all(map(shape.goes_with, chosen)):
        return False
    needs = shape.needs.union(*(each.needs for each in chosen))
    calls = bool(needs & {"call", "calls", "empty call"})
    ends = bool(needs & {"end", "length", "filter", "no call", "refusal"})
    return (
        not (calls and ends)
        and not {"length", "filter"} <= needs
        and not ("refusal" in needs and needs & {"text", "length", "filter"})
    )
