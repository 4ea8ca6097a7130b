"""What a provider means to say, and what an SDK's user has of it: both in no dialect's words."""

import itertools
import json
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

End = Literal["end", "length", "tool_calls", "stop_sequence", "filter", "refusal"]
Surface = Literal["chat", "messages", "responses"]
Spoken = Literal["chat", "messages", "responses", "gemini"]


class Call(msgspec.Struct, frozen=True):
    """A tool call; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


class Counts(msgspec.Struct, frozen=True):
    """Tokens. ``cached`` is part of the input, ``reasoning`` of the output."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0


COUNTS = Counts(input=40, output=30, cached=8, reasoning=12)
PLAIN = Counts(input=40, output=30)


class Answer(msgspec.Struct, frozen=True):
    """An answer of one choice: thoughts, then text or a refusal's words, then calls.

    ``sequence`` is the stop sequence that was met.
    """

    name: str
    text: str = ""
    thoughts: str = ""
    refusal: str = ""
    calls: tuple[Call, ...] = ()
    end: End = "end"
    sequence: str | None = None
    counts: Counts | None = PLAIN


class Heard(msgspec.Struct):
    """What one SDK shows of an answer. What it has no word for stays None.

    ``calls`` are ids, names and parsed arguments; ``reason`` is the surface's own word;
    ``counts`` are input, output, cached and reasoning; ``error`` is how the SDK told a failure.
    """

    text: str = ""
    thoughts: str | None = ""
    refusal: str | None = ""
    calls: list[tuple[str, str, Any]] = []
    reason: str | None = None
    counts: tuple[int | None, ...] | None = None
    error: str | None = None
    message: str = ""
    status: int | None = None


def pieces(text: str) -> Iterator[str]:
    """The text in pieces of different lengths."""
    sizes = itertools.cycle((5, 1, 9, 2, 17))
    at = 0
    while at < len(text):
        size = next(sizes)
        yield text[at : at + size]
        at += size


def parsed(arguments: str) -> Any:
    """The arguments as a value; a text that is no JSON is itself."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


TIDE = Call("call_tide1", "tide", '{"port":"Bergen","days":[1,2]}')
WIND = Call("call_wind2", "wind", '{"where":{"lat":60.4,"text":"\\u00e9\\n\\"x\\""}}')
BARE = Call("call_bare3", "bare", "{}")
LONG = 'Two fishermen — “Åse” & 漁師 😀 — left\n\tat <dawn> \\ "six"; nobody\'s back.\n' * 3

ANSWERS = [
    Answer("text", LONG),
    Answer("one word", "a"),
    Answer("thoughts and text", "It is 3 m.", "Tides, hm…\n\nso: 3 m.", counts=COUNTS),
    Answer("a call", calls=(TIDE,), end="tool_calls"),
    Answer(
        "thoughts, text and calls",
        "I'll look.",
        "Both at once.",
        calls=(TIDE, WIND, BARE),
        end="tool_calls",
        counts=COUNTS,
    ),
    Answer("too long", "It is 3", end="length"),
    Answer("cut while thinking", "", "Hm, tides", end="length", counts=COUNTS),
    Answer("filtered", "It is", end="filter"),
    Answer("a refusal", refusal="I can't help with that.", end="refusal"),
    Answer("refused in plain text", "I won't go on.", end="refusal"),
    Answer("a stop sequence", "one, two, ", end="stop_sequence", sequence="three"),
    Answer("nothing", counts=Counts(40, 0)),
    Answer("white space", " \n", counts=PLAIN),
    Answer("no counts", "It is 3 m.", counts=None),
]
