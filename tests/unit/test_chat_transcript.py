"""Where a begun answer stands."""

import json
from typing import Any

import pytest

from broker.dialects.chat import Transcript
from broker.frames import Frame, Kind, data_frame
from tests.unit.chopped import frames_of


def attempt(number: int = 1, **more: Any) -> Frame:
    return data_frame(Kind.NATIVE, json.dumps({"number": number, **more}).encode(), b"attempt")


def chunk(delta: dict[str, Any], index: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": index, "delta": delta, **more}]}


def read(*chunks: dict[str, Any]) -> Transcript:
    return Transcript.of([attempt(), *frames_of(*chunks)])


CALL = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"'}}]}


@pytest.mark.parametrize(
    ("chunks", "silent", "prefillable"),
    [
        pytest.param([], True, False, id="nothing"),
        pytest.param([chunk({"role": "assistant", "content": ""})], True, False, id="a role"),
        pytest.param([{"id": "c", "choices": []}], True, False, id="a keep-alive"),
        pytest.param([chunk({"content": "a"})], False, True, id="text"),
        pytest.param([chunk({"content": "a"}), chunk({"content": None})], False, True, id="null"),
        pytest.param([chunk({"reasoning_content": "a"})], False, False, id="a thought"),
        pytest.param(
            [chunk({"reasoning": "a"}), chunk({"content": "b"})], False, True, id="thought, text"
        ),
        pytest.param([chunk({"refusal": "a"})], False, False, id="a refusal"),
        pytest.param([chunk({"content": "a"}), chunk(CALL)], False, False, id="a tool call"),
        pytest.param(
            [chunk({"content": "a"}), chunk({"function_call": {"name": "f", "arguments": ""}})],
            False,
            False,
            id="a call of old",
        ),
        pytest.param([chunk({"audio": {"id": "a"}})], False, False, id="audio"),
        pytest.param([chunk({"content": "a"}), chunk({"content": "b"}, 1)], False, False, id="two"),
        pytest.param([chunk({"content": "a"}, 1)], False, False, id="another choice"),
        pytest.param([chunk({}, finish_reason="stop")], False, False, id="a finish"),
        pytest.param(
            [chunk({"content": "a"}), chunk({}, finish_reason="stop")], False, False, id="ended"
        ),
        pytest.param([chunk({"content": "\ud83d"})], False, False, id="half a character"),
        pytest.param(
            [chunk({"content": "\ud83d"}), chunk({"content": "\ude00"})], False, True, id="both"
        ),
        pytest.param([chunk({"content": [{"type": "text"}]})], False, False, id="parts"),
    ],
)
def test_whether_another_attempt_can_go_on(
    chunks: list[dict[str, Any]], silent: bool, prefillable: bool
) -> None:
    transcript = Transcript.of(
        data_frame(Kind.DIALECT, json.dumps(chunk).encode()) for chunk in chunks
    )
    assert (transcript.silent, transcript.prefillable) == (silent, prefillable)


def test_the_text_is_whole_characters_where_halves_met() -> None:
    halves = [b'"a\\ud83d"', b'"\\ude00b"']
    frames = [
        data_frame(Kind.DIALECT, b'{"choices":[{"delta":{"content":%b}}]}' % half)
        for half in halves
    ]
    assert Transcript.of(frames).text() == "a😀b"


def test_the_identity_is_the_first_that_says_something() -> None:
    filtered = {"id": "", "created": 0, "model": "", "choices": []}
    transcript = read(
        filtered, {"id": "c1", "created": 5, "model": "m"}, {"id": "c2", "service_tier": "x"}
    )
    assert transcript.identity == {"id": "c1", "created": 5, "model": "m", "service_tier": "x"}


def test_complete_is_a_finish_for_every_choice() -> None:
    one, two = chunk({}, finish_reason="stop"), chunk({}, 1, finish_reason="length")
    assert read(one).complete(1)
    assert not read(one).complete(2)
    assert not read(one, one).complete(2)
    assert read(one, two).complete(2)
    assert not read().complete(1)


def test_a_whole_answer_is_complete() -> None:
    answer = {"id": "w", "choices": [{"index": 0, "message": {"content": "hi"}}], "usage": {"a": 1}}
    transcript = Transcript.of([attempt(), data_frame(Kind.WHOLE, json.dumps(answer).encode())])
    assert transcript.complete(1)
    assert not transcript.silent
    assert not transcript.prefillable
    assert (transcript.text(), transcript.length, transcript.usage) == ("hi", 2, {"a": 1})


def test_what_each_attempt_delivered_is_told_apart() -> None:
    first = frames_of(chunk({"role": "assistant", "content": "abc"}), chunk(CALL))
    second = frames_of(chunk({"content": "de", "reasoning": "f"}))
    transcript = Transcript.of([attempt(), *first, attempt(2, mode="continue"), *second])
    assert (transcript.before, transcript.length) == (5, 8)


def test_the_usage_is_the_last_attempts_own() -> None:
    said = data_frame(Kind.USAGE, b'{"choices":[],"usage":{"total_tokens":3}}')
    assert Transcript.of([attempt(), said]).usage == {"total_tokens": 3}
    assert Transcript.of([attempt(), said, attempt(2)]).usage is None
    # A sum over attempts is nobody's own.
    assert Transcript.of([attempt(), attempt(2, mode="replay"), said]).usage is None


def test_what_is_no_chunk_is_passed_over() -> None:
    odd = [
        {"choices": 5},
        {"choices": ["x", None]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"tool_calls": "x"}}]},
        {"choices": [{"delta": {"tool_calls": [7, {"function": {"arguments": {"a": 1}}}]}}]},
    ]
    frames = [Frame(Kind.DIALECT, b"data: no JSON"), Frame(Kind.NATIVE, b"data: x"), attempt()]
    end = Frame(Kind.TERMINAL, b'{"state":"failed"}')
    transcript = Transcript.of([*frames, *frames_of(*odd), end])
    assert not transcript.prefillable
    assert not transcript.complete(1)
    assert transcript.length >= 0
