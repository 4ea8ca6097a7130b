"""The neutral events: what an answer says, in no dialect's words.

An answer of one choice is

    Start  (TextDelta | RefusalDelta | ThoughtDelta | Signed | CallStart | ArgumentsDelta)*
    Stop  Usage?

A delta is never empty. The parts of different tool calls may come interleaved, told apart by
their index, which counts an answer's calls from 0; every call has some arguments, ``{}`` at
least. Usage may come more than once and sooner: each is the total so far, the last one holds.
An answer that breaks off has no Stop; one that its provider ends with an error has a Failed.
"""

from typing import Literal

import msgspec

from broker.dialects.neutral.signature import Signature
from broker.dialects.neutral.usage import Usage


class Start(msgspec.Struct, frozen=True):
    """The answer begins. Either may be empty if the provider gave none."""

    id: str
    model: str


class TextDelta(msgspec.Struct, frozen=True):
    """More text; it may be cut within a character, between the halves of a surrogate pair."""

    text: str


class RefusalDelta(msgspec.Struct, frozen=True):
    """More of what the model says instead of an answer."""

    text: str


class ThoughtDelta(msgspec.Struct, frozen=True):
    """More reasoning."""

    text: str


class Signed(msgspec.Struct, frozen=True):
    """The signature of the reasoning since the last one; ends that piece of it."""

    signature: Signature


class CallStart(msgspec.Struct, frozen=True):
    """A tool call begins."""

    index: int
    id: str
    name: str


class ArgumentsDelta(msgspec.Struct, frozen=True):
    """More of the JSON text of a call's arguments."""

    index: int
    text: str


StopReason = Literal["end", "length", "tool_calls", "stop_sequence", "filter", "refusal"]


class Stop(msgspec.Struct, frozen=True):
    """Why the answer ends. ``sequence`` is the stop sequence that was met, where known."""

    reason: StopReason
    sequence: str | None = None


ErrorKind = Literal[
    "invalid_request",
    "authentication",
    "permission",
    "billing",
    "not_found",
    "too_large",
    "rate_limit",
    "overloaded",
    "timeout",
    "provider",
]


class Failed(msgspec.Struct, frozen=True):
    """The provider reports an error in place of the rest.

    ``code`` is ours where the error is: the rest can't be told.
    """

    kind: ErrorKind
    message: str = ""
    code: str | None = None


def untold(what: str) -> Failed:
    """The end of an answer that holds something that callers of other dialects can't be given."""
    message = f"The model answered with {what}, which can't be expressed in the caller's dialect."
    return Failed("invalid_request", message, "unexpressible_answer")


Event = (
    Start
    | TextDelta
    | RefusalDelta
    | ThoughtDelta
    | Signed
    | CallStart
    | ArgumentsDelta
    | Stop
    | Usage
    | Failed
)
