"""The same in the dialects of messages, responses and Gemini."""

import json
from collections.abc import Iterator
from typing import Any

from tests.contract.judges import saying_gemini as gemini
from tests.contract.judges import saying_messages as messages
from tests.contract.judges import saying_responses as responses
from tests.contract.judges.answer import COUNTS, PLAIN, Answer, Call, pieces
from tests.contract.judges.odd_chat import BOTH, CALL, TEXT, THOUGHT, TIDE, TWO, WIND
from tests.contract.judges.stage import Case, encoded

INPUT = json.loads(TIDE.arguments)
Events = list[dict[str, Any]]


# ── Messages ─────────────────────────────────────────────────────────────────────────────


def _message(
    name: str,
    answer: Answer,
    events: Events,
    whole: Any = None,
    reasons: tuple[str | None, ...] = (),
) -> Case:
    body = None if whole is None else encoded(whole)
    return Case(name, "messages", answer, messages.body(events), body, reasons=reasons)


def _blocks(answer: Answer, *blocks: Events) -> Events:
    told = [event for each in blocks for event in each]
    return [messages.start(answer), *told, *messages.finish(answer)]


def _messages() -> Iterator[Case]:
    text = messages.text_block(0, BOTH.text)
    call = messages.tool_block(1, TIDE)
    begun = {"type": "tool_use", "id": TIDE.id, "name": TIDE.name, "input": INPUT}
    yield _message(
        "blocks that begin whole",
        BOTH,
        _blocks(
            BOTH,
            messages.block(0, {"type": "text", "text": BOTH.text}),
            messages.block(1, begun),
        ),
    )
    yield _message(
        "input as an object in its delta",
        CALL,
        _blocks(
            CALL,
            messages.block(
                0, {**begun, "input": {}}, {"type": "input_json_delta", "partial_json": INPUT}
            ),
        ),
    )
    written = {**begun, "input": TIDE.arguments}
    whole = messages.message(CALL)
    yield _message(
        "input as its text",
        CALL,
        _blocks(CALL, messages.block(0, written)),
        {**whole, "content": [written]},
    )
    yield _message("blocks that don't end", BOTH, _blocks(BOTH, text[:-1], call[:-1]))
    yield _message("no last event", BOTH, _blocks(BOTH, text, call)[:-1])
    yield _message("one index for all", BOTH, _blocks(BOTH, text, messages.tool_block(0, TIDE)))
    yield _message(
        "text that doesn't begin", TEXT, _blocks(TEXT, messages.text_block(0, TEXT.text)[1:])
    )
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}
    ended["usage"] = {"output_tokens": 3}
    yield _message(
        "a reason ahead of a call", BOTH, _blocks(BOTH, text, [ended], call), reasons=("end_turn",)
    )
    forced = _blocks(BOTH, text, call)
    forced[-2] = {**forced[-2], "delta": {"stop_reason": "end_turn", "stop_sequence": None}}
    yield _message(
        "a call, and the end of a turn",
        BOTH,
        forced,
        {**messages.message(BOTH), "stop_reason": "end_turn"},
        ("end_turn",),
    )
    older = messages.events(THOUGHT)
    older[-2] = {**older[-2], "usage": {"output_tokens": 30}}
    counted = Answer("", THOUGHT.text, THOUGHT.thoughts, counts=COUNTS)
    older[0] = {**older[0], "message": {**older[0]["message"], "usage": messages.usage(COUNTS)}}
    yield _message("the input counted at the start alone", counted, older)


# ── Responses ────────────────────────────────────────────────────────────────────────────


def _response(name: str, answer: Answer, events: Events, whole: Any = None) -> Case:
    body = None if whole is None else encoded(whole)
    return Case(name, "responses", answer, responses.body(events), body)


def _ended(answer: Answer, **more: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {**responses.ended(answer), **more}}


def _items(answer: Answer) -> list[Events]:
    """The events of each item."""
    return [responses.item_events(n, item) for n, item in enumerate(responses.items(answer))]


def _told(answer: Answer, *items: Events, **more: Any) -> Events:
    events = [event for each in items for event in each]
    return [*responses.BEGUN, *events, _ended(answer, **more)]


