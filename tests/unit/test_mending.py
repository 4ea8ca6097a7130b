"""Requests in their provider's own dialect, with what answers of others have left in them."""

import json
from typing import Any

import pytest

from broker.dialects.mending import mended, without_unfollowed
from broker.dialects.posted import Way, posted
from broker.settings import Provider, Quirks

Body = dict[str, Any]
HI: Body = {"role": "user", "content": "Hi"}
SEAL = "streamhold:gemini::abc"
ODD = "functions.tide:0"
CALL: Body = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
OPUS, HAIKU = "claude-opus-4-8", "claude-haiku-4-5"


def mend(dialect: Any, model: str, body: Body, **provider: Any) -> Body:
    return mended(body, Provider(dialect=dialect, **provider), model)


def turns(*blocks: Body, result: str = "toolu_1") -> Body:
    """A messages request whose model said these blocks."""
    answer = {"type": "tool_result", "tool_use_id": result, "content": "3 m"}
    said = {"role": "assistant", "content": list(blocks)}
    return {"messages": [HI, said, {"role": "user", "content": [answer]}]}


def thought(signature: str) -> Body:
    return {"type": "thinking", "thinking": "Hm", "signature": signature}


USED: Body = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("messages", turns(thought("EqQB"), {"type": "redacted_thinking", "data": "x"}, USED)),
        ("messages", {"messages": [HI, {"role": "assistant", "content": ""}]}),
        ("messages", {"messages": [1, {"content": [1, None, {"type": 7}]}]}),
        ("messages", {"messages": "x"}),
        (
            "chat",
            {"messages": [HI, {"role": "assistant", "tool_calls": [{"id": "call_1", **CALL}]}]},
        ),
        (
            "chat",
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [1, {"id": 2}], "reasoning_details": [3]}
                ]
            },
        ),
        ("responses", {"input": "Hi"}),
        ("responses", {"input": [HI, {"type": "function_call", "call_id": "call_1"}, 1]}),
        ("responses", {"input": [{"type": "reasoning", "id": "rs_0a1b", "summary": []}]}),
        ("gemini", {"contents": []}),
    ],
)
def test_what_is_its_callers_own_is_not_touched(dialect: str, body: Body) -> None:
    before = json.dumps(body)
    assert mend(dialect, OPUS, body) is body
    assert json.dumps(body) == before


def test_reasoning_of_others_is_no_reasoning_to_claude() -> None:
    body = turns(thought(SEAL), thought(""), thought("EqQB"), USED)
    found = mend("messages", OPUS, body)["messages"][1]["content"]
    assert found == [thought("EqQB"), USED]
    assert len(body["messages"][1]["content"]) == 4  # the caller's is as it was
    kept = mend("messages", "kimi-k2", body)["messages"][1]["content"]
    assert kept == [thought(""), thought("EqQB"), USED]  # which signs nothing


def test_a_turn_of_nothing_else_is_left_out() -> None:
    body = {"messages": [HI, {"role": "assistant", "content": [thought(SEAL)]}, HI]}
    assert mend("messages", OPUS, body)["messages"] == [HI, HI]


def test_ids_of_others_are_told_as_they_are_taken() -> None:
    found = mend("messages", OPUS, turns({**USED, "id": ODD}, result=ODD))["messages"]
    (call,), (result,) = found[1]["content"], found[2]["content"]
    assert call["id"] == result["tool_use_id"] == "functions_tide_0_" + call["id"][-12:]
    calls = [{"id": ODD, **CALL}]
    body = {
        "messages": [
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "tool_call_id": ODD, "content": "x"},
        ]
    }
    assert mend("chat", "m", body) is body
    found = mend("chat", "mistral-large-latest", body)["messages"]
    assert found[0]["tool_calls"][0]["id"] == found[1]["tool_call_id"]
    assert len(found[1]["tool_call_id"]) == 9
    items = [
        {"type": "function_call", "call_id": "x" * 100, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "x" * 100, "output": "y"},
    ]
    one, two = mend("responses", "m", {"input": items})["input"]
    assert one["call_id"] == two["call_id"]
    assert len(one["call_id"]) <= 64


def test_a_loop_that_another_began_goes_on_without_thinking() -> None:
    thinking: Body = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert "thinking" not in mend("messages", HAIKU, turns(thought(SEAL), USED) | thinking)
    own = turns(thought("EqQB"), USED) | thinking
    assert mend("messages", HAIKU, own) is own
    adaptive = turns(USED) | {"thinking": {"type": "adaptive"}}
    assert mend("messages", OPUS, adaptive) is adaptive


def test_sealed_and_unkept_reasoning_is_left_out_of_responses() -> None:
    items = [
        HI,
        {"type": "reasoning", "id": "rs_a", "summary": [], "encrypted_content": "own"},
        {"type": "reasoning", "id": "rs_msg_1_0", "summary": [], "encrypted_content": SEAL},
        HI,
        {"type": "reasoning", "id": "rs_chatcmpl-1_0", "summary": []},
        {"role": "assistant", "content": "a"},
        {"type": "reasoning", "id": "rs_b", "summary": [], "encrypted_content": "own"},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
    ]
    found = mend("responses", "m", {"input": items})["input"]
    assert found == [items[0], items[3], *items[5:]]


def test_reasoning_that_nothing_follows() -> None:
    reasoning = {"type": "reasoning", "id": "rs_a"}
    output = {"type": "function_call_output", "call_id": "a", "output": ""}
    assert without_unfollowed([reasoning, HI, reasoning, output, reasoning]) == [HI, output]
    call = {"type": "function_call", "call_id": "a"}
    assert without_unfollowed([reasoning, reasoning, call]) == [reasoning, reasoning, call]


def test_reasoning_of_others_in_chat() -> None:
    details = [{"type": "reasoning.text", "text": "Hm", "signature": SEAL}, {"data": "own"}]
    said = {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "Hm",
        "reasoning_details": details,
    }
    body = {"messages": [HI, said]}
    kept = mend("chat", "m", body)["messages"][1]
    assert kept == {**said, "reasoning_details": details[1:]}
    bare = {"role": "assistant", "content": "a"}
    assert mend("chat", "gpt-5.2", body)["messages"][1] == bare
    quirks = Quirks(without=("reasoning_content", "refusal"))
    assert mend("chat", "m", body, quirks=quirks)["messages"][1] == bare
    refused = {"messages": [{"role": "assistant", "content": None, "refusal": "No."}]}
    found = mend("chat", "m", refused, quirks=quirks)["messages"]
    assert found == [{"role": "assistant", "content": "No."}]


def test_calls_of_others_have_no_reasoning_to_deepseek() -> None:
    turn = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", **CALL}]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "x"}
    found = mend("chat", "deepseek-chat", {"messages": [turn, HI, turn, result]})["messages"]
    assert [message.get("reasoning_content") for message in found] == [None, None, "", None]


def test_it_is_what_is_posted() -> None:
    body = turns(thought(SEAL), {**USED, "id": ODD}, result=ODD)
    sent = posted(Provider(dialect="messages"), body, Way(OPUS, True))
    assert b"streamhold" not in sent
    assert ODD.encode() not in sent
