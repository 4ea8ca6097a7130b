"""The fold of responses, whole and as far as they came; what a transcript reads out of one."""

from typing import Any

import msgspec
import pytest

from broker.dialects.responses import Inbound, Transcript, fold
from broker.dialects.responses.dialect import RESPONSES, begins_call
from broker.dialects.responses.event import made_frame
from broker.dialects.responses.told import tell
from broker.frames import Frame, Kind, data_frame
from broker.model import JobState, Terminal
from tests.unit.responses_streams import (
    STREAMS,
    USAGE,
    added,
    at,
    call,
    called,
    created,
    delta,
    ended,
    message,
    objects,
    spoken,
    thought,
)
from tests.unit.test_responses_events import OURS, frames_of


def made(*events: Any) -> list[Frame]:
    return [made_frame(event) for event in events]


def attempt(**notice: Any) -> Frame:
    return data_frame(Kind.NATIVE, msgspec.json.encode(notice), b"attempt")


@pytest.mark.parametrize("name", STREAMS)
def test_the_end_says_all(name: str) -> None:
    *_, last = objects(STREAMS[name])
    folded, said = fold(frames_of(STREAMS[name])), {**last["response"], "id": OURS}
    if not said.get("output"):
        folded.pop("output", None)
        said.pop("output", None)
    assert folded == said


def test_an_end_without_output_leaves_what_was_told() -> None:
    told = [created(), *spoken(0, "Hal", "lo"), *called(1, "{}"), added(2, **message(2))]
    folded = fold(made(*told, delta("x", 2), added(3, **message(3)), ended(output=[])))
    assert folded["status"] == "completed"
    hello, called_, late = folded["output"]
    assert (hello, called_) == (message(0, "Hallo"), call(1, "{}"))
    assert (late["status"], late["content"]) == (
        "completed",
        [{"type": "output_text", "text": "x"}],
    )


def test_a_text_whose_item_never_began_has_one() -> None:
    (item,) = fold(made(created(), delta("x", 5), delta("y", 5)))["output"]
    assert item == {
        "id": "item_5",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "xy"}],
    }


@pytest.mark.parametrize(
    "name", ["a message", "a call", "parallel calls, interleaved", "thoughts, then words"]
)
def test_what_came_before_the_end_adds_up_to_the_same(name: str) -> None:
    *begun, end = STREAMS[name]
    assert isinstance(end, dict)
    assert fold(made(*begun))["output"] == end["response"]["output"]


def test_each_kind_of_text_is_put_together_as_it_comes() -> None:
    frames = made(
        created(),
        *thought(0, "a")[:-3],
        delta("b", 0, "reasoning_summary_text"),
        added(1, **message(1)),
        delta("no part was begun", 1),
        added(2, **call(2)),
        delta('{"a', 2, "function_call_arguments", None),
        added(3, type="message"),
        delta("I ", 3, "refusal"),
        delta("can't", 3, "refusal"),
        delta("another part", 3, "output_text", 1),
    )
    thinks, speaks, calls, refuses = fold(frames)["output"]
    assert thinks["summary"] == [{"type": "summary_text", "text": "ab"}]
    assert speaks["content"] == [{"type": "output_text", "text": "no part was begun"}]
    assert calls["arguments"] == '{"a'
    assert refuses["content"] == [
        {"type": "refusal", "refusal": "I can't"},
        {"type": "output_text", "text": "another part"},
    ]


