"""How one call is answered, as its model's name says.

A name is a comma list of ``key=value``, as in ``tokens=200,interval=5ms,dropafter=30``. A bare
key means 1. Durations are ``20ms``, ``1.5s`` or ``0``. A name without ``=`` and without a key
among its parts (``default``, ``echo``) is a healthy answer with all defaults.

============  ========  =======  ==============================================================
key           value     default  meaning
============  ========  =======  ==============================================================
tokens        count     50       content chunks of each choice (argument chunks, with tools)
interval      duration  20ms     between one token and the next; 0 is as fast as possible
ttft          duration  0        before the first byte of the body; headers are not held
batch         count     1        chunks a write
split         bytes     0        cut the body into writes of this size, wherever that falls
reasoning     count     0        reasoning_content chunks before the content
tools         flag      0        answer with a tool call, its arguments in pieces
parallel      count     1        tool calls a choice; more than 1 implies tools
agent         flag      0        text, and the calls that the prompt asks for; see ``sim.acting``
bigchunk      bytes     0        size of the first content chunk's string
size          bytes     0        of every content chunk's string: letters in place of words
clock         flag      0        every content chunk's string is the time of its write: 16 digits,
                                 microseconds of the machine's monotonic clock; before ``size``
obfuscation   flag      0        OpenAI's padding string in each chunk, the same every time
escape        flag      0        odd but valid JSON escapes and lone surrogates in the content
crlf          flag      0        line ends are CRLF
comments      count     0        ``: keepalive`` and this many line ends before each chunk;
                                 2 makes it a block of its own, which trips some SSE clients
id            text      varies   the answer's id; else it differs from call to call
prefill       flag      0        go on where a trailing assistant message stops
cached        count     0        tokens of the prompt that are said to come from a cache
vary          flag      0        another text at each call with the same prompt
nostream      flag      0        ignore ``stream`` and answer with whole JSON
nousage       flag      0        ignore ``stream_options.include_usage``
nofinish      flag      0        no chunk with a finish_reason
nodone        flag      0        no ``[DONE]``
drop          fault     0        cut the connection without an answer
hang          fault     0        never answer
status        fault     none     answer with this error status, 400-599
retryafter    fault     none     seconds (or a duration) in Retry-After, beside ``status``
contenttype   fault     none     ``html``: 200 with a web page
dropafter     fault     none     cut the connection after this many chunks
eofafter      fault     none     end the body cleanly after this many chunks
hangafter     fault     none     send nothing more after this many chunks, connection open
errorafter    fault     none     an in-stream error, then the end, after this many chunks
garbleafter   fault     none     an event of broken JSON after this many chunks, then go on
failfirst     count     none     only the first calls with this very name and prompt meet the
                                 faults; later ones are healthy
============  ========  =======  ==============================================================

The chunks a fault counts are those of content, reasoning and tool calls, over all choices;
the opening chunk with the role is not one. So ``dropafter=0`` cuts after the opening, and a
fault beyond the last token is never met. Of two ends the earlier wins, then the upper line.
In Gemini's API a tool call is one chunk, and there is no opening.
A whole answer meets the ends too: half its body is sent when the chunks would have been.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec


class BehaviourError(ValueError):
    """The model's name is no behaviour; ``key`` is the part that is wrong."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        super().__init__(f"{key!r}: {problem}")


class End(StrEnum):
    """How a body that does not run to its end stops."""

    DROP = "dropafter"
    EOF = "eofafter"
    HANG = "hangafter"
    ERROR = "errorafter"


class Behaviour(msgspec.Struct, frozen=True):
    """One parsed name. Times are seconds; the module's table says what each field does."""

    tokens: int = 50
    interval: float = 0.02
    ttft: float = 0.0
    batch: int = 1
    split: int = 0
    reasoning: int = 0
    tools: bool = False
    parallel: int = 1
    agent: bool = False
    bigchunk: int = 0
    size: int = 0
    clock: bool = False
    obfuscation: bool = False
    escape: bool = False
    crlf: bool = False
    comments: int = 0
    id: str | None = None
    prefill: bool = False
    cached: int = 0
    vary: bool = False
    nostream: bool = False
    nousage: bool = False
    nofinish: bool = False
    nodone: bool = False
    drop: bool = False
    hang: bool = False
    status: int | None = None
    retryafter: float | None = None
    contenttype: str | None = None
    dropafter: int | None = None
    eofafter: int | None = None
    hangafter: int | None = None
    errorafter: int | None = None
    garbleafter: int | None = None
    failfirst: int | None = None

    @property
    def end(self) -> tuple[End, int] | None:
        """The early end and the number of chunks before it; None if the answer runs through."""
        found: tuple[End, int] | None = None
        for end in End:
            after: int | None = getattr(self, end)
            if after is not None and (found is None or after < found[1]):
                found = (end, after)
        return found

    def at_call(self, ordinal: int) -> "Behaviour":
        """The behaviour of call number ``ordinal`` (from 1) with this name and prompt."""
        if self.failfirst is None or ordinal <= self.failfirst:
            return self
        return msgspec.structs.replace(self, **_HEALTHY)


