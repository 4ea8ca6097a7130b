"""The text that is the one argument of a call, read from the call's JSON as it comes.

A custom tool has an input and no more. It is told as a function of one argument, so that what a
model writes is ``{"input": "…"}``: its characters are passed on as they come. What is written
otherwise is passed on as it is, once all of it is there: the tool is given what the model said.
"""

import json
import re
from typing import Literal

from broker.dialects.neutral.sequence import Garbled

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SPECIAL = re.compile(r'[\\"]')
_LONGEST_OPENING = 200  # characters; what opens otherwise is no such call
_HEX = re.compile(r"[0-9A-Fa-f]{4}\Z")


class SoleText:
    """Reads one call's arguments; ``key`` is the argument's name."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._opening = re.compile(rf'\s*\{{\s*"{re.escape(key)}"\s*:\s*"')
        self._state: Literal["opening", "inside", "behind", "other"] = "opening"
        self._waiting: list[str] = []  # what came and was not passed on

    def feed(self, text: str) -> str:
        """What more there is of the text."""
        self._waiting.append(text)
        if self._state == "opening":
            begun = "".join(self._waiting)
            found = self._opening.match(begun)
            if found is None:
                self._waiting = [begun]
                self._state = "other" if len(begun) > _LONGEST_OPENING else "opening"
                return ""
            self._state, self._waiting = "inside", [begun[found.end() :]]
        return self._read() if self._state == "inside" else ""

    def end(self) -> str:
        """The arguments are complete: the rest of the text.

        Raises:
            Garbled: there is more beside the text, of which the beginning was passed on.
        """
        rest, self._waiting = "".join(self._waiting), []
        if self._state == "inside":  # it was cut off
            return rest
        if self._state == "behind":
            if rest.strip() not in ("}", ""):
                raise Garbled
            return ""
        try:
            value = json.loads(rest or "{}")
        except (ValueError, RecursionError):
            return rest
        if isinstance(value, dict) and not value:
            return ""
        if isinstance(value, dict) and value.keys() == {self._key}:
            sole = value[self._key]
            return sole if isinstance(sole, str) else json.dumps(sole, ensure_ascii=False)
        return rest

    def _read(self) -> str:
        """The characters up to the text's end, or to an escape that is not whole yet."""
        text, found, place = "".join(self._waiting), [], 0
        while place < len(text):
            stop = _SPECIAL.search(text, place)
            if stop is None:
                found.append(text[place:])
                place = len(text)
                break
            found.append(text[place : stop.start()])
            place = stop.start()
            if text[place] == '"':
                self._state = "behind"
                place += 1
                break
            taken = _escape(text, place)
            if taken is None:
                break
            character, place = taken
            found.append(character)
        self._waiting = [text[place:]]
        return "".join(found)


def _escape(text: str, place: int) -> tuple[str, int] | None:
    """The character of the escape at a place, and the place after it; None: it is cut off."""
    letter = text[place + 1 : place + 2]
    if not letter:
        return None
    if letter != "u":
        return _ESCAPES.get(letter, letter), place + 2
    digits = text[place + 2 : place + 6]
    if len(digits) < 4:
        return None
    if not _HEX.match(digits):
        raise Garbled
    return chr(int(digits, 16)), place + 6
