"""Shapes: what is done to an answer's rendering, under a name, with who is known to send it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from tests.plausible.answer import Answer, Need, Owed

Form = Literal["stream", "whole"]
Object = dict[str, Any]
FORMS: tuple[Form, ...] = ("stream", "whole")


ALONE = "alone"  # what a shape changes that is put together with no other


@dataclass
class Draft:
    """One answer as a provider puts it, on its way to the wire.

    ``events`` are a stream's, objects or what stands behind ``data: `` in their place; ``whole`` is
    the body of an answer in one piece, of which ``events`` is empty; it is drawn for a stream too.
    ``manner`` is how it is written, see ``wire``.
    """

    drawn: Random
    form: Form
    answer: Answer
    owed: Owed
    events: list[Any]
    whole: Object
    text: str = ""  # of the whole body, where it is no object
    surrogates: bool = False  # whether a text holds half a character
    manner: Object = field(default_factory=dict)

    @property
    def objects(self) -> list[Object]:
        """The events that are objects, or the whole body."""
        return [each for each in self.events if isinstance(each, dict)] or [self.whole]

    def insert(self, place: int, event: Any) -> None:
        """Put an event among a stream's; a negative place counts from the end, as usual."""
        self.events.insert(place if place >= 0 else len(self.events) + place, event)


Bend = Callable[[Draft], None]


@dataclass(frozen=True)
class Shape:
    """``about``: what it changes, words with a ``+`` between them; two that change the same are not
    put together.

    ``everybody``: callers of the same dialect are owed a mended answer, too, for none of its
    clients could read it.
    """

    name: str
    by: str
    about: str
    needs: frozenset[Need]
    forms: tuple[Form, ...]
    bend: Bend
    everybody: bool = False

    def goes_with(self, other: "Shape") -> bool:
        """Whether both can be done to one answer."""
        alone = ALONE in (self.about, other.about) or self.everybody or other.everybody
        return not alone and set(self.about.split("+")).isdisjoint(other.about.split("+"))


class Shapes:
    """The shapes of one dialect."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.all: list[Shape] = []

    def __iter__(self) -> Iterator[Shape]:
        return iter(self.all)

    def add(
        self,
        name: str,
        by: str,
        about: str,
        *needs: Need,
        forms: tuple[Form, ...] = FORMS,
        everybody: bool = False,
    ) -> Callable[[Bend], Bend]:
        """Take a function that bends a draft into a shape."""

        def taken(bend: Bend) -> Bend:
            shape = Shape(name, by, about, frozenset(needs), forms, bend, everybody)
            self.all.append(shape)
            return bend

        return taken


STREAM: tuple[Form, ...] = ("stream",)
WHOLE: tuple[Form, ...] = ("whole",)