def parse(model: str) -> Behaviour:
    """The behaviour that a model's name asks for.

    Raises:
        BehaviourError: a key is unknown or given twice, or a value is out of its range.
    """
    parts = [part.strip() for part in model.split(",")]
    if "=" not in model and _KEYS.keys().isdisjoint(parts):
        return Behaviour()
    values: dict[str, Any] = {}
    for part in parts:
        key, equals, text = part.partition("=")
        if key not in _KEYS:
            raise BehaviourError(key, "is not a key of the simulated provider")
        if key in values:
            raise BehaviourError(key, "is given twice")
        try:
            values[key] = _KEYS[key](text if equals else "1")
        except ValueError as error:
            raise BehaviourError(key, str(error)) from None
    if values.get("parallel", 1) > 1:
        values["tools"] = True
    _check_together(values)
    return Behaviour(**values)


def _check_together(values: dict[str, Any]) -> None:
    if "failfirst" in values and not (_HEALTHY.keys() - {"failfirst"}) & values.keys():
        raise BehaviourError("failfirst", "needs a fault beside it")
    if "retryafter" in values and "status" not in values:
        raise BehaviourError("retryafter", "needs a status beside it")


_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 12):
            raise ValueError("takes a whole number")
        if not low <= int(text) <= high:
            raise ValueError(f"takes a number from {low} to {high}")
        return int(text)

    return read


def _duration(text: str) -> float:
    for unit, seconds in (("ms", 0.001), ("s", 1.0)):
        number = text.removesuffix(unit)
        if number != text and _NUMBER.fullmatch(number):
            return float(number) * seconds
    if text == "0":
        return 0.0
    raise ValueError("takes a duration such as 20ms, 1.5s or 0")


def _seconds(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text) else _duration(text)


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("takes 0 or 1")
    return text == "1"


def _name(text: str) -> str:
    if not text:
        raise ValueError("takes a text")
    return text


def _content_type(text: str) -> str:
    if text != "html":
        raise ValueError("takes html")
    return text


_COUNT = _number(0, 10_000_000)
_SIZE = _number(0, 64 << 20)

_KEYS: dict[str, Callable[[str], Any]] = {
    "tokens": _COUNT,
    "interval": _duration,
    "ttft": _duration,
    "batch": _number(1, 10_000),
    "split": _SIZE,
    "reasoning": _COUNT,
    "tools": _flag,
    "parallel": _number(1, 128),
    "agent": _flag,
    "bigchunk": _SIZE,
    "size": _SIZE,
    "clock": _flag,
    "obfuscation": _flag,
    "escape": _flag,
    "crlf": _flag,
    "comments": _number(0, 2),
    "id": _name,
    "prefill": _flag,
    "cached": _COUNT,
    "vary": _flag,
    "nostream": _flag,
    "nousage": _flag,
    "nofinish": _flag,
    "nodone": _flag,
    "drop": _flag,
    "hang": _flag,
    "status": _number(400, 599),
    "retryafter": _seconds,
    "contenttype": _content_type,
    "dropafter": _COUNT,
    "eofafter": _COUNT,
    "hangafter": _COUNT,
    "errorafter": _COUNT,
    "garbleafter": _COUNT,
    "failfirst": _COUNT,
}

# What a call beyond ``failfirst`` no longer meets: every fault at its default.
_HEALTHY: dict[str, Any] = {
    "drop": False,
    "hang": False,
    "status": None,
    "retryafter": None,
    "contenttype": None,
    "dropafter": None,
    "eofafter": None,
    "hangafter": None,
    "errorafter": None,
    "garbleafter": None,
    "failfirst": None,
}
