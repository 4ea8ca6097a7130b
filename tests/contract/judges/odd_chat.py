"""Answers in the shapes that servers and relays of chat's dialect give them, and what is right."""

from collections.abc import Iterator
from typing import Any

from tests.contract.judges.answer import COUNTS, PLAIN, Answer, Call, Counts, pieces
from tests.contract.judges.saying_chat import (
    ROLE,
    body,
    call_deltas,
    choice,
    chunk,
    completion,
    finish,
    says,
    usage,
)
from tests.contract.judges.saying_chat import deltas as deltas_of
from tests.contract.judges.stage import Case, encoded

TIDE = Call("call_a1", "tide", '{"port":"Bergen"}')
WIND = Call("call_b2", "wind", '{"at":[60,5]}')
TEXT = Answer("", "It is 3 m.")
CALL = Answer("", calls=(TIDE,), end="tool_calls")
TWO = Answer("", calls=(TIDE, WIND), end="tool_calls")
BOTH = Answer("", "Let me look.", calls=(TIDE,), end="tool_calls")
THOUGHT = Answer("", "It is 3 m.", "Hm, tides.", counts=COUNTS)


def _case(
    name: str,
    answer: Answer,
    events: list[dict[str, Any]] | None,
    whole: dict[str, Any] | None = None,
) -> Case:
    return Case(
        name,
        "chat",
        answer,
        None if events is None else body(events),
        None if whole is None else encoded(whole),
    )


def _part(index: int | None, arguments: Any, id: Any = None, **function: Any) -> dict[str, Any]:
    """A delta of part of a call."""
    part: dict[str, Any] = {"function": {**function, "arguments": arguments}}
    if index is not None:
        part["index"] = index
    if id is not None:
        part |= {"id": id, "type": "function"}
    return {"tool_calls": [part]}


