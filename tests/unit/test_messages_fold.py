"""The fold of messages: what the official client puts together, and more."""

import json
from typing import Any

import msgspec
import pytest
from anthropic._models import construct_type
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from jiter import from_json

from broker.dialects.messages import MessagesView, fold
from broker.dialects.messages.fold import events_of
from broker.dialects.messages.partial import parse
from broker.frames import Frame, Kind, data_frame, data_of
from broker.model import JobState, Terminal
from tests.unit.messages_streams import ALL, ODD, STREAMS, Event, frames_of


def accumulated(events: list[Event]) -> dict[str, Any]:
    """What the official client makes of the events."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        typed: Any = construct_type(type_=RawMessageStreamEvent, value=event)
        snapshot = accumulate_event(event=typed, current_snapshot=snapshot, json_bufs=buffers)
    found: dict[str, Any] = json.loads(snapshot.to_json())
    return found


def bare(message: dict[str, Any]) -> dict[str, Any]:
    """Without the nulls that the client sets by itself."""
    kept = {key: value for key, value in message.items() if value is not None}
    return {**kept, "content": [dict(block) for block in message["content"]]}


@pytest.mark.parametrize("name", STREAMS)
def test_it_is_what_the_official_client_accumulates(name: str) -> None:
    events = json.loads(json.dumps(STREAMS[name]))
    folded = fold(frames_of(events))
    expected = bare(accumulated(events))
    for block in expected["content"]:
        if block.get("citations") is None:
            block.pop("citations", None)
    assert bare(folded) == expected


@pytest.mark.parametrize("name", ALL)
def test_a_whole_message_is_the_fold_of_its_own_events(name: str) -> None:
    whole = json.loads(json.dumps(fold(frames_of(ALL[name]))))  # halves that met are one
    assert fold(frames_of(events_of(whole))) == whole


def test_what_nobody_has_heard_of_is_kept() -> None:
    folded = {name: fold(frames_of(events)) for name, events in ODD.items()}
    hologram, text = folded["a block of tomorrow"]["content"]
    assert hologram == {"type": "hologram", "depth": 3, "frames": [{"a": 1}], "angle": 7}
    assert text == {"type": "text", "text": "a"}
    tomorrow = folded["fields of tomorrow"]
    assert tomorrow["content"] == [{"type": "text", "text": "a", "colour": "blue", "weight": 0.5}]
    assert (tomorrow["mood"], tomorrow["context_management"]) == ("calm", {"applied_edits": []})
    assert folded["a tool of another server"]["content"][0]["input"] == {"a": 1}
    assert folded["a delta without a start"]["content"] == [{"type": "text", "text": "a"}]
    assert folded["two starts"]["id"] == "msg_1"


def test_a_whole_answer_is_given_back_as_it_is() -> None:
    frames = [data_frame(Kind.WHOLE, b'{"content":[],"x":1}')]
    assert fold(frames) == {"content": [], "x": 1}


def test_what_is_no_event_is_passed_over() -> None:
    odd = [Frame(Kind.DIALECT, b"data: x"), Frame(Kind.NATIVE, b'data: {"type":"message_start"}')]
    assert fold(odd)["content"] == []


# ── A tool's input, cut off ────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.floats(0, 1))
def test_what_is_whole_of_an_input_is_what_the_client_keeps(value: Any, cut: float) -> None:
    text = json.dumps(value)
    assert parse(text) == value
    part = text[: max(1, int(cut * len(text)))]
    assert parse(part) == from_json(part.encode(), partial_mode=True)


# ── The view ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ALL)
def test_in_is_out(name: str) -> None:
    """Event by event, as JSON; a ``message_stop`` is the terminal's to say."""
    frames = frames_of(ALL[name])
    shown = MessagesView().render(2, [*frames, Frame(Kind.TERMINAL, b'{"state":"completed"}')])
    *events, nothing = shown.split(b"\n\n")
    assert nothing == b""
    got = [event.split(b"\n", 2) for event in events]
    ids = [int(lines[0].removeprefix(b"id: ")) for lines in got]
    assert ids == sorted(set(ids))
    assert ids[-1] == 2 + len(frames)
    told = [json.loads(lines[2].removeprefix(b"data: ")) for lines in got]
    assert all(
        lines[1] == b"event: " + e["type"].encode() for lines, e in zip(got, told, strict=True)
    )
    sent = [event for event in ALL[name] if event["type"] != "message_stop"]
    assert told == [*sent, {"type": "message_stop"}]


def test_a_last_event_that_says_more_is_the_terminal() -> None:
    closing = '{"type": "message_stop", "metrics": {"latency": 1e1}}'
    body = msgspec.json.encode(Terminal(JobState.COMPLETED, closing=closing))
    shown = MessagesView().render(7, [Frame(Kind.TERMINAL, body)])
    assert shown.decode() == f"id: 7\nevent: message_stop\ndata: {closing}\n\n"


@pytest.mark.parametrize(
    ("terminal", "kind", "failure"),
    [
        (b'{"state":"cancelled"}', "invalid_request_error", "cancelled"),
        (b'{"state":"failed"}', "api_error", "job_failed"),
        (
            b'{"state":"failed","error":{"type":"provider_error","message":"m","status":502,'
            b'"provider_status":529}}',
            "overloaded_error",
            "provider_error",
        ),
        (
            b'{"state":"failed","error":{"type":"provider_timeout","message":"m","status":504}}',
            "timeout_error",
            "provider_timeout",
        ),
    ],
)
def test_an_end_without_an_answer(terminal: bytes, kind: str, failure: str) -> None:
    shown = MessagesView().render(7, [Frame(Kind.TERMINAL, terminal)])
    assert shown.startswith(b"id: 7\nevent: error\ndata: ")
    told = json.loads(data_of(shown.rstrip(b"\n")))
    assert told["type"] == "error"
    assert (told["error"]["type"], told["error"]["failure"]) == (kind, failure)


def test_a_whole_answer_is_spread_over_events_that_belong_together() -> None:
    whole = fold(frames_of(ALL["text and two tools"]))
    frame = data_frame(Kind.WHOLE, json.dumps(whole).encode())
    shown = MessagesView().render(2, [frame]).split(b"\n\n")[:-1]
    ids = [int(event.split(b"\n")[0][4:]) for event in shown]
    assert (set(ids[:-1]), ids[-1]) == ({1}, 2)
    events = [json.loads(data_of(event)) for event in shown]
    assert fold(frames_of(events)) == whole
    assert MessagesView() == MessagesView()
    assert hash(MessagesView()) == hash(MessagesView())
