"""Losses: what of a request a provider of another dialect can't be asked.

A loss is data, so that each surface can word it as its own vendor would; the plain words of
every other surface are made here, and only here.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

_LONGEST_VALUE = 80  # characters of a value that are shown
_MOST_WORDED = 20  # losses that a message names; the others are counted

_INDEX = re.compile(r"\[[0-9]{1,9}\]")
_STEP = re.compile(rf"{_INDEX.pattern}|(?:(?!{_INDEX.pattern})[^.])+")

# ``extra``: the field has no counterpart, whatever it says. ``value``: the field has one, this
# value of it has none; ``values`` are those that have.
Kind = Literal["extra", "value"]


class Loss(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that can't be asked.

    ``path`` is where the caller wrote it, with dots and indexes in brackets
    (``messages[1].content[0].type``; ``place_of`` gives its steps); ``value`` is what stands there,
    as JSON and shortened; ``reason`` a clause that says why. ``setting`` is the word of the
    provider's ``allow_loss`` that has it left out, None where none does.
    """

    path: str
    reason: str = ""
    value: str = ""
    kind: Kind = "extra"
    values: tuple[str, ...] = ()
    setting: str | None = None
    provider: str | None = None  # by its name in the settings; None: whichever it is


def shown(value: Any) -> str:
    """A value as JSON, cut short: what is long is a caller's text or a picture."""
    if isinstance(value, str):
        value = value[: _LONGEST_VALUE + 1]
    elif isinstance(value, dict | list) and len(value) > _LONGEST_VALUE:
        return "{…}" if isinstance(value, dict) else "[…]"
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return "…"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def place_of(path: str) -> tuple[str | int, ...]:
    """The steps of a path: ``messages[1].role`` is ``("messages", 1, "role")``."""
    return tuple(int(step[1:-1]) if _INDEX.fullmatch(step) else step for step in _STEP.findall(path))


def worded(losses: Sequence[Loss]) -> str:
    """The losses in plain words, a sentence each."""
    found = [_sentence(loss) for loss in losses[:_MOST_WORDED]]
    if len(losses) > _MOST_WORDED:
        found.append(f"And {len(losses) - _MOST_WORDED} more.")
    return " ".join(found)


def at_provider(losses: Iterable[Loss], provider: str) -> tuple[Loss, ...]:
    """The losses as those of this provider; each path once."""
    found = {loss.path: msgspec.structs.replace(loss, provider=provider) for loss in losses}
    return tuple(found.values())


def _sentence(loss: Loss) -> str:
    value = f" ({loss.value})" if loss.value else ""
    provider = f" at provider '{loss.provider}'" if loss.provider else ""
    reason = loss.reason
    if loss.values:
        only = f"only {', '.join(loss.values)} can be"
        reason = f"{reason}, {only}" if reason else only
    why = f": {reason}" if reason else ""
    way = f" (allow_loss = ['{loss.setting}'] leaves it out)" if loss.setting else ""
    return f"'{loss.path}'{value} can't be expressed{provider}{why}{way}."