def test_annotations_are_kept() -> None:
    frames = made(*[event for event in STREAMS["annotations"][:-1] if isinstance(event, dict)])
    (item,) = fold(frames)["output"]
    assert item["content"][0]["text"] == "see"
    assert item["content"][0]["annotations"][0]["url"] == "https://e.org"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "delta": "x"},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "x"},
        at("output_text.delta", 0, 10**9, delta="x"),
        at("output_text.delta", 0, -1, delta="x"),
        at("output_text.delta", delta=5),
        {"type": "response.output_item.added", "output_index": 0, "item": 5},
        {"type": "response.created", "response": None},
        {"type": None},
        at("content_part.added", 0) | {"part": "x"},
        at("output_text.annotation.added", 7),
    ],
)
def test_events_that_make_no_sense_are_passed_over(event: Any) -> None:
    frames = made(created(), added(0, **message(0)), delta("x"))
    frames.append(data_frame(Kind.DIALECT, msgspec.json.encode(event), b"odd"))
    (item,) = fold(frames)["output"]
    assert item["content"] == [{"type": "output_text", "text": "x"}]


def test_nothing_folds_into_nothing() -> None:
    assert fold([]) == {}
    assert fold([attempt(number=1), Frame(Kind.DIALECT, b"event: x\ndata: [1]")]) == {}


# ── Whole answers ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", STREAMS)
def test_a_whole_answer_told_as_events_folds_into_itself(name: str) -> None:
    response = fold(frames_of(STREAMS[name]))
    told = tell(response)
    assert told[0]["type"] == "response.created"
    assert fold(made(*told)) == response
    assert fold(made(*told[:-1])).get("output") == (response.get("output") or [])


# ── Transcripts ────────────────────────────────────────────────────────────────────────


def test_a_response_that_was_only_begun_is_silent() -> None:
    begun = [created(), {"type": "response.in_progress", "response": {"id": "x"}}]
    assert Transcript.of([]).silent
    assert Transcript.of(made(*begun)).silent
    assert not Transcript.of(made(*begun, added(0, **message(0)))).silent
    assert not Transcript.of(made(*begun, ended())).silent


def test_how_much_was_said() -> None:
    said = Transcript.of(made(created(), *thought(0, "abc"), *spoken(1, "de"), *called(2, "{}")))
    assert (said.length, said.text(), said.before) == (7, "de", 0)
    assert not said.prefillable
    assert not said.complete(1)


@pytest.mark.parametrize(
    ("status", "complete"), [("completed", True), ("incomplete", True), ("failed", False)]
)
def test_what_is_complete(status: str, complete: bool) -> None:
    assert Transcript.of(made(created(), ended(status))).complete(1) is complete


def test_usage_is_the_last_attempts_own() -> None:
    once = [attempt(number=1), *made(created(), *spoken(0, "ab"), ended(usage=USAGE))]
    assert Transcript.of(once).usage == USAGE
    again = [*made(created(), *spoken(0, "ab")), attempt(number=2, mode="replay")]
    joined = Transcript.of([*again, *made(ended(usage=USAGE))])
    assert (joined.usage, joined.before) == (None, 2)  # what readers see there is a sum
    terminal = Frame(Kind.TERMINAL, msgspec.json.encode(Terminal(JobState.FAILED)))
    assert Transcript.of([*once, terminal]).usage == USAGE


def test_an_estimate_counts_characters() -> None:
    usage = RESPONSES.estimate(RESPONSES.prompt({"model": "m", "input": "x" * 36}), 8, 3, None)
    assert usage == {
        "input_tokens": 10,
        "output_tokens": 2,
        "total_tokens": 12,
        "estimated": True,
    }
    assert RESPONSES.estimate(None, 0, 9, None)["output_tokens"] == 1
    said = {"input_tokens": 3, "output_tokens": 5}
    known = RESPONSES.estimate(None, 8, 3, said)
    assert known == said | {"total_tokens": 8, "estimated": True}


@pytest.mark.parametrize(
    ("event", "begins"),
    [
        (added(0, **call(0)), True),
        (added(0, type="web_search_call"), True),
        (added(0, **message(0)), False),
        (added(0, type="reasoning"), False),
        (delta('"type":"function_call"'), False),
    ],
)
def test_where_a_tool_call_begins(event: Any, begins: bool) -> None:
    assert begins_call(Inbound(OURS, {}).frame(event["type"], msgspec.json.encode(event))) is begins
