"""More of them: reasons to stop, contents and figures."""

from collections.abc import Iterator
from typing import Any

from tests.contract.judges.answer import COUNTS, PLAIN, Answer, Counts, pieces
from tests.contract.judges.odd_chat import (
    BOTH,
    CALL,
    TEXT,
    THOUGHT,
    TIDE,
    completed,
    ending,
    odd,
    part,
)
from tests.contract.judges.saying_chat import (
    ROLE,
    call_deltas,
    chunk,
    completion,
    finish,
    says,
    usage,
)
from tests.contract.judges.saying_chat import deltas as deltas_of
from tests.contract.judges.stage import Case


def _reasons() -> Iterator[Case]:
    yield odd(
        "stop beside the thoughts",
        THOUGHT,
        [
            ROLE,
            says({"reasoning_content": THOUGHT.thoughts}, "stop"),
            says({"content": THOUGHT.text}),
            *finish(THOUGHT),
        ],
    )
    yield odd(
        "stop in every chunk",
        TEXT,
        [
            says({"role": "assistant", "content": ""}, "stop"),
            *(says({"content": each}, "stop") for each in pieces(TEXT.text)),
            chunk(usage=usage(PLAIN)),
        ],
    )
    for name, last in (("and again", [says({}, "tool_calls")]), ("alone", [])):
        yield odd(
            f"stop before a call, {name}",
            BOTH,
            [
                ROLE,
                says({"content": BOTH.text}, "stop"),
                *(says(each) for each in call_deltas(0, TIDE)),
                *last,
                chunk(usage=usage(PLAIN)),
            ],
            reasons=("stop",),
        )
    yield odd(
        "a reason of no letters until the last",
        TEXT,
        [
            ROLE,
            *(says({"content": each}, "") for each in pieces(TEXT.text)),
            *finish(TEXT),
        ],
    )
    yield odd(
        "no reason at all",
        TEXT,
        [ROLE, says({"content": TEXT.text}), *finish(TEXT)[1:]],
        reasons=(None,),
    )
    forced = ending(TEXT, *call_deltas(0, TIDE))
    yield odd("stop after a call", CALL, forced, reasons=("stop",))


def _contents() -> Iterator[Case]:
    yield odd(
        "a message in place of the delta",
        BOTH,
        [
            chunk({**completion(BOTH)["choices"][0], "finish_reason": None}),
            *finish(BOTH),
        ],
    )
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT.thoughts}]}
    parts = [thinking, {"type": "text", "text": THOUGHT.text}]
    yield odd(
        "content in parts",
        THOUGHT,
        ending(THOUGHT, *({"content": [each]} for each in parts)),
        completed(Answer("", counts=COUNTS), content=parts),
    )
    details = [{"type": "reasoning.text", "text": THOUGHT.thoughts, "index": 0}]
    yield odd(
        "thoughts told twice",
        THOUGHT,
        ending(
            THOUGHT,
            {"content": "", "reasoning": THOUGHT.thoughts, "reasoning_details": details},
            {"content": THOUGHT.text},
        ),
    )
    yield odd(
        "thoughts in details alone",
        THOUGHT,
        ending(THOUGHT, {"content": "", "reasoning_details": details}, {"content": THOUGHT.text}),
    )
    yield odd(
        "all in one chunk",
        BOTH,
        [
            says(
                {"role": "assistant", "content": BOTH.text}
                | part(0, TIDE.arguments, TIDE.id, name=TIDE.name),
                "tool_calls",
                usage=usage(PLAIN),
            )
        ],
    )
    yield odd(
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
    yield odd("text behind a call", late, ending(late, *reversed(_whole_deltas(late))))


def _whole_deltas(answer: Answer) -> list[dict[str, Any]]:
    """Each thing that it says in one delta."""
    call = answer.calls[0]
    return [
        {"reasoning_content": answer.thoughts},
        {"content": answer.text},
        part(0, call.arguments, call.id, name=call.name),
    ]


def _counted() -> Iterator[Case]:
    beside = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 450}
    beside |= {"completion_tokens_details": {"reasoning_tokens": 300}}  # type: ignore[dict-item]
    apart = Answer("", "It is 3 m.", counts=Counts(120, 330, 0, 300))
    yield odd(
        "thoughts counted beside the output",
        apart,
        [*ending(apart, *deltas_of(apart))[:-1], chunk(usage=beside)],
        completion(apart, usage=beside),
    )
    running = [usage(Counts(40, n)) for n in (1, 15, 30)]
    yield odd(
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


ODD = [*_reasons(), *_contents(), *_counted()]
