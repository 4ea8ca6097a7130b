"""JSON that was cut off: what is whole of it.

A tool's input comes as text in pieces, and a model that runs out of tokens inside it never
ends it. What is known then is what the dialect's own clients keep: members whose text was
said to its end, and numbers as far as they were said.
"""

import json
from typing import Any

_SPACE = " \t\r\n"
_decode = json.JSONDecoder(strict=False).raw_decode


class _Cut(Exception):
    """The text ends, or stops being JSON, within a value."""


def parse(text: str) -> Any:
    """The value of a JSON text; of one that was cut off, what is whole. None if nothing is."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    try:
        return _value(text, 0)[0]
    except (_Cut, RecursionError):
        return None


def _value(text: str, at: int) -> tuple[Any, int, bool]:
    """The value at a place, where it ends, and whether it does."""
    at = _skip(text, at)
    match text[at : at + 1]:
        case "{":
            return _object(text, at + 1)
        case "[":
            return _list(text, at + 1)
        case _:
            value, end = _scalar(text, at)
            return value, end, True


def _scalar(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = _decode(text, at)
    except ValueError as error:
        raise _Cut from error
    return value, end


def _object(text: str, at: int) -> tuple[dict[str, Any], int, bool]:
    found: dict[str, Any] = {}
    while True:
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return found, at + 1, True
        try:
            key, at = _scalar(text, at)
            at = _skip(text, at)
            if not isinstance(key, str) or text[at : at + 1] != ":":
                raise _Cut
            value, at, whole = _value(text, at + 1)
        except _Cut:
            return found, at, False
        found[key] = value
        if not whole:
            return found, at, False
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at += 1


def _list(text: str, at: int) -> tuple[list[Any], int, bool]:
    found: list[Any] = []
    while True:
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return found, at + 1, True
        try:
            value, at, whole = _value(text, at)
        except _Cut:
            return found, at, False
        found.append(value)
        if not whole:
            return found, at, False
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at += 1


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1
    return at