def _of(answer: Answer, *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """A stream of these deltas, that ends as the answer does."""
    return [ROLE, *(says(each) for each in deltas), *finish(answer)]


def _said(answer: Answer, **message: Any) -> dict[str, Any]:
    """The whole answer, but for fields of its message."""
    found = completion(answer)
    found["choices"][0]["message"] |= message
    return found


def _calls() -> Iterator[Case]:
    half, rest = '{"port"', ':"Bergen"}'
    yield _case(
        "a new id in each delta",
        CALL,
        _of(
            CALL,
            _part(0, "", "call_a1", name="tide"),
            _part(0, half, "call_b2"),
            _part(0, rest, "call_c3", name=None),
        ),
    )
    yield _case(
        "one index for two calls",
        TWO,
        _of(
            TWO,
            _part(0, TIDE.arguments, TIDE.id, name=TIDE.name),
            _part(0, WIND.arguments, WIND.id, name=WIND.name),
        ),
    )
    yield _case(
        "calls without an index",
        TWO,
        _of(
            TWO,
            {
                "tool_calls": [
                    *_part(None, TIDE.arguments, TIDE.id, name=TIDE.name)["tool_calls"],
                    *_part(None, WIND.arguments, WIND.id, name=WIND.name)["tool_calls"],
                ]
            },
        ),
    )
    yield _case(
        "id and name in each delta",
        CALL,
        _of(CALL, *(_part(0, each, TIDE.id, name=TIDE.name) for each in (half, rest))),
    )
    yield _case(
        "no arguments at first",
        CALL,
        _of(CALL, _part(0, None, TIDE.id, name=TIDE.name), _part(0, half), _part(0, rest)),
    )
    nameless = Answer("", calls=(Call("", "tide", TIDE.arguments),), end="tool_calls")
    yield _case(
        "a call without an id",
        nameless,
        _of(nameless, _part(0, half, name="tide"), _part(0, rest)),
        _said(CALL, tool_calls=[{"type": "function", "function": _function(TIDE)}]),
    )
    value = {"port": "Bergen"}
    yield _case(
        "arguments as an object",
        CALL,
        _of(CALL, _part(0, value, TIDE.id, name="tide")),
        _said(
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
    yield _case(
        "the older word for a call",
        nameless,
        [ROLE, *legacy, says({}, "function_call"), chunk(usage=usage(PLAIN))],
        _older(),
    )


def _function(call: Call) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments}


def _older() -> dict[str, Any]:
    found = _said(CALL, function_call=_function(TIDE))
    del found["choices"][0]["message"]["tool_calls"]
    found["choices"][0]["finish_reason"] = "function_call"
    return found


def _choices() -> Iterator[Case]:
    text, call = {"content": BOTH.text}, _part(0, TIDE.arguments, TIDE.id, name=TIDE.name)
    counted = chunk(usage=usage(PLAIN))
    one = completion(Answer("", BOTH.text))["choices"][0]
    two = completion(CALL)["choices"][0]
    second: dict[str, Any] = {**two, "index": 1}
    yield _case(
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
    yield _case(
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
    yield _case(
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
    yield _case(
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


def _reasons() -> Iterator[Case]:
    yield _case(
        "stop beside the thoughts",
        THOUGHT,
        [
            ROLE,
            says({"reasoning_content": THOUGHT.thoughts}, "stop"),
            says({"content": THOUGHT.text}),
            *finish(THOUGHT),
        ],
    )
    yield _case(
        "stop in every chunk",
        TEXT,
        [
            says({"role": "assistant", "content": ""}, "stop"),
            *(says({"content": each}, "stop") for each in pieces(TEXT.text)),
            chunk(usage=usage(PLAIN)),
        ],
    )
    for name, last in (("and again", [says({}, "tool_calls")]), ("alone", [])):
        yield _case(
            f"stop before a call, {name}",
            BOTH,
            [
                ROLE,
                says({"content": BOTH.text}, "stop"),
                *(says(each) for each in call_deltas(0, TIDE)),
                *last,
                chunk(usage=usage(PLAIN)),
            ],
        )
    yield _case(
        "a reason of no letters until the last",
        TEXT,
        [
            ROLE,
            *(says({"content": each}, "") for each in pieces(TEXT.text)),
            *finish(TEXT),
        ],
    )
    yield _case("no reason at all", TEXT, [ROLE, says({"content": TEXT.text}), *finish(TEXT)[1:]])
    yield _case("stop after a call", CALL, _of(TEXT, *call_deltas(0, TIDE)))


def _contents() -> Iterator[Case]:
    yield _case(
        "a message in place of the delta",
        BOTH,
        [
            chunk({**completion(BOTH)["choices"][0], "finish_reason": None}),
            *finish(BOTH),
        ],
    )
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT.thoughts}]}
    parts = [thinking, {"type": "text", "text": THOUGHT.text}]
    yield _case(
        "content in parts",
        THOUGHT,
        _of(THOUGHT, *({"content": [each]} for each in parts)),
        _said(Answer("", counts=COUNTS), content=parts),
    )
    details = [{"type": "reasoning.text", "text": THOUGHT.thoughts, "index": 0}]
    yield _case(
        "thoughts told twice",
        THOUGHT,
        _of(
            THOUGHT,
            {"content": "", "reasoning": THOUGHT.thoughts, "reasoning_details": details},
            {"content": THOUGHT.text},
        ),
    )
    yield _case(
        "thoughts in details alone",
        THOUGHT,
        _of(THOUGHT, {"content": "", "reasoning_details": details}, {"content": THOUGHT.text}),
    )
    yield _case(
        "all in one chunk",
        BOTH,
        [
            says(
                {"role": "assistant", "content": BOTH.text}
                | _part(0, TIDE.arguments, TIDE.id, name=TIDE.name),
                "tool_calls",
                usage=usage(PLAIN),
            )
        ],
    )
    yield _case(
        "a role in each delta, and deltas of nothing",
        TEXT,
        [
            *(
                says({"role": "assistant", "content": each, "tool_calls": None})
                for each in pieces(TEXT.text)
            ),
            says({"content": None}),
            *finish(TEXT),
        ],
    )
    late = Answer("", "It is 3 m.", "Hm, tides.", calls=(TIDE,), end="tool_calls", counts=COUNTS)
    yield _case("text behind a call", late, _of(late, *reversed(_whole_deltas(late))))


def _whole_deltas(answer: Answer) -> list[dict[str, Any]]:
    """Each thing that it says in one delta."""
    call = answer.calls[0]
    return [
        {"reasoning_content": answer.thoughts},
        {"content": answer.text},
        _part(0, call.arguments, call.id, name=call.name),
    ]


def _counted() -> Iterator[Case]:
    beside = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 450}
    beside |= {"completion_tokens_details": {"reasoning_tokens": 300}}  # type: ignore[dict-item]
    apart = Answer("", "It is 3 m.", counts=Counts(120, 330, 0, 300))
    yield _case(
        "thoughts counted beside the output",
        apart,
        [*_of(apart, *deltas_of(apart))[:-1], chunk(usage=beside)],
        completion(apart, usage=beside),
    )
    running = [usage(Counts(40, n)) for n in (1, 15, 30)]
    yield _case(
        "running totals",
        TEXT,
        [
            ROLE,
            *(
                says({"content": each}, usage=counts)
                for each, counts in zip(("It ", "is ", "3 m."), running, strict=True)
            ),
            says({}, "stop", usage=running[-1]),
        ],
    )


ODD = [*_calls(), *_choices(), *_reasons(), *_contents(), *_counted()]
