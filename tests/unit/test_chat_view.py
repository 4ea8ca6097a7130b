"""The chat view: the dialect's own stream, whichever way it was made."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.dialects import View
from broker.dialects.chat import ChatView, error_body, failure_error
from broker.dialects.native import NativeView
from broker.frames import Frame, Kind, data_frame
from broker.model import Failure, JobState, Terminal

PROPERTY = settings(max_examples=150, derandomize=True, deadline=None)
BARE, ASKED = ChatView(include_usage=False), ChatView(include_usage=True)


def ending(terminal: Terminal) -> Frame:
    return Frame(Kind.TERMINAL, msgspec.json.encode(terminal))


def data(text: bytes) -> Any:
    """The JSON of the only event in a text."""
    assert text.count(b"\n\n") == 1
    return json.loads(text.partition(b"data: ")[2])


def test_the_dialects_frames_are_as_they_came() -> None:
    frames = [
        data_frame(Kind.NATIVE, b"{}", b"attempt"),
        data_frame(Kind.DIALECT, b'{"a":"\\u00e9\\/"}'),
        data_frame(Kind.USAGE, b'{"usage":1}'),
        ending(Terminal(JobState.COMPLETED)),
    ]
    assert BARE.render(1, frames) == b'id: 2\ndata: {"a":"\\u00e9\\/"}\n\nid: 4\ndata: [DONE]\n\n'
    assert ASKED.render(1, frames) == (
        b'id: 2\ndata: {"a":"\\u00e9\\/"}\n\nid: 3\ndata: {"usage":1}\n\nid: 4\ndata: [DONE]\n\n'
    )


def test_a_kind_of_a_later_version_is_skipped() -> None:
    assert ASKED.render(1, [Frame(9, b"?"), Frame(0, b"data: x")]) == b"id: 2\ndata: x\n\n"


@pytest.mark.parametrize(
    ("terminal", "error"),
    [
        (
            Terminal(
                JobState.FAILED,
                error=Failure("rate_limited", "Slow\ndown.", code="c", provider_status=429),
            ),
            {
                "message": "Slow\ndown.",
                "type": "rate_limited",
                "param": None,
                "code": "c",
                "provider_status": 429,
            },
        ),
        (
            Terminal(JobState.FAILED),
            {
                "message": "The job ended without an answer.",
                "type": "job_failed",
                "param": None,
                "code": "job_failed",
            },
        ),
        (
            Terminal(JobState.CANCELLED),
            {
                "message": "The job was cancelled.",
                "type": "cancelled",
                "param": None,
                "code": "cancelled",
            },
        ),
    ],
)
def test_an_end_without_an_answer_is_an_error_event(terminal: Terminal, error: object) -> None:
    text = BARE.render(5, [ending(terminal)])
    assert text.startswith(b"id: 5\nevent: error\ndata: {")
    assert text.count(b"\n") == 4
    assert data(text) == {"error": error}


def test_an_error_has_the_dialects_four_keys() -> None:
    assert error_body("m", "t", None, "c", request_id="r") == {
        "error": {"message": "m", "type": "t", "param": None, "code": "c", "request_id": "r"}
    }
    assert failure_error(Failure("t", "m", param="p")) == error_body("m", "t", "p", None)


# ── A whole answer ─────────────────────────────────────────────────────────────────────

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGE = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [CALL, CALL]}
WHOLE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": MESSAGE, "logprobs": None, "finish_reason": "tool_calls"},
        {"index": 1, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"},
    ],
    "usage": {"total_tokens": 3},
}


def whole(answer: Any) -> Frame:
    return data_frame(Kind.WHOLE, json.dumps(answer, indent=1).encode())


def test_a_whole_answer_is_one_chunk() -> None:
    text = ASKED.render(2, [whole(WHOLE)])
    assert text.startswith(b"id: 2\ndata: {")
    chunk = data(text)
    assert chunk["object"] == "chat.completion.chunk"
    assert chunk["usage"] == {"total_tokens": 3}
    assert chunk["id"] == "chatcmpl-1"
    first, second = chunk["choices"]
    assert first["finish_reason"] == "tool_calls"
    assert [call["index"] for call in first["delta"]["tool_calls"]] == [0, 1]
    assert second == {
        "index": 1,
        "delta": {"role": "assistant", "content": "hi"},
        "finish_reason": "stop",
    }


def test_usage_is_for_those_who_asked() -> None:
    assert "usage" not in data(BARE.render(2, [whole(WHOLE)]))
    assert "usage" not in data(ASKED.render(2, [whole({**WHOLE, "usage": None})]))


def test_half_a_surrogate_in_a_whole_answer_is_kept() -> None:
    answer = {"choices": [{"message": {"content": "\ud83d"}}]}
    assert data(ASKED.render(1, [whole(answer)]))["choices"][0]["delta"]["content"] == "\ud83d"


@pytest.mark.parametrize(
    "answer", [[], 1, {}, {"choices": None}, {"choices": [1]}, {"choices": [{"message": 1}]}]
)
def test_a_strange_whole_answer_is_still_one_chunk(answer: Any) -> None:
    chunk = data(ASKED.render(1, [whole(answer)]))
    assert chunk["object"] == "chat.completion.chunk"
    assert isinstance(chunk["choices"], list)


# ── Any split gives the same bytes ─────────────────────────────────────────────────────

data_text = st.text(max_size=20).map(lambda text: json.dumps({"a": text}).encode())
ending_frame = st.builds(
    Terminal,
    st.sampled_from([JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED]),
    st.none() | st.just({"total_tokens": 1}),
    st.none() | st.builds(Failure, st.text(max_size=5), st.text(max_size=5)),
).map(ending)
frame = st.one_of(
    st.builds(data_frame, st.sampled_from([Kind.DIALECT, Kind.USAGE, Kind.WHOLE]), data_text),
    st.builds(data_frame, st.just(Kind.NATIVE), data_text, st.just(b"attempt")),
    st.just(whole(WHOLE)),
    ending_frame,
)


@PROPERTY
@given(
    st.sampled_from([BARE, ASKED, NativeView("req_1")]),
    st.integers(1, 10**6),
    st.lists(frame, max_size=12),
    st.sets(st.integers(0, 12)),
)
def test_rendering_is_independent_of_the_split(
    view: View, first: int, frames: list[Frame], cuts: set[int]
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut <= len(frames)), len(frames)]
    pieces = [view.render(first + start, frames[start:end]) for start, end in pairwise(edges)]
    text = view.render(first, frames)
    assert b"".join(pieces) == text
    assert b"\r" not in text
    events = text.split(b"\n\n")
    assert events.pop() == b""
    assert all(event.startswith(b"id: ") and event.count(b"data: ") >= 1 for event in events)
    ids = [int(event.split(b"\n")[0][4:]) for event in events]
    assert ids == sorted(set(ids))


def test_equal_views_are_one_key() -> None:
    assert len({BARE, ASKED, ChatView(include_usage=True)}) == 2
