"""Asking for the rest of an answer, holding tool calls."""

import json
from typing import Any

import pytest

from broker.dialects.chat import Transcript
from broker.dialects.chat.dialect import CHAT
from broker.dialects.messages.dialect import MESSAGES as ANTHROPIC
from broker.dialects.responses.dialect import RESPONSES
from broker.dialects.responses.event import made_frame
from broker.frames import Frame, Kind, data_frame, data_of
from tests.unit.generate_rig import chunk, stop, usage
from tests.unit.messages_streams import frames_of as messages_frames
from tests.unit.messages_streams import text
from tests.unit.responses_streams import added, called, done, spoken, thought
from workers.joining import Joining, ToolCalls
from workers.providers.base import ProviderFailure

# ── The request ────────────────────────────────────────────────────────────────────────

MESSAGES = [{"role": "user", "content": "?"}]
SAID = Transcript.of([*chunk("12345678"), *chunk({"reasoning": "1234"})])


def asked(request: dict[str, Any], mode: Any = "continue") -> Any:
    before = json.dumps(request)
    result = Joining(CHAT, SAID, mode, None).request(request)
    assert json.dumps(request) == before
    return result


def test_the_partial_answer_is_the_last_message() -> None:
    partial = {"role": "assistant", "content": "12345678"}
    request = {"model": "m", "messages": MESSAGES, "temperature": 0}
    assert asked(request) == {**request, "messages": [*MESSAGES, partial]}


@pytest.mark.parametrize("key", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(("limit", "left"), [(10, 7), (4, 1), (2, 1), (None, None)])
def test_a_limit_has_what_is_left(key: str, limit: int | None, left: int | None) -> None:
    assert asked({"messages": MESSAGES, key: limit})[key] == left


@pytest.mark.parametrize("mode", ["replay", "fresh"])
def test_otherwise_the_same_is_asked_again(mode: str) -> None:
    request = {"messages": MESSAGES, "max_tokens": 10}
    assert asked(request, mode=mode) == request


# ── The frames ─────────────────────────────────────────────────────────────────────────


def joined(mode: Any, *frames: Frame, spent: dict[str, Any] | None = None) -> list[Any]:
    way = Joining(CHAT, Transcript.of(chunk("Hel")), mode, spent)
    return [(frame.kind, json.loads(data_of(frame.body))) for frame in way.join(frames)]


def test_usage_is_the_sum() -> None:
    bare = data_frame(Kind.USAGE, b'{"usage":{"total_tokens":4}}')
    got = joined("continue", *usage(4), bare, spent={"total_tokens": 3, "estimated": True})
    assert [kind for kind, _ in got] == [Kind.USAGE, Kind.USAGE]
    assert got[0][1]["usage"] == got[1][1]["usage"] == {"total_tokens": 7, "estimated": True}


def test_a_usage_that_is_not_the_calls_is_left_alone() -> None:
    (end,) = chunk("lo", x_groq={"usage": {"total_tokens": 4}})
    ((kind, got),) = joined("continue", end, spent={"total_tokens": 3})
    assert (kind, got) == (Kind.DIALECT, json.loads(data_of(end.body)))


@pytest.mark.parametrize(("mode", "content"), [("continue", "lo"), ("replay", "Hello")])
def test_a_whole_answer_is_a_chunk_and_its_usage(mode: str, content: str) -> None:
    message = {"role": "assistant", "content": content}
    whole = {
        "id": "w",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"total_tokens": 4},
    }
    frame = data_frame(Kind.WHOLE, json.dumps(whole).encode())
    first, second = joined(mode, frame, spent={"total_tokens": 3})
    end = {"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}
    kind = "chat.completion.chunk"
    assert first == (Kind.DIALECT, {"id": "c", "choices": [end], "object": kind})
    summed = {"id": "c", "choices": [], "object": kind, "usage": {"total_tokens": 7}}
    assert second == (Kind.USAGE, summed)


@pytest.mark.parametrize("frames", [chunk("Hex"), stop(), chunk("He"), []])
def test_a_replay_that_differs_is_a_failure(frames: list[Frame]) -> None:
    way = Joining(CHAT, Transcript.of(chunk("Hel")), "replay", None)
    with pytest.raises(ProviderFailure) as caught:  # noqa: PT012 - at the latest in the end
        way.join(frames)
        way.end()
    failure = caught.value.failure
    assert (failure.type, failure.remedy, failure.retryable) == ("replay_diverged", "final", True)


# ── Holding tool calls ─────────────────────────────────────────────────────────────────

CALL = chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]})
OLD = chunk({"function_call": {"name": "f", "arguments": ""}})


