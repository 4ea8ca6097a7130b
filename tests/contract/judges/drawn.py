"""Answers drawn at random: the same for the same seed."""

import json
import random
from collections.abc import Iterator
from typing import Any

from tests.contract.judges.answer import Answer, Call, Counts, End
from tests.contract.judges.tools import NAMES

_PIECES = (
    *("tide", " ", "at", "\n", "\r\n", "\t", "3.5 m", "é", "漁師", "😀", "👩‍🚀", "שלום", "e\u0301"),
    *(
        '"',
        "\\",
        "\\n",
        "'",
        "</think>",
        "<tool_call>",
        "data: [DONE]\n\n",
        "event: end\n",
        "```json",
    ),
    *("\u2028", "\ufeff", "\x00", "\x1f", "{", "}", "[]", "null", "&amp;", "%s", ":", "-", "."),
)
_ENDS: tuple[End, ...] = ("end", "end", "length", "filter", "refusal", "stop_sequence")


def drawn(seed: int, count: int) -> Iterator[Answer]:
    """So many answers."""
    dice = random.Random(seed)
    for number in range(count):
        yield _answer(dice, f"drawn {seed}:{number}")


def _answer(dice: random.Random, name: str) -> Answer:
    calls = tuple(_call(dice, n) for n in range(dice.choice((0, 0, 1, 2, 4))))
    end: End = "tool_calls" if calls else dice.choice(_ENDS)
    refused = end == "refusal" and dice.random() < 0.5
    input, output = dice.randint(1, 10**6), dice.randint(1, 10**5)
    counts = Counts(input, output, dice.randint(0, input), dice.randint(0, output))
    return Answer(
        name,
        "" if refused else _text(dice),
        _text(dice) if dice.random() < 0.6 else "",
        _text(dice) or "No." if refused else "",
        calls,
        end,
        "three" if end == "stop_sequence" else None,
        counts,
    )


def _text(dice: random.Random) -> str:
    return "".join(dice.choices(_PIECES, k=dice.choice((0, 1, 3, 30))))


def _call(dice: random.Random, number: int) -> Call:
    value = {_text(dice): _value(dice, 3) for _ in range(dice.randint(0, 3))}
    written = json.dumps(value, ensure_ascii=dice.random() < 0.5, indent=dice.choice((None, 1)))
    return Call(f"call_{dice.getrandbits(64):x}_{number}", dice.choice(NAMES), written)


def _value(dice: random.Random, depth: int) -> Any:
    kind = dice.randrange(7 if depth else 5)
    if kind == 5:
        return [_value(dice, depth - 1) for _ in range(dice.randint(0, 3))]
    if kind == 6:
        return {_text(dice): _value(dice, depth - 1) for _ in range(dice.randint(0, 3))}
    return (None, dice.random() < 0.5, dice.randint(-(2**53), 2**53), dice.uniform(-1, 1), "")[
        kind
    ] or _text(dice)
