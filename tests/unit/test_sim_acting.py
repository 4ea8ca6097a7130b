"""What the simulated agent does next, and how each dialect's requests say where it stands."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sim import gemini, messages, responses_request
from sim.acting import Step, step
from sim.answer import compose
from sim.behaviour import parse
from sim.request import ChatRequest, Message, decode

MODEL = "agent,tokens=2"
PROMPT = 'Please:\nCALL look {"at": "note"}\n  CALL write {"text": "caf\\u00e9 \\"x\\""}\nThanks.'
LOOK, WRITE = ("look", {"at": "note"}), ("write", {"text": 'café "x"'})
BOTH = {"look", "write"}


def given(*results: str) -> list[Message]:
    return [Message("user", PROMPT), *(Message("tool", result) for result in results)]


def told(result: str) -> list[Message]:
    """A result as some clients tell it: in the user's words."""
    return [Message("assistant", "Calling look or write"), Message("user", result)]


@pytest.mark.parametrize(
    ("turns", "offered", "right"),
    [
        (given(), BOTH, Step(call=LOOK)),
        (given("seen"), BOTH, Step(call=WRITE)),
        (given("seen", "done"), BOTH, Step(result="done")),
        (given("seen", "d" * 3000), BOTH, Step(result="d" * 2000)),
        (given(), {"other"}, Step()),
        (given(), set(), Step()),
        ([*given("seen", "done"), Message("user", "go on")], BOTH, Step(result="done")),
        ([*given(), *told("seen")], BOTH, Step(call=WRITE)),
        ([*given(), *told("seen"), *told("it said: done")], BOTH, Step(result="it said: done")),
        (
            [*given(), Message("assistant", "cut o"), Message("user", "go on")],
            BOTH,
            Step(call=LOOK),
        ),
        ([*given(), Message("user", "be brief")], BOTH, Step(call=LOOK)),
        ([*given(), Message("assistant", "cut o")], BOTH, Step(call=LOOK)),
        (
            [*given("a", "b"), Message("user", 'CALL look {"at": "b"}')],
            BOTH,
            Step(call=("look", {"at": "b"})),
        ),
        ([Message("user", 'SAY "two\\nlines"')], set(), Step(said="two\nlines")),
        ([Message("user", 'CALL look {}\nSAY "x"'), Message("tool", "r")], BOTH, Step(said="x")),
        ([Message("user", "CALL look {broken}\nSAY nothing")], BOTH, Step()),
        ([Message("assistant", "CALL look {}")], BOTH, Step()),
        ([], BOTH, Step()),
    ],
)
def test_the_next_step(turns: list[Message], offered: set[str], right: Step) -> None:
    assert step(turns, offered) == right


def chat(results: list[str]) -> ChatRequest:
    called = [
        turn
        for number, result in enumerate(results)
        for turn in (
            {"role": "assistant", "content": "so", "tool_calls": [{"id": f"c{number}"}]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": result},
        )
    ]
    tools = [{"type": "function", "function": {"name": name}} for name in sorted(BOTH)]
    turns = [{"role": "user", "content": PROMPT}, *called]
    return decode(json.dumps({"model": MODEL, "messages": turns, "tools": tools}).encode())


def anthropic(results: list[str]) -> ChatRequest:
    called = [
        turn
        for number, result in enumerate(results)
        for turn in (
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"c{number}"}]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": f"c{number}",
                        "content": [{"type": "text", "text": result}] if number else result,
                    },
                    {"type": "text", "text": "<reminder>be brief</reminder>"},
                ],
            },
        )
    ]
    tools = [{"name": name} for name in sorted(BOTH)]
    turns = [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}, *called]
    body = {"model": MODEL, "max_tokens": 99, "messages": turns, "tools": tools}
    return messages.decode(json.dumps(body).encode())


def responses(results: list[str]) -> ChatRequest:
    called = [
        item
        for number, result in enumerate(results)
        for item in (
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": f"c{number}", "arguments": "{}"},
            {
                "type": "function_call_output",
                "call_id": f"c{number}",
                "output": [{"type": "input_text", "text": result}] if number else result,
            },
        )
    ]
    tools = [{"type": "function", "name": name} for name in sorted(BOTH)]
    said = {"role": "user", "content": [{"type": "input_text", "text": PROMPT}]}
    body = {"model": MODEL, "input": [said, *called], "tools": tools}
    return responses_request.decode(json.dumps(body).encode()).as_chat()


def google(results: list[str]) -> ChatRequest:
    called = [
        turn
        for result in results
        for turn in (
            {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "x", "response": {"result": result}}}],
            },
        )
    ]
    body = {
        "contents": [{"role": "user", "parts": [{"text": PROMPT}]}, *called],
        "tools": [{"functionDeclarations": [{"name": name} for name in sorted(BOTH)]}],
    }
    return gemini.decode(json.dumps(body).encode(), MODEL, streams=True)


@pytest.mark.parametrize("read", [chat, anthropic, responses, google])
def test_each_dialect_makes_the_same_loop(read: Callable[[list[str]], ChatRequest]) -> None:
    called: list[tuple[str, Any]] = []
    texts, ids = [], set()
    for results in ([], ["seen"], ["seen", "line\nof all"]):
        (choice,) = compose(read(results), parse(MODEL)).choices
        texts.append(json.loads(b'"%b"' % b"".join(choice.content)))
        for call in choice.calls:
            ids.add(call.id)
            arguments = json.loads(json.loads(b'"%b"' % b"".join(call.pieces)))
            called.append((json.loads(call.name), arguments))
        assert choice.finish == (b"tool_calls" if choice.calls else b"stop")
    assert called == [LOOK, WRITE]
    assert len(ids) == 2
    assert texts[2].endswith("\n\nline\nof all")
    assert all(len(text.split()) >= 2 for text in texts)
