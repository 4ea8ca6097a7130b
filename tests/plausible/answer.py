"""Answers in no dialect's words: what was said, how it ended and what it cost."""

from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, Literal, NamedTuple

Kind = Literal["thought", "text", "refusal", "call"]
Reason = Literal["end", "length", "tool_calls", "filter", "refusal"]

# What a shape may ask of an answer: a piece of a kind, several calls, one without arguments, that
# nothing is called, that its end is a certain one.
Need = Literal[
    "thought",
    "text",
    "refusal",
    "call",
    "calls",
    "empty call",
    "no call",
    "end",
    "length",
    "filter",
]

# What an answer needs to end so.
NEEDS: dict[Reason, Need] = {
    "end": "end",
    "length": "length",
    "tool_calls": "call",
    "filter": "filter",
    "refusal": "refusal",
}
_WORDS = (
    *("tide", " Bergen", "\n\n", "é", " 潮", "🌊", "  ", ' "so"', "\\n", "<think>", "\t", " is 4."),
    *("</think>", " [DONE]", "data: ", "{}", " the", " and", " wind", "\u2028", "e\u0301", ".\n"),
)
_NAMES = ("tide", "get_weather", "search", "run-it", "Bash")
_KEYS = ("port", "q", "städte", "n", "a b")


class Call(NamedTuple):
    """One call of a tool. ``id`` is empty where the provider gave none."""

    id: str
    name: str
    arguments: dict[str, Any]


class Piece(NamedTuple):
    """Part of an answer: a text of some kind, or a call."""

    kind: Kind
    text: str = ""
    call: Call | None = None


class Counts(NamedTuple):
    """Tokens. ``cached`` is part of the prompt, ``reasoning`` of the completion."""

    prompt: int
    completion: int
    cached: int
    reasoning: int


@dataclass
class Answer:
    """What a provider means to say."""

    id: str
    model: str
    pieces: list[Piece]
    reason: Reason
    counts: Counts | None
    created: int = 1754000000

    @property
    def calls(self) -> list[Call]:
        return [piece.call for piece in self.pieces if piece.call is not None]

    def texts(self, *kinds: Kind) -> str:
        """All that was said of these kinds."""
        return "".join(piece.text for piece in self.pieces if piece.kind in kinds)


@dataclass
class Owed:
    """What a caller is owed for an answer.

    ``ends`` is what becomes of the job; ``reasons`` are the ends that would be true. ``raw`` is the
    reason in the provider's own words, which a caller of its dialect is shown. ``ids``: whether
    calls keep their ids. ``counts``: None where nothing was said of the cost, and
    ``exact_reasoning`` false where the figures don't tell how much was reasoning. ``untold``: there
    is something in it that callers of other dialects can't be given, and are told so.
    """

    answer: Answer
    ends: Literal["completed", "failed", "either"] = "completed"
    reasons: frozenset[Reason] = frozenset()
    raw: str | None = None
    ids: bool = True
    counts: Counts | None = None
    exact_reasoning: bool = True
    exact_cached: bool = True
    untold: bool = False


def owed_for(answer: Answer) -> Owed:
    """What is owed for an answer that is told as it should be."""
    return Owed(answer, reasons=frozenset((answer.reason,)), counts=answer.counts)


def drawn_text(drawn: Random) -> str:
    """Some words, never all blank."""
    text = "".join(drawn.choices(_WORDS, k=drawn.randint(1, 6)))
    return text if text.strip() else text + "calm"


def drawn_arguments(drawn: Random) -> dict[str, Any]:
    """An object of one to three fields."""
    values = ("Bergen", 4, 1.5, True, None, ["a", {"b": []}], {"c": "\n"}, '"', "🌊", "{")
    keys = drawn.sample(_KEYS, drawn.randint(1, 3))
    return {key: drawn.choice(values) for key in keys}


def _call(drawn: Random, number: int, *, empty: bool) -> Piece:
    id = f"call_{drawn.getrandbits(40):x}{number}"
    arguments = {} if empty else drawn_arguments(drawn)
    return Piece("call", call=Call(id, drawn.choice(_NAMES), arguments))


def drawn_answer(drawn: Random, needs: frozenset[Need]) -> Answer:
    """An answer that has what is needed, and other things as it falls."""

    def wanted(need: Need, chance: float) -> bool:
        return need in needs or drawn.random() < chance

    refusing = "refusal" in needs
    calling = not refusing and not needs & {"no call", "end", "length", "filter"}
    calling = calling and (bool(needs & {"call", "calls", "empty call"}) or drawn.random() < 0.4)
    pieces: list[Piece] = []
    if wanted("thought", 0.3):
        pieces.append(Piece("thought", drawn_text(drawn)))
    if refusing:
        pieces.append(Piece("refusal", drawn_text(drawn)))
    elif wanted("text", 0.6) or not calling:
        pieces.append(Piece("text", drawn_text(drawn)))
    if calling:
        many = drawn.randint(2, 3) if "calls" in needs else drawn.choice((1, 1, 2))
        emptied = drawn.randrange(many) if wanted("empty call", 0.1) else -1
        pieces += [_call(drawn, place, empty=place == emptied) for place in range(many)]
    reason: Reason = "tool_calls" if calling else "refusal" if refusing else "end"
    if "length" in needs or (reason == "end" and "end" not in needs and drawn.random() < 0.1):
        reason = "length"
    if "filter" in needs:
        reason = "filter"
    return Answer(
        id=f"a{drawn.getrandbits(32):x}",
        model="m-1",
        pieces=pieces,
        reason=reason,
        counts=_counts(drawn, thinks=any(piece.kind == "thought" for piece in pieces)),
    )


def _counts(drawn: Random, *, thinks: bool) -> Counts:
    prompt, said = drawn.randint(20, 900), drawn.randint(5, 90)
    reasoning = drawn.randint(5, 400) if thinks else 0
    cached = drawn.choice((0, prompt // 2))
    cached += cached == reasoning  # else a total tells neither from the other
    return Counts(prompt, said + reasoning, cached, reasoning)


def chopped(drawn: Random, text: str) -> list[str]:
    """A text in one to four pieces, none of them empty."""
    places = drawn.sample(range(1, len(text)), min(drawn.randint(0, 3), len(text) - 1))
    cuts = [0, *sorted(places), len(text)]
    return [text[a:b] for a, b in pairwise(cuts)]
