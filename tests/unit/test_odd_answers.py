"""Answers in odd shapes: whoever calls is told all of what came, or that it failed.

Each goes through its provider's decoder; callers of the same dialect are given its frames and
their fold, callers of others what the translation makes of them.
"""

import json
from typing import Any

import pytest

from broker.dialects.neutral.translation import Translation, reader, writer
from broker.dialects.registry import DIALECTS
from broker.dialects.responses import Inbound
from broker.dialects.wire import decode_object
from broker.frames import Frame, data_of
from broker.model import Failure
from tests.unit.neutral_answers import CALLERS, Whole, fold, heard
from tests.unit.neutral_streams import block, call, chunk, ended, spoken, start
from workers.providers.base import Reply
from workers.providers.chat_decoder import ChatDecoder
from workers.providers.gemini_decoder import GeminiDecoder
from workers.providers.messages_decoder import MessagesDecoder
from workers.providers.responses_decoder import ResponsesDecoder
from workers.providers.splitter import SseEvent

Events = list[dict[str, Any]]
PORT = ("call_a1", "tide", {"port": "Bergen"})
WIND = ("call_w", "wind", {"p": 1})


def decoded(dialect: str, events: Events) -> tuple[list[Frame], Failure | None]:
    decoders: dict[str, Any] = {
        "chat": ChatDecoder,
        "messages": MessagesDecoder,
        "responses": lambda reply: ResponsesDecoder(reply, Inbound("resp_1", {})),
        "gemini": GeminiDecoder,
    }
    decoder = decoders[dialect](Reply())
    sent = [SseEvent(b"", json.dumps(event).encode()) for event in events]
    frames = decoder.feed(sent + ([SseEvent(b"", b"[DONE]")] if dialect == "chat" else []))
    assert decoder.failure is not None or decoder.finished
    return frames, decoder.failure


def told(dialect: str, events: Events, caller: str) -> Whole | str:
    """What a caller is told, or the code of the failure."""
    frames, failure = decoded(dialect, events)
    if failure is not None:
        return failure.code or failure.type
    found = [decode_object(data_of(frame.body)) or {} for frame in frames]
    if dialect == caller:
        whole = DIALECTS[caller].fold(frames)
        streamed = fold(heard(caller, found))
        assert fold(reader(caller).whole(whole)) == streamed
        return streamed
    translation = Translation(reader(dialect), writer(caller, {}, 1))
    out = [each for event in found for each in translation.feed(event)] + translation.end()
    if translation.failed is not None:
        return translation.failed.code or "failed"
    return fold(heard(caller, out))


def stop(reason: str = "stop") -> dict[str, Any]:
    return chunk({}, reason)


