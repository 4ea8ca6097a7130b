"""The fold of a chopped answer is the answer, whatever way it was chopped."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.dialects.chat import ChatView, encode, fold
from broker.frames import Frame, Kind, data_frame
from tests.unit.chopped import answers, chop, frames_of

PROPERTY = settings(max_examples=200, derandomize=True, deadline=None)


def folded_message(*deltas: dict[str, Any]) -> Any:
    chunks = ({"choices": [{"index": 0, "delta": delta}]} for delta in deltas)
    return fold(frames_of(*chunks))["choices"][0]["message"]


# ── A naive chopper: the inverse of the fold, by hand ──────────────────────────────────


@PROPERTY
@given(answers(), st.integers(0, 2**32))
def test_the_fold_of_a_chopped_answer_is_the_answer(answer: dict[str, Any], seed: int) -> None:
    kept = copy.deepcopy(answer)
    whole = fold(chop(answer, random.Random(seed)))
    assert whole == kept
    assert json.loads(encode(whole)) == kept


@PROPERTY
@given(answers())
def test_the_chunk_of_a_whole_answer_folds_back_into_it(answer: dict[str, Any]) -> None:
    frame = data_frame(Kind.WHOLE, json.dumps(answer).encode())
    assert fold([frame]) == answer
    event = ChatView(include_usage=True).render(1, [frame])
    body = event.removeprefix(b"id: 1\n").removesuffix(b"\n\n")
    assert fold([Frame(Kind.DIALECT, body)]) == answer


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["index", "id", "type", "text", "x", "tool_calls", "annotations"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)
odd_choice = st.fixed_dictionaries(
    {},
    optional={
        "index": st.none() | st.integers(0, 2) | st.text(max_size=1),
        "delta": json_value
        | st.dictionaries(
            st.sampled_from(["role", "content", "tool_calls", "annotations", "audio"]), json_value
        ),
        "logprobs": json_value,
        "message": json_value,
        "finish_reason": json_value,
    },
)


@PROPERTY
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["id", "usage", "object", "x"]), json_value, max_size=2)
        | st.fixed_dictionaries({"choices": json_value | st.lists(odd_choice, max_size=3)}),
        max_size=6,
    )
)
def test_no_chunk_breaks_the_fold(chunks: list[dict[str, Any]]) -> None:
    whole = fold(frames_of(*chunks))
    assert whole["object"] == "chat.completion"
    for choice in whole["choices"]:
        assert {"index", "message", "finish_reason"} <= set(choice)
        assert {"role", "content"} <= set(choice["message"])
    assert json.loads(encode(whole)) == whole


# ── Field by field ─────────────────────────────────────────────────────────────────────


def test_the_first_top_level_identity_wins_and_the_last_of_the_rest() -> None:
    whole = fold(
        frames_of(
            {"id": "", "created": 0, "model": "", "prompt_filter_results": [1], "choices": []},
            {"id": "a", "created": 5, "model": "m", "system_fingerprint": None, "x": 1},
            {"id": "b", "created": 6, "model": "n", "system_fingerprint": "fp", "x": 2},
            {"x": None, "usage": {"total_tokens": 1}, "obfuscation": "zz"},
            {"usage": {"total_tokens": 2}, "citations": ["u"]},
            {"usage": None},
        )
    )
    assert whole == {
        "id": "a",
        "created": 5,
        "model": "m",
        "prompt_filter_results": [1],
        "choices": [],
        "system_fingerprint": "fp",
        "x": 2,
        "usage": {"total_tokens": 2},
        "citations": ["u"],
        "object": "chat.completion",
    }


def test_a_message_always_has_role_and_content() -> None:
    assert folded_message({}) == {"role": "assistant", "content": None}
    assert folded_message({"content": "a"}, {"content": None}) == {
        "role": "assistant",
        "content": "a",
    }
    assert folded_message({"refusal": None})["refusal"] is None


def test_choices_come_in_order_of_their_index() -> None:
    chunks = (
        {"choices": [{"index": i, "delta": {"content": str(i)}, "finish_reason": reason}]}
        for i, reason in [(2, None), (0, None), (1, "stop"), (0, "length"), (2, "stop")]
    )
    assert [
        (choice["index"], choice["message"]["content"], choice["finish_reason"])
        for choice in fold(frames_of(*chunks))["choices"]
    ] == [(0, "00", "length"), (1, "1", "stop"), (2, "22", "stop")]


def test_texts_beside_the_delta_are_set() -> None:
    results = {"hate": {"filtered": False, "severity": "safe"}}
    state = {"content_filter_results": results, "native_finish_reason": "end", "token_ids": [1]}
    chunk = {"choices": [{"index": 0, "delta": {}, "finish_reason": "", **state}]}
    (choice,) = fold(frames_of(chunk, chunk, {"choices": [{"index": 0, "finish_reason": "stop"}]}))[
        "choices"
    ]
    assert choice["content_filter_results"] == results
    assert choice["native_finish_reason"] == "end"
    assert choice["token_ids"] == [1, 1]
    assert choice["finish_reason"] == "stop"


def test_a_message_beside_the_deltas_does_not_double_the_text() -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in ("a", "b")]
    last = {"choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}]}
    (choice,) = fold(frames_of(*chunks, last))["choices"]
    assert choice["message"] == {"role": "assistant", "content": "ab"}


def test_names_and_ids_are_set_not_joined() -> None:
    begun = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}
    again = {"index": 0, "id": "", "type": "function", "function": {"name": "f", "arguments": "}"}}
    named = {"index": 0, "id": None, "function": {"name": None, "arguments": " "}}
    calls = folded_message(
        {"role": "assistant", "tool_calls": [begun]},
        {"role": "assistant", "tool_calls": [again]},
        {"role": "", "tool_calls": [named]},
    )["tool_calls"]
    assert calls == [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{} "}}]


def test_calls_without_an_index_go_by_their_id() -> None:
    def piece(arguments: str, **fields: str) -> dict[str, Any]:
        return {"tool_calls": [{**fields, "function": {"arguments": arguments}}]}

    calls = folded_message(
        piece("1", id="a"), piece("2"), piece("3", id="b"), piece("4"), piece("5", id="a")
    )["tool_calls"]
    assert [(one["id"], one["function"]["arguments"]) for one in calls] == [
        ("a", "125"),
        ("b", "34"),
    ]
    assert folded_message(piece("{}"))["tool_calls"] == [
        {"type": "function", "function": {"arguments": "{}"}}
    ]


def test_a_call_has_a_type_though_none_came() -> None:
    """Clients tell calls apart by it."""
    piece = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
    assert folded_message({"tool_calls": [piece]})["tool_calls"] == [
        {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    own = folded_message({"tool_calls": [{"index": 0, "type": "custom", "custom": {"name": "f"}}]})
    assert own["tool_calls"] == [{"type": "custom", "custom": {"name": "f"}}]


def test_indexed_items_merge_and_come_in_order() -> None:
    details = folded_message(
        {"reasoning_details": [{"index": 1, "type": "reasoning.text", "text": "b"}]},
        {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "a", "n": 1}]},
        {"reasoning_details": [{"index": 1, "type": "reasoning.text", "text": "B", "n": 2}]},
    )["reasoning_details"]
    assert details == [
        {"index": 0, "type": "reasoning.text", "text": "a", "n": 1},
        {"index": 1, "type": "reasoning.text", "text": "bB", "n": 2},
    ]


def test_annotations_are_never_merged() -> None:
    one = {"index": 0, "type": "url_citation", "url_citation": {"url": "u"}}
    assert folded_message({"annotations": [one]}, {"annotations": [one]})["annotations"] == [
        one,
        one,
    ]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (["", [{"type": "thinking"}], "a", "b"], [{"type": "thinking"}, "ab"]),
        ([[{"type": "thinking"}], ""], [{"type": "thinking"}]),
        (["a", "b", [{"type": "image"}], "c"], ["ab", {"type": "image"}, "c"]),
    ],
)
def test_parts_and_plain_text_become_parts(contents: list[Any], expected: list[Any]) -> None:
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in expected]
    assert folded_message(*({"content": content} for content in contents))["content"] == parts


def test_halves_of_a_surrogate_pair_meet() -> None:
    bodies = [rb"a\ud83d", rb"\ude00b", "é".encode(), rb"\ud83d"]
    frames = [
        data_frame(Kind.DIALECT, b'{"choices":[{"index":0,"delta":{"content":"' + text + b'"}}]}')
        for text in bodies
    ]
    assert json.loads(encode(fold(frames[:3])))["choices"][0]["message"]["content"] == "a😀bé"
    assert json.loads(encode(fold(frames)))["choices"][0]["message"]["content"] == "a😀bé\ud83d"
    assert b"\n" not in encode(fold(frames))


@pytest.mark.parametrize("data", [b"[DONE]", b"", b"[1]", b"{", b"\xff", b'"x"', b"\xef\xbb\xbf"])
def test_what_is_no_object_adds_nothing(data: bytes) -> None:
    assert fold([data_frame(Kind.DIALECT, data)]) == {"object": "chat.completion", "choices": []}


@pytest.mark.parametrize(
    ("raw", "value"),
    [(b'"\xff"', "\ufffd"), (b"NaN", None), (b"1e999", None), (b"1" * 30, int("1" * 30))],
)
def test_json_that_is_almost_right_is_read(raw: bytes, value: Any) -> None:
    whole = fold([data_frame(Kind.DIALECT, b'{"x":' + raw + b"}")])
    assert whole["x"] == value
    assert json.loads(encode(whole))["x"] == value


def test_a_whole_answer_is_given_back_as_it_is() -> None:
    answer = {"id": "x", "object": "something.else", "choices": [{"index": 0}]}
    frames = [
        data_frame(Kind.NATIVE, b"{}", b"attempt"),
        data_frame(Kind.WHOLE, json.dumps(answer, indent=2).encode()),
        Frame(Kind.TERMINAL, b'{"state":"completed"}'),
    ]
    assert fold(frames) == answer
