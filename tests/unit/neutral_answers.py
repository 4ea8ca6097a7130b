"""Neutral answers of every kind, what they add up to, and how each dialect would say them."""

import json
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st

from broker.dialects.neutral.event import (
    ArgumentsDelta,
    CallStart,
    Event,
    RefusalDelta,
    Signed,
    Start,
    Stop,
    StopReason,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.signature import Signature
from broker.dialects.neutral.translation import Reader, Writer, reader, writer
from broker.dialects.neutral.usage import Usage
from broker.dialects.wire import decode_object, encode

CALLERS = ("chat", "messages", "responses")


class Whole(msgspec.Struct):
    """What an answer adds up to. A refusal is text too, for dialects that can't tell them apart."""

    said: str = ""
    thoughts: str = ""
    signatures: tuple[Signature, ...] = ()
    calls: tuple[tuple[str, str, Any], ...] = ()
    stop: str = ""
    usage: Usage | None = None


def fold(events: list[Event]) -> Whole:
    whole = Whole()
    calls: dict[int, list[str]] = {}
    for event in events:
        match event:
            case TextDelta(text) | RefusalDelta(text):
                whole.said += text
            case ThoughtDelta(text):
                whole.thoughts += text
            case Signed(signature):
                whole.signatures += (signature,)
            case CallStart(index, id, name):
                assert index == len(calls)
                calls[index] = [id, name, ""]
            case ArgumentsDelta(index, text):
                calls[index][2] += text
            case Stop(reason):
                assert not whole.stop
                whole.stop = reason
            case Usage():
                whole.usage = event
    whole.calls = tuple((id, name, json.loads(text)) for id, name, text in calls.values())
    whole.said = whole.said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole


def said(dialect: str, events: list[Event]) -> list[dict[str, Any]]:
    """An answer in a dialect, through its JSON."""
    target: Writer = writer(dialect, {}, 1700000000)
    found = [out for event in events for out in target.feed(event)] + target.end()
    return [decode_object(encode(event)) or {} for event in found]


def heard(dialect: str, events: list[dict[str, Any]], fallback: str = "fallback") -> list[Event]:
    """What a dialect's events say; ``fallback`` is the answer's id where they have none."""
    source: Reader = reader(dialect, fallback)
    return [found for event in events for found in source.feed(event)] + source.end()


def settled(events: list[Event], dialect: str) -> list[Event]:
    """What a dialect can say of an answer. Messages can't leave its usage unsaid."""
    refused = any(isinstance(event, RefusalDelta) for event in events)
    found = [_settled(event, dialect, refused) for event in events]
    silent = dialect == "messages" and not isinstance(found[-1], Usage)
    return [*found, Usage()] if silent else found


def _settled(event: Event, dialect: str, refused: bool) -> Event:
    match event:
        case RefusalDelta(text) if dialect == "messages":
            return TextDelta(text)
        case Stop("filter") if dialect == "messages":
            return Stop("refusal")
        case Stop("stop_sequence") if dialect != "messages":
            return Stop("end")
        case Stop("refusal") if dialect != "messages" and not refused:
            return Stop("filter")
        case _:
            return event


# ── Strategies ─────────────────────────────────────────────────────────────────────────

word = st.text("abcdefgh_", min_size=1, max_size=6)
# One half only: two that meet in one text are one character to JSON.
text = st.text(min_size=1, max_size=8) | st.sampled_from(["\ud83d", "a\ud83d", "\u2028\x00"])
counts = st.integers(0, 10**6)
sealed = st.text("abAB+/=", min_size=1, max_size=12)
signature = st.builds(
    Signature, st.sampled_from(["chat", "messages", "messages.redacted", "gemini"]), sealed
) | st.builds(Signature, st.just("responses"), sealed, word)
objects = st.dictionaries(word, st.integers() | word | st.none(), max_size=2)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    cached, cache_write, thoughts = draw(counts), draw(counts), draw(counts)
    return Usage(
        input=cached + cache_write + draw(counts),
        output=thoughts + draw(counts),
        cached=cached,
        cache_write=cache_write,
        reasoning=thoughts,
    )


def chopped(draw: st.DrawFn, whole: str) -> list[str]:
    cuts = sorted({0, len(whole), *draw(st.lists(st.integers(0, len(whole)), max_size=3))})
    return [whole[a:b] for a, b in pairwise(cuts)]


def _call(draw: st.DrawFn, index: int) -> list[Event]:
    arguments = json.dumps(draw(objects), ensure_ascii=draw(st.booleans()))
    start = CallStart(index, f"call_{index}", draw(word))
    return [start, *(ArgumentsDelta(index, part) for part in chopped(draw, arguments))]


def _pieces(draw: st.DrawFn, calling: bool, refusing: bool) -> list[Event]:
    events: list[Event] = []
    kinds = ["text", "thought", *(["call"] if calling else []), *(["refusal"] if refusing else [])]
    index = 0
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=6)):
        texts = draw(st.lists(text, min_size=1, max_size=3))
        if kind == "text":
            events += [TextDelta(each) for each in texts]
        elif kind == "refusal":
            events += [RefusalDelta(each) for each in texts]
        elif kind == "thought":
            events += [ThoughtDelta(each) for each in texts if draw(st.booleans())]
            events += [Signed(each) for each in draw(st.lists(signature, max_size=2))]
        else:
            events += _call(draw, index)
            index += 1
    return events


def _reason(draw: st.DrawFn, events: list[Event]) -> Stop:
    if any(isinstance(event, CallStart) for event in events):
        return Stop(draw(st.sampled_from(["tool_calls", "length", "filter"])))
    if any(isinstance(event, RefusalDelta) for event in events):
        return Stop(draw(st.sampled_from(["refusal", "length", "filter"])))
    plain: list[StopReason] = ["end", "length", "filter", "refusal", "stop_sequence"]
    reason = draw(st.sampled_from(plain))
    return Stop(reason, draw(word) if reason == "stop_sequence" else None)


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """A whole answer, its calls one after the other."""
    calling = draw(st.booleans())
    events = _pieces(draw, calling, refusing=not calling)
    counted: list[Event] = [draw(usages())] if draw(st.booleans()) else []
    return [Start(draw(word), draw(word)), *events, _reason(draw, events), *counted]


@st.composite
def tangled(draw: st.DrawFn) -> list[Event]:
    """An answer of calls that come interleaved, and text among them."""
    lanes = [_call(draw, index) for index in range(draw(st.integers(2, 4)))]
    lanes.append([TextDelta(each) for each in draw(st.lists(text, max_size=2))])
    events: list[Event] = []
    begun = 0  # calls are numbered as they begin
    while any(lanes):
        open_lanes = [
            lane
            for lane in lanes
            if lane and not (isinstance(lane[0], CallStart) and lane[0].index > begun)
        ]
        event = draw(st.sampled_from(open_lanes)).pop(0)
        begun += isinstance(event, CallStart)
        events.append(event)
    return [Start("id", "model"), *events, Stop("tool_calls"), draw(usages())]
