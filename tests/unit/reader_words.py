"""What readers of answers make of some events, in words to compare."""

from typing import Any

from broker.dialects.neutral.event import (
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    RefusalDelta,
    Stop,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.translation import reader

Object = dict[str, Any]


def heard(dialect: str, *events: Object) -> list[Event]:
    source = reader(dialect, "r")
    return [found for event in events for found in source.feed(event)] + source.end()


def end(events: list[Event]) -> str:
    """How an answer ends: its reason, or ``failed`` and our code, if it is ours."""
    last = next(each for each in reversed(events) if isinstance(each, Stop | Failed))
    return last.reason if isinstance(last, Stop) else f"failed {last.code or ''}".strip()


def said(events: list[Event]) -> list[tuple[str, str]]:
    """What it says: text, thought, refusal, call, arguments."""
    names = {TextDelta: "text", ThoughtDelta: "thought", RefusalDelta: "refusal"}
    found = []
    for event in events:
        match event:
            case TextDelta(text) | ThoughtDelta(text) | RefusalDelta(text):
                found.append((names[type(event)], text))
            case CallStart(_, _, name):
                found.append(("call", name))
            case ArgumentsDelta(_, text):
                found.append(("arguments", text))
    return found
