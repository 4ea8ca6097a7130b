"""What an agent's model does: call the tools that the prompt asks for, then tell what they gave.

The last user turn with such lines says what the answers to it are, each line by itself::

    CALL Bash {"command": "cat note.txt"}
    SAY "a text, as a JSON string"

Each answer has words, and makes the next call as long as the request offers a tool of that name;
after the last one's result they end in what ``SAY`` has, or else in the last result. How many
results have come since tells which call is next, so nothing is kept between two requests. A
client that tells results as a user's words is counted by those that follow a call in words.
"""

import json
import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from sim.request import Message

_CALL = re.compile(r"^[ \t]*CALL (\S+) (\{.*\})[ \t]*$", re.MULTILINE)
_SAY = re.compile(r'^[ \t]*SAY (".*")[ \t]*$', re.MULTILINE)
_LONGEST = 2000  # characters of a result that are told again


class Step(msgspec.Struct, frozen=True):
    """What one answer does. At most one of the three is not None."""

    call: tuple[str, dict[str, Any]] | None = None  # a tool and its arguments
    said: str | None = None  # the text of the answer
    result: str | None = None  # what the last call gave


def step(messages: Sequence[Message], offered: Collection[str]) -> Step:
    """The next step of a conversation in which these tools are offered."""
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        calls, said = _calls(message.text), _said(message.text)
        if message.role != "user" or not (calls or said):
            continue
        results = _results(messages[place + 1 :], [name for name, _ in calls])
        if len(results) < len(calls):
            name, arguments = calls[len(results)]
            return Step(call=(name, arguments)) if name in offered else Step()
        return Step(said=said[-1]) if said else Step(result=results[-1][:_LONGEST])
    return Step()


def _results(messages: Sequence[Message], names: Sequence[str]) -> list[str]:
    """What the calls of tools of these names since then gave."""
    told = [result for message in messages for result in message.results]
    return told or [
        after.text
        for before, after in pairwise(messages)
        if (before.role, after.role) == ("assistant", "user")
        and any(name in before.text for name in names)
    ]


def _calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    read = ((name, _object(arguments)) for name, arguments in _CALL.findall(text))
    return [(name, arguments) for name, arguments in read if arguments is not None]


def _said(text: str) -> list[str]:
    read = (_object(f'{{"text": {said}}}') for said in _SAY.findall(text))
    return [told["text"] for told in read if told is not None]


def _object(text: str) -> dict[str, Any] | None:
    """The object, or None: a line that only looks like a call is a part of the prompt."""
    try:
        value: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return value