@pytest.mark.parametrize("call", [CALL, OLD])
def test_from_the_first_piece_of_a_call_on_all_is_held(call: list[Frame]) -> None:
    calls = ToolCalls(CHAT)
    words, more = chunk("a"), chunk("b")
    assert calls.pass_on(words) == words
    assert calls.pass_on([*words, *call, *more]) == words
    assert calls.pass_on(stop()) == ()
    assert calls.release() == [*call, *more, *stop()]


SEAL = [{"type": "reasoning.encrypted", "index": 0, "data": "s"}]
TOLD = [{"type": "reasoning.text", "index": 0, "text": "hm", "signature": "s"}]


def test_a_seal_that_came_with_a_call_is_held_with_it() -> None:
    calls = ToolCalls(CHAT)
    words, seal = chunk("a"), chunk({"reasoning_details": SEAL})
    assert calls.pass_on([*words, *seal, *seal, *CALL]) == words
    assert calls.release() == [*seal, *seal, *CALL]


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_details": TOLD},
        {"reasoning_details": [*SEAL, *TOLD]},
        {"reasoning_details": '"reasoning.encrypted"'},
        {"reasoning_details": SEAL, "content": "a"},
        {"content": '"reasoning.encrypted"'},
    ],
)
def test_what_says_more_than_a_seal_passes(delta: dict[str, Any]) -> None:
    calls = ToolCalls(CHAT)
    assert calls.pass_on([*chunk(delta), *CALL]) == chunk(delta)


def test_a_seal_in_messages_is_a_block_of_thoughts_without_any() -> None:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    begun = {"type": "content_block_start", "index": 1, "content_block": block}
    signed = {"type": "signature_delta", "signature": "s"}
    seal = [
        {"type": "content_block_stop", "index": 0},
        begun,
        {"type": "content_block_delta", "index": 1, "delta": signed},
        {"type": "content_block_stop", "index": 1},
    ]
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    call = {"type": "content_block_start", "index": 2, "content_block": use}
    said, held = messages_frames(text(0, "Hel")[:-1]), messages_frames([*seal, call])
    calls = ToolCalls(ANTHROPIC)
    assert calls.pass_on([*said, *held]) == said
    assert calls.release() == held


def test_a_seal_in_responses_is_an_item_without_a_summary() -> None:
    bare = {"id": "rs", "type": "reasoning", "summary": []}
    seal = [made_frame(added(1, **bare)), made_frame(done(1, **bare))]
    said = [made_frame(each) for each in [*spoken(0, "x"), *thought(1, "y")]]
    call = [made_frame(called(2, "{}")[0])]
    calls = ToolCalls(RESPONSES)
    assert calls.pass_on([*said, *seal, *call]) == said
    assert calls.release() == [*seal, *call]


@pytest.mark.parametrize(
    "frames",
    [
        chunk(finish="tool_calls"),
        chunk({"tool_calls": []}),
        chunk({"content": '"tool_calls"'}),
        [data_frame(Kind.DIALECT, b'{"choices":["tool_calls"]}')],
        [data_frame(Kind.DIALECT, b'{"choices":[{"delta":"tool_calls"}]}')],
        [data_frame(Kind.DIALECT, b'["tool_calls"]')],
        [data_frame(Kind.USAGE, b'{"tool_calls":1}')],
    ],
)
def test_what_begins_no_call_passes(frames: list[Frame]) -> None:
    calls = ToolCalls(CHAT)
    assert calls.pass_on(frames) == frames
    assert calls.release() == []
