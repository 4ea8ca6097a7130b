"""Answers in the shapes that servers and relays of chat's dialect give them, and what is right."""

from collections.abc import Iterator
from typing import Any

from tests.contract.judges.answer import COUNTS, PLAIN, Answer, Call, pieces
from tests.contract.judges.saying_chat import (
    ROLE,
    body,
    choice,
    chunk,
    completion,
    finish,
    says,
    usage,
)
from tests.contract.judges.stage import Case, encoded

TIDE = Call("call_a1", "tide", '{"port":"Bergen"}')
WIND = Call("call_b2", "wind", '{"at":[60,5]}')
TEXT = Answer("", "It is 3 m.")
CALL = Answer("", calls=(TIDE,), end="tool_calls")
TWO = Answer("", calls=(TIDE, WIND), end="tool_calls")
BOTH = Answer("", "Let me look.", calls=(TIDE,), end="tool_calls")
THOUGHT = Answer("", "It is 3 m.", "Hm, tides.", counts=COUNTS)


def odd(
    name: str,
    answer: Answer,
    events: list[dict[str, Any]] | None,
    whole: dict[str, Any] | None = None,
    reasons: tuple[str | None, ...] = (),
) -> Case:
    return Case(
        name,
        "chat",
        answer,
        None if events is None else body(events),
        None if whole is None else encoded(whole),
        reasons=reasons,
    )


def part(index: int | None, arguments: Any, id: Any = None, **function: Any) -> dict[str, Any]:
    """A delta of part of a call."""
    part: dict[str, Any] = {"function": {**function, "arguments": arguments}}
    if index is not None:
        part["index"] = index
    if id is not None:
        part |= {"id": id, "type": "function"}
    return {"tool_calls": [part]}


def ending(answer: Answer, *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """A stream of these deltas, that ends as the answer does."""
    return [ROLE, *(says(each) for each in deltas), *finish(answer)]


def completed(answer: Answer, **message: Any) -> dict[str, Any]:
    """The whole answer, but for fields of its message."""
    found = completion(answer)
    found["choices"][0]["message"] |= message
    return found


def _calls() -> Iterator[Case]:
    half, rest = '{"port"', ':"Bergen"}'
    yield odd(
        "a new id in each delta",
        CALL,
        ending(
            CALL,
            part(0, "", "call_a1", name="tide"),
            part(0, half, "call_b2"),
            part(0, rest, "call_c3", name=None),
        ),
    )
    yield odd(
        "one index for two calls",
        TWO,
        ending(
            TWO,
            part(0, TIDE.arguments, TIDE.id, name=TIDE.name),
            part(0, WIND.arguments, WIND.id, name=WIND.name),
        ),
    )
    yield odd(
        "calls without an index",
        TWO,
        ending(
            TWO,
            {
                "tool_calls": [
                    *part(None, TIDE.arguments, TIDE.id, name=TIDE.name)["tool_calls"],
                    *part(None, WIND.arguments, WIND.id, name=WIND.name)["tool_calls"],
                ]
            },
        ),
    )
    yield odd(
        "id and name in each delta",
        CALL,
        ending(CALL, *(part(0, each, TIDE.id, name=TIDE.name) for each in (half, rest))),
    )
    yield odd(
        "no arguments at first",
        CALL,
        ending(CALL, part(0, None, TIDE.id, name=TIDE.name), part(0, half), part(0, rest)),
    )
    nameless = Answer("", calls=(Call("", "tide", TIDE.arguments),), end="tool_calls")
    yield odd(
        "a call without an id",
        nameless,
        ending(nameless, part(0, half, name="tide"), part(0, rest)),
        completed(CALL, tool_calls=[{"type": "function", "function": _function(TIDE)}]),
    )
    value = {"port": "Bergen"}
    yield odd(
        "arguments as an object",
        CALL,
        ending(CALL, part(0, value, TIDE.id, name="tide")),
        completed(
            CALL,
            tool_calls=[
                {
                    "id": TIDE.id,
                    "type": "function",
                    "function": {"name": "tide", "arguments": value},
                }
            ],
        ),
    )
    legacy = [
        says({"function_call": {"name": "tide", "arguments": ""}}),
        *(says({"function_call": {"arguments": each}}) for each in (half, rest)),
    ]
    yield odd(
        "the older word for a call",
        nameless,
        [ROLE, *legacy, says({}, "function_call"), chunk(usage=usage(PLAIN))],
        _older(),
        ("function_call",),
    )


def _function(call: Call) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments}


def _older() -> dict[str, Any]:
    found = completed(CALL, function_call=_function(TIDE))
    del found["choices"][0]["message"]["tool_calls"]
    found["choices"][0]["finish_reason"] = "function_call"
    return found


def _choices() -> Iterator[Case]:
    text, call = {"content": BOTH.text}, part(0, TIDE.arguments, TIDE.id, name=TIDE.name)
    counted = chunk(usage=usage(PLAIN))
    one = completion(Answer("", BOTH.text))["choices"][0]
    two = completion(CALL)["choices"][0]
    second: dict[str, Any] = {**two, "index": 1}
    yield odd(
        "text in choice 0 and calls in choice 1",
        BOTH,
        [
            ROLE,
            says(text),
            chunk({**choice(call), "index": 1}),
            says({}, "stop"),
            chunk({**choice({}, "tool_calls"), "index": 1}),
            counted,
        ],
        completion(BOTH, choices=[one, second]),
    )
    yield odd(
        "a second choice 0",
        BOTH,
        [
            ROLE,
            chunk(choice(text), choice(call)),
            chunk(choice({}, "stop"), choice({}, "tool_calls")),
            counted,
        ],
        completion(BOTH, choices=[one, two]),
    )
    bare = [{key: value for key, value in each.items() if key != "index"} for each in (one, two)]
    yield odd(
        "choices without an index",
        BOTH,
        [
            ROLE,
            *(
                chunk({"delta": delta, "finish_reason": reason})
                for delta, reason in ((text, None), (call, None), ({}, "tool_calls"))
            ),
            counted,
        ],
        completion(BOTH, choices=bare),
    )
    yield odd(
        "an index that counts up",
        BOTH,
        [
            ROLE,
            *(
                chunk({**choice(delta, reason), "index": number})
                for number, (delta, reason) in enumerate(
                    [
                        *(({"content": each}, None) for each in pieces(BOTH.text)),
                        (call, None),
                        ({}, "tool_calls"),
                    ]
                )
            ),
            counted,
        ],
    )


ODD = [*_calls(), *_choices()]
