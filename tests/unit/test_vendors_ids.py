"""Ids of tool calls: told as a vendor takes them, one to one, the same in every turn."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.dialects.neutral.translation import translate_request
from broker.dialects.vendors import takes_of
from broker.dialects.vendors.ids import CallIds

MODELS = {
    ("messages", "claude-opus-4-8"): re.compile(r"[a-zA-Z0-9_-]+"),
    ("messages", "anything"): re.compile(r"[a-zA-Z0-9_-]+"),
    ("chat", "gpt-5.2"): re.compile(r"(?s:.){1,64}"),
    ("chat", "mistral-large-latest"): re.compile(r"[a-zA-Z0-9]{9}"),
    ("chat", "anthropic/claude-opus-4.8"): re.compile(r"[a-zA-Z0-9_-]{1,64}"),
    ("responses", "gpt-5.2"): re.compile(r"(?s:.){1,64}"),
    ("gemini", "gemini-3-pro"): re.compile(r"(?s:.)+"),
}
ids = st.sampled_from(
    [
        "functions.tide:0",
        "functions/wind 2",
        "x" * 100,
        "x" * 101,
        "call_1",
        "é",
        "",
        "\ud800",
        "abc123XYZ",
    ]
) | st.text(max_size=70)


@pytest.mark.parametrize(("dialect", "model"), MODELS)
@settings(max_examples=60)
@given(made=st.lists(st.lists(ids, min_size=1, max_size=3, unique=True), max_size=5))
def test_they_are_taken_and_told_apart_and_do_not_change(
    dialect: str, model: str, made: list[list[str]]
) -> None:
    def told(turns: list[list[str]]) -> list[list[tuple[str, str]]]:
        """Of each turn the ids of its calls, and of their results in reverse."""
        names = CallIds(takes_of(dialect, model))
        found = []
        for turn in turns:
            names.begin_turn()
            calls = [names.of_call(id) for id in turn]
            results = [names.of_result(id) for id in reversed(turn)][::-1]
            found.append(list(zip(calls, results, strict=True)))
        return found

    found = told(made)
    taken = MODELS[dialect, model]
    given_to: dict[str, str] = {}
    for turn, pairs in zip(made, found, strict=True):
        for id, (call, result) in zip(turn, pairs, strict=True):
            assert call == result
            assert taken.fullmatch(call)
            assert given_to.setdefault(call, id) == id
    for length in range(len(made)):  # as they were told when the conversation was shorter
        assert told(made[:length]) == found[:length]
    if takes_of(dialect, model).call_ids_unique:
        flat = [call for pairs in found for call, _ in pairs]
        assert len(set(flat)) == len(flat)


@given(id=st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True))
def test_what_is_taken_stays(id: str) -> None:
    for dialect, model in (("messages", "claude-opus-4-8"), ("chat", "m"), ("responses", "m")):
        assert CallIds(takes_of(dialect, model)).of_call(id) == id


def test_two_calls_of_a_turn_with_one_id_have_their_results_in_order() -> None:
    names = CallIds(takes_of("messages", "m"))
    calls = [names.of_call("call_0"), names.of_call("call_0")]
    assert calls[0] == "call_0"
    assert calls[1] != "call_0"
    assert [names.of_result("call_0"), names.of_result("call_0")] == calls
    assert names.of_result("call_0") == calls[1]  # one too many is the last one's
    names.begin_turn()
    third = names.of_call("call_0")
    assert third not in calls
    assert names.of_result("call_0") == third  # though an earlier one had no result


def test_a_result_of_no_call_is_told_as_its_call_would_be() -> None:
    names = CallIds(takes_of("messages", "m"))
    assert re.fullmatch(r"functions_tide_0_[0-9A-Za-z]{12}", names.of_result("functions.tide:0"))


def test_the_same_id_is_told_alike_to_vendors_that_take_the_same() -> None:
    """A failover in the middle of a loop finds the calls that it knows."""
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "functions.tide:0", **call}]},
        {"role": "tool", "tool_call_id": "functions.tide:0", "content": "3 m"},
    ]
    found = [
        translate_request({"model": "x", "messages": turns}, "chat", "messages", model)
        for model in ("claude-opus-4-8", "claude-haiku-4-5", "other")
    ]
    said = [body["messages"][1]["content"][0]["id"] for body in found]
    assert len(set(said)) == 1
    assert [body["messages"][2]["content"][0]["tool_use_id"] for body in found] == said