def _responses() -> Iterator[Case]:
    full = Answer(
        "", "Let me look.", "Hm, tides.", calls=(TIDE, WIND), end="tool_calls", counts=COUNTS
    )
    yield _response("an end without its items", full, _told(full, *_items(full), output=[]))
    yield _response("an end with null items", full, _told(full, *_items(full), output=None))
    yield _response(
        "items that are done at once", full, _told(full, *(each[-1:] for each in _items(full)))
    )
    yield _response(
        "items that are done at once, and an end without them",
        full,
        _told(full, *(each[-1:] for each in _items(full)), output=[]),
    )
    yield _response("nothing but the end", full, _told(full))
    yield _response(
        "pieces without ends, and an end without items",
        TEXT,
        _told(TEXT, [each for each in _items(TEXT)[0] if not each["type"].endswith("done")],
              output=[]),
    )  # fmt: skip
    yield _response(
        "texts without pieces",
        full,
        _told(
            full, *([e for e in each if not e["type"].endswith("delta")] for each in _items(full))
        ),
    )
    yield _response(
        "no start", BOTH, [*(event for each in _items(BOTH) for event in each), _ended(BOTH)]
    )
    unplaced = [
        {key: value for key, value in event.items() if key != "output_index"}
        for each in _items(BOTH)
        for event in each
    ]
    yield _response("events without places", BOTH, _told(BOTH, unplaced))
    objects = {**responses.function_call(TIDE), "arguments": INPUT}
    yield _response(
        "arguments as an object",
        CALL,
        _told(
            CALL,
            [
                {"type": "response.output_item.added", "output_index": 0, "item": objects},
                {"type": "response.output_item.done", "output_index": 0, "item": objects},
            ],
            output=[objects],
        ),
        {**responses.ended(CALL), "output": [objects]},
    )
    yield _response("thoughts in full", THOUGHT, _in_full())


def _in_full() -> Events:
    """Thoughts as open models have them: the text itself, and no summary."""
    part = {"type": "reasoning_text", "text": THOUGHT.thoughts}
    item: dict[str, Any] = {"id": "rs_j1", "type": "reasoning", "summary": [], "content": [part]}
    at = {"item_id": "rs_j1", "output_index": 0, "content_index": 0}
    said = responses.said(responses.output_text(THOUGHT.text))
    told = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        *(
            {"type": "response.reasoning_text.delta", **at, "delta": each}
            for each in pieces(THOUGHT.thoughts)
        ),
        {"type": "response.reasoning_text.done", **at, "text": THOUGHT.thoughts},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]
    return _told(THOUGHT, told, responses.item_events(1, said), output=[item, said])


# ── Gemini ───────────────────────────────────────────────────────────────────────────────


def _given(name: str, answer: Answer, events: Events, whole: Any = None) -> Case:
    body = None if whole is None else encoded(whole)
    return Case(name, "gemini", answer, gemini.body(events), body)


def _last(answer: Answer, *parts: dict[str, Any]) -> dict[str, Any]:
    assert answer.counts is not None
    return gemini.given(*parts, finish="STOP", usageMetadata=gemini.usage(answer.counts))


def _geminis() -> Iterator[Case]:
    text = {"text": BOTH.text}
    call = {"functionCall": {"name": "tide", "args": INPUT}}
    unnamed = Answer("", BOTH.text, calls=(Call("", "tide", TIDE.arguments),), end="tool_calls")
    yield _given("calls without ids", unnamed, [gemini.given(text), _last(unnamed, call)],
                 _last(unnamed, text, call))  # fmt: skip
    yield _given(
        "a reason in every event",
        THOUGHT,
        [
            gemini.given({"text": THOUGHT.thoughts, "thought": True}, finish="STOP"),
            _last(THOUGHT, {"text": THOUGHT.text}),
        ],
    )
    yield _given(
        "a reason ahead of a call",
        unnamed,
        [gemini.given(text, finish="STOP"), gemini.given(call), _last(unnamed)],
    )
    bare = Answer("", calls=(Call("", "bare", "{}"),), end="tool_calls")
    for name, more in (("no", {}), ("null", {"args": None})):
        part = {"functionCall": {"name": "bare", **more}}
        yield _given(f"a call with {name} arguments", bare, [_last(bare, part)], _last(bare, part))
    part = {"functionCall": {"name": "tide", "args": TIDE.arguments, "id": TIDE.id}}
    yield _given("arguments as their text", CALL, [_last(CALL, part)], _last(CALL, part))
    counted = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": gemini.usage(PLAIN)}
    yield _given("an end without content", TEXT, [gemini.given({"text": TEXT.text}), counted])
    alone = {"usageMetadata": gemini.usage(PLAIN)}
    yield _given(
        "counts behind the end",
        TEXT,
        [gemini.given({"text": TEXT.text}, finish="STOP"), alone],
    )
    two = [{"functionCall": {"name": c.name, "args": json.loads(c.arguments), "id": c.id}}
           for c in (TIDE, WIND)]  # fmt: skip
    yield _given("two calls in one event", TWO, [_last(TWO, *two)], _last(TWO, *two))


ODD = [*_messages(), *_responses(), *_geminis()]