def choice(index: Any, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    found = {"index": index, "delta": delta, "finish_reason": reason}
    return {**chunk(None), "choices": [found if index != "none" else {**found, "index": None}]}


def item(arguments: Any, **fields: Any) -> dict[str, Any]:
    function = {"name": "wind", "arguments": arguments}
    return {"index": 0, "id": "call_w", "type": "function", "function": function, **fields}


CALLS = {"tool_calls": [item('{"p":1}')]}
BOTH = Whole("Let me", calls=(WIND,), stop="tool_calls")
SAID = Whole("Hi there", stop="end")
CHAT: list[tuple[str, Events, Whole]] = [
    ("a new id in each delta", [
        call(0, "", id="call_a1", name="tide"), call(0, '{"port"', id="call_b2", name="tide"),
        call(0, ':"Bergen"}', id="call_c3"), stop("tool_calls"),
    ], Whole(calls=(PORT,), stop="tool_calls")),
    ("a new id and name is a second call", [
        call(0, "", id="call_a1", name="tide"), call(0, '{"port":"Bergen"}'),
        call(0, '{"p":1}', id="call_w", name="wind"), stop("tool_calls"),
    ], Whole(calls=(PORT, WIND), stop="tool_calls")),
    ("the same function twice under one index", [
        call(0, '{"p":1}', id="call_w", name="wind"), call(0, '{"p":2}', id="call_x", name="wind"),
        stop(),
    ], Whole(calls=(WIND, ("call_x", "wind", {"p": 2})), stop="tool_calls")),
    ("the name comes after the id", [
        call(0, None, id="call_w"), call(0, '{"p"', name="wind"), call(0, ":1}"), stop(),
    ], Whole(calls=(WIND,), stop="tool_calls")),
    ("no ids, no index, all in one", [chunk({"tool_calls": [
        {"function": {"name": "tide", "arguments": "{}"}},
        {"function": {"name": "wind", "arguments": {"p": 1}}},
    ]}), stop()], Whole(calls=(
        ("call_chatcmpl-1_0", "tide", {}), ("call_chatcmpl-1_1", "wind", {"p": 1}),
    ), stop="tool_calls")),
    ("a call that is not in a list, and has no function", [
        chunk({"tool_calls": {"id": "call_w", "name": "wind", "arguments": '{"p":1}'}}), stop(),
    ], Whole(calls=(WIND,), stop="tool_calls")),
    ("arguments are an object", [
        chunk({"tool_calls": [item({"p": 1})]}), stop("tool_calls"),
    ], Whole(calls=(WIND,), stop="tool_calls")),
    ("text in choice 0, a call in choice 1", [
        chunk({"content": "Let me"}), choice(1, CALLS), choice(1, {}, "tool_calls"),
    ], BOTH),
    ("both choices in one chunk", [{**chunk(None), "choices": [
        {"index": 0, "delta": {"content": "Let me"}, "finish_reason": "stop"},
        {"index": 0, "delta": CALLS, "finish_reason": "tool_calls"},
    ]}], BOTH),
    ("an index that counts up", [
        choice(0, {"content": "Let "}), choice(1, {"content": "me"}),
        choice(2, {"tool_calls": [item("")]}),
        choice(3, {"tool_calls": [{"index": 0, "function": {"arguments": '{"p":1}'}}]}),
        choice(4, {}, "tool_calls"),
    ], BOTH),
    ("no index", [
        choice("none", {"content": "Let me"}), choice("none", CALLS), choice("none", {}, "stop"),
    ], BOTH),
    ("a reason beside the reasoning", [
        chunk({"reasoning_content": "hm"}, "stop"), chunk({"content": "Hi there"}), stop(),
    ], Whole("Hi there", "hm", stop="end")),
    ("a reason in every chunk, the last counts", [
        chunk({"content": "Hi "}, "stop"), chunk({"content": "there"}, "stop"), stop("length"),
    ], Whole("Hi there", stop="length")),
    ("a reason before a call", [
        chunk({"content": "Let me"}, "stop"), chunk(CALLS), stop("tool_calls"),
    ], BOTH),
    ("message in place of delta", [
        {**chunk(None), "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}  # noqa: E501
        for text in ("Hi ", "there")
    ] + [stop()], SAID),
    ("a message at the end that repeats all", [
        chunk({"content": "Hi "}), chunk({"content": "there"}),
        {**chunk(None), "choices": [
            {"index": 0, "message": {"content": "Hi there"}, "finish_reason": "stop"}
        ]},
    ], SAID),
    ("text in place of a delta", [
        {**chunk(None), "choices": [{"index": 0, "text": text, "finish_reason": None}]}
        for text in ("Hi ", "there")
    ] + [stop()], SAID),
    ("a delta that is a text", [
        {**chunk(None), "choices": [{"index": 0, "delta": "Hi there", "finish_reason": "stop"}]},
    ], SAID),
]  # fmt: skip


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("events", "whole"), [each[1:] for each in CHAT], ids=[n for n, *_ in CHAT]
)
def test_chat(events: Events, whole: Whole, caller: str) -> None:
    found = told("chat", events, caller)
    assert isinstance(found, Whole)
    found.usage = None
    assert found == whole


TOOL = {"type": "tool_use", "id": "call_w", "name": "wind"}
MESSAGES: list[tuple[str, Events, Whole]] = [
    ("every block has the index 0", [
        start(), *spoken(0, "Let me"), *block(0, {**TOOL, "input": {}}, {
            "type": "input_json_delta", "partial_json": '{"p":1}'
        }), *ended("tool_use"),
    ], BOTH),
    ("no indexes and no types", [
        {key: value for key, value in event.items() if key != "index"}
        for event in (
            start(), *block(0, {"type": "text", "text": ""}, {"text": "Let me"}),
            *block(1, {**TOOL, "input": {}}, {"partial_json": {"p": 1}}), *ended("tool_use"),
        )
    ], BOTH),
    ("an input that is a text", [
        start(), *spoken(0, "Let me"), *block(1, {**TOOL, "input": '{"p":1}'}), *ended("tool_use"),
    ], BOTH),
    ("an input that is told again in deltas", [
        start(), *spoken(0, "Let me"), *block(1, {**TOOL, "input": {"p": 1}}, {
            "type": "input_json_delta", "partial_json": '{"p":1}'
        }), *ended("tool_use"),
    ], BOTH),
    ("all of it where it begins", [
        {"type": "message_start", "message": {"id": "m", "model": "m", "content": [
            {"type": "text", "text": "Let me"}, {**TOOL, "input": {"p": 1}},
        ]}}, *ended("tool_use"),
    ], BOTH),
    ("a reason ahead of its content", [
        start(), ended("end_turn")[0], *spoken(0, "Hi there"), *ended("max_tokens"),
    ], Whole("Hi there", stop="length")),
    ("a call that ends a turn", [
        start(), *spoken(0, "Let me"), *block(1, {**TOOL, "input": {"p": 1}}), *ended("end_turn"),
    ], BOTH),
]  # fmt: skip


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("events", "whole"), [each[1:] for each in MESSAGES], ids=[n for n, *_ in MESSAGES]
)
def test_messages(events: Events, whole: Whole, caller: str) -> None:
    found = told("messages", events, caller)
    assert isinstance(found, Whole)
    found.usage = None
    assert found == whole


MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
TEXT = {**MESSAGE, "content": [{"type": "output_text", "text": "Let me", "annotations": []}]}
FUNCTION = {"id": "fc_1", "type": "function_call", "call_id": "call_w", "name": "wind"}
DONE = {**FUNCTION, "arguments": '{"p":1}'}


def of(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


def finished(kind: str = "completed", **fields: Any) -> dict[str, Any]:
    response = {"id": "r", "model": "m", "status": kind, "output": [], **fields}
    return of(kind, response=response)


BEGUN = of("created", response={"id": "r", "model": "m", "status": "in_progress", "output": []})
ITEMS = [of("output_item.done", output_index=n, item=each) for n, each in enumerate((TEXT, DONE))]
RESPONSES: list[tuple[str, Events]] = [
    ("no output at the end", [BEGUN, *ITEMS, finished()]),
    ("null at the end", [BEGUN, *ITEMS, finished(output=None)]),
    ("the end alone", [BEGUN, finished(output=[TEXT, DONE])]),
    ("no beginning", [*ITEMS, finished(output=[TEXT, DONE])]),
    ("arguments that are an object", [
        BEGUN, ITEMS[0], of("output_item.added", output_index=1, item={**FUNCTION, "arguments": ""}),  # noqa: E501
        of("function_call_arguments.done", output_index=1, item_id="fc_1", arguments={"p": 1}),
        of("output_item.done", output_index=1, item={**FUNCTION, "arguments": {"p": 1}}),
        finished(output=[TEXT, {**FUNCTION, "arguments": {"p": 1}}]),
    ]),
    ("every place is 0", [
        BEGUN, *({**event, "output_index": 0} for event in ITEMS), finished(output=[TEXT, DONE]),
    ]),
    ("another name for the end", [
        BEGUN, *ITEMS, {**finished(), "type": "response.done"},
    ]),
]  # fmt: skip


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("events", [each[1] for each in RESPONSES], ids=[n for n, _ in RESPONSES])
def test_responses(events: Events, caller: str) -> None:
    found = told("responses", events, caller)
    assert isinstance(found, Whole)
    found.usage = None
    assert found == BOTH


def test_the_end_of_a_response_has_its_items() -> None:
    frames, _ = decoded("responses", [BEGUN, *ITEMS, finished()])
    end = decode_object(data_of(frames[-1].body)) or {}
    assert end["response"]["output"] == [TEXT, DONE]


GEMINI: list[tuple[str, Events]] = [
    ("two candidates", [{"candidates": [
        {"content": {"parts": [{"text": "Let me"}]}, "finishReason": "STOP"},
        {"content": {"parts": [{"functionCall": {"id": "call_w", "name": "wind", "args": {"p": 1}}}]},  # noqa: E501
         "finishReason": "STOP"},
    ]}]),
    ("the SDK's names", [{"response_id": "r", "candidates": [
        {"content": {"parts": [
            {"text": "Let me"},
            {"function_call": {"id": "call_w", "name": "wind", "args": '{"p":1}'}},
        ]}, "finish_reason": "STOP"},
    ]}]),
]  # fmt: skip


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("events", [each[1] for each in GEMINI], ids=[n for n, _ in GEMINI])
def test_gemini(events: Events, caller: str) -> None:
    found = told("gemini", events, caller)
    assert isinstance(found, Whole)
    found.usage = None
    assert found == BOTH


FAULTS: list[tuple[str, str, Events]] = [
    ("an error in a choice", "chat", [
        chunk({"content": "a"}, None, error={"message": "m", "code": "oops"}), stop("error")
    ]),
    ("an error for a reason", "chat", [chunk({"content": "a"}), stop("error")]),
    ("no resources", "chat", [chunk({"content": "a"}), stop("insufficient_system_resource")]),
    ("a failed end", "responses", [BEGUN, {**finished("failed"), "type": "response.completed"}]),
    ("gave up", "gemini", [{"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}]),
]  # fmt: skip


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("dialect", "events"), [x[1:] for x in FAULTS], ids=[n for n, *_ in FAULTS]
)
def test_a_fault_is_no_end(dialect: str, events: Events, caller: str) -> None:
    assert isinstance(told(dialect, events, caller), str)


UNTOLD: list[tuple[str, str, Events, str]] = [
    ("a pause", "messages", [start(), *spoken(0, "a"), *ended("pause_turn")], "unexpressible_answer"),  # noqa: E501
    ("a reason unheard of", "messages", [start(), *spoken(0, "a"), *ended("x")],
     "unexpressible_answer"),
    ("a reason of chat unheard of", "chat", [chunk({"content": "a"}), stop("x")],
     "unexpressible_answer"),
    ("a custom tool's call", "responses", [
        BEGUN, finished(output=[{"type": "custom_tool_call", "call_id": "c", "name": "x"}]),
    ], "unexpressible_answer"),
    ("a reason to call, and no call", "chat", [chunk({"content": "a"}), stop("tool_calls")], "failed"),  # noqa: E501
    ("the same of messages", "messages", [start(), *spoken(0, "a"), *ended("tool_use")], "failed"),
    ("a call without a name", "chat", [call(0, "{}", id="a"), stop("tool_calls")], "failed"),
    ("a text that nobody can read", "chat", [chunk({"answer": "Hi"}), stop()], "failed"),
    ("arguments of no call", "messages", [
        start(), {"type": "content_block_delta", "index": 3, "delta": {
            "type": "input_json_delta", "partial_json": "{}"}}, *ended("tool_use"),
    ], "failed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "events", "code"), [x[1:] for x in UNTOLD], ids=[n for n, *_ in UNTOLD]
)
def test_what_others_cannot_be_told_is_no_success(dialect: str, events: Events, code: str) -> None:
    for caller in CALLERS:
        if caller != dialect:
            assert told(dialect, events, caller) == code


def test_a_plain_answer_is_the_very_bytes() -> None:
    events = [chunk({"content": "Hi"}), call(0, "", id="a", name="f"), call(0, "{}"), stop()]
    sent = [SseEvent(b"", json.dumps(event).encode()) for event in events]
    assert [data_of(each.body) for each in ChatDecoder(Reply()).feed(sent)] == [
        event.data for event in sent
    ]


def test_a_reason_that_was_followed_by_more_is_no_sign_of_the_end() -> None:
    decoder = ChatDecoder(Reply())
    for events, finished_, sure in (
        ([chunk({"content": "a"}, "stop")], True, True),
        ([chunk({"content": "b"})], False, False),
        ([stop()], True, False),
    ):
        decoder.feed([SseEvent(b"", json.dumps(each).encode()) for each in events])
        assert (decoder.finished, decoder.sure) == (finished_, sure)
    said = DIALECTS["chat"].transcript(decoded("chat", [chunk({"content": "a"}, "stop")])[0])
    assert said.complete(1)
    again = [chunk({"content": "a"}, "stop"), chunk({"content": "b"}, "stop")]
    assert not DIALECTS["chat"].transcript(decoded("chat", again)[0]).complete(1)
