"""Hints: what known clients send that another dialect has no word for, and that changes no answer.

One table, a module for each dialect that callers speak. A row names a field by its path, says
which clients send it, what it asks of the provider that it was written for, and what becomes of
it when a provider of another dialect is called:

- ``left out``: the answer is the same without it;
- ``said otherwise``: the dialect's reader puts it into other words (it is here so that the table
  is whole).

A field of a request that is neither read nor a hint is refused by its path: it may change the
answer. A hint is looked up only where a reader has no word for a field, so that a call without
hints pays nothing for the table. A new client's hint is a row; a test holds that every row is used.
"""

import re
from functools import cache
from typing import Any

from broker.dialects.hints import chat, messages, responses
from broker.dialects.hints.hint import Hint

HINTS: tuple[Hint, ...] = (*chat.HINTS, *messages.HINTS, *responses.HINTS)

_PLACE = re.compile(r"\[\d+\]")


def pattern_of(path: str) -> str:
    """The path without its places: ``tools[3].name`` is ``tools[].name``."""
    return _PLACE.sub("[]", path)


def hint_at(dialect: str, path: str, value: Any) -> Hint | None:
    """The hint that a field with this value is, in a request of this dialect."""
    pattern = pattern_of(path)
    for hint in _of(dialect):
        if hint.names(pattern) and hint.allows(value):
            return hint
    return None


@cache
def _of(dialect: str) -> tuple[Hint, ...]:
    return tuple(hint for hint in HINTS if hint.dialect == dialect)
