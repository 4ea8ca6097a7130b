"""Chat: calls of tools, and where their pieces say which call they are of."""

import json
from typing import Any

from tests.plausible.chat import call_deltas, calls_of, choice, choices_of, chunk, said
from tests.plausible.shape import STREAM, WHOLE, Draft, Object, Shapes

CALLS = Shapes("chat")


def _fresh(draft: Draft) -> str:
    return f"call_{draft.drawn.getrandbits(48):x}"


@CALLS.add("a new id in each delta of a call", "vLLM, relays", "ids", "call", forms=STREAM)
def new_ids(draft: Draft) -> None:
    for each in calls_of(draft):
        each.setdefault("id", _fresh(draft))
        each["type"] = "function"
        each["function"].setdefault("name", None)


@CALLS.add("the id again in each delta", "Qwen, Fireworks", "ids", "call", forms=STREAM)
def same_ids(draft: Draft) -> None:
    ids: dict[int | None, str] = {}
    for each in calls_of(draft):
        index = each.get("index")
        ids[index] = each["id"] = each.get("id") or ids.get(index, "")
        each.setdefault("type", "function")


@CALLS.add("empty ids and names in later deltas", "Qwen's API", "ids", "call", forms=STREAM)
def empty_ids(draft: Draft) -> None:
    for each in calls_of(draft):
        if "id" not in each:
            each.update(id="", type="")
            each["function"]["name"] = ""


@CALLS.add("null ids and names in later deltas", "SGLang, TGI", "ids", "call", forms=STREAM)
def null_ids(draft: Draft) -> None:
    for each in calls_of(draft):
        if "id" not in each:
            each.update(id=None, type=None)
            each["function"]["name"] = None


@CALLS.add("id and name again in each delta", "Databricks, relays", "ids", "call", forms=STREAM)
def same_names(draft: Draft) -> None:
    known: dict[int, tuple[str, str]] = {}
    for each in calls_of(draft):
        first = each.get("id", ""), each["function"].get("name", "")
        each["id"], each["function"]["name"] = known.setdefault(each["index"], first)


@CALLS.add("no ids at all", "llama.cpp of 2024, relays of Gemini", "ids", "call")
def no_ids(draft: Draft) -> None:
    draft.owed.ids = False
    for each in calls_of(draft):
        each.pop("id", None)


@CALLS.add("no types", "Mistral, relays", "types", "call")
def no_types(draft: Draft) -> None:
    for each in calls_of(draft):
        each.pop("type", None)


def _each_whole(draft: Draft) -> list[Object]:
    """The calls in one chunk each, in place of their pieces."""
    found, events = [], []
    number = 0
    for piece in draft.answer.pieces:
        if piece.call is not None:
            deltas = call_deltas(number, piece, draft.drawn)
            call = deltas[0]["tool_calls"][0]
            pieces = (each["tool_calls"][0]["function"]["arguments"] for each in deltas[1:])
            call["function"]["arguments"] = "".join(pieces)
            found.append(call)
            events.append(chunk(draft.answer, [choice(deltas[0])]))
            number += 1
    place = next(at for at, each in enumerate(draft.events) if _calls(each))
    kept = [each for each in draft.events if not _calls(each)]
    draft.events[:] = [*kept[:place], *events, *kept[place:]]
    return found


def _calls(event: Any) -> bool:
    """Whether a chunk holds a piece of a call."""
    choices = event["choices"] if isinstance(event, dict) else ()
    return any(each["delta"].get("tool_calls") for each in choices)


@CALLS.add("each call whole in a chunk", "Mistral, xAI", "pieces", "call", forms=STREAM)
def whole_calls(draft: Draft) -> None:
    _each_whole(draft)


@CALLS.add("calls whole, each index 0", "Ollama of 2024", "pieces", "calls", forms=STREAM)
def all_zero(draft: Draft) -> None:
    for each in _each_whole(draft):
        each["index"] = 0


@CALLS.add(
    "calls whole, without indexes", "Gemini's compatible API", "pieces", "calls", forms=STREAM
)
def none_indexed(draft: Draft) -> None:
    for each in _each_whole(draft):
        del each["index"]


@CALLS.add("all calls whole in one chunk", "Ollama, Groq", "pieces", "calls", forms=STREAM)
def at_once(draft: Draft) -> None:
    calls = _each_whole(draft)
    places = [at for at, each in enumerate(draft.events) if _calls(each)]
    draft.events[places[0]] = chunk(draft.answer, [choice({"tool_calls": calls})])
    for place in reversed(places[1:]):
        del draft.events[place]


@CALLS.add("pieces of calls by turns", "vLLM, parallel", "pieces", "calls", forms=STREAM)
def by_turns(draft: Draft) -> None:
    lanes: dict[int, list[Any]] = {}
    place = next(at for at, each in enumerate(draft.events) if _calls(each))
    for each in filter(_calls, draft.events):
        index = each["choices"][0]["delta"]["tool_calls"][0]["index"]
        lanes.setdefault(index, []).append(each)
    kept = [each for each in draft.events if not _calls(each)]
    begun = [lane.pop(0) for lane in lanes.values()]
    mixed = []
    while open_lanes := [lane for lane in lanes.values() if lane]:
        mixed.append(draft.drawn.choice(open_lanes).pop(0))
    draft.events[:] = [*kept[:place], *begun, *mixed, *kept[place:]]


@CALLS.add(
    "arguments are an object, streamed",
    "relays of Ollama",
    "pieces",
    "call",
    forms=STREAM,
    everybody=True,
)
def object_arguments(draft: Draft) -> None:
    for each in _each_whole(draft):
        each["function"]["arguments"] = json.loads(each["function"]["arguments"])


@CALLS.add(
    "arguments are an object", "relays of Ollama", "arguments", "call", forms=WHOLE, everybody=True
)
def whole_object_arguments(draft: Draft) -> None:
    for each in calls_of(draft):
        each["function"]["arguments"] = json.loads(each["function"]["arguments"])


@CALLS.add("no arguments in the first delta", "SGLang", "arguments", "call", forms=STREAM)
def late_arguments(draft: Draft) -> None:
    for each in calls_of(draft):
        if "name" in each["function"] and not each["function"]["arguments"]:
            del each["function"]["arguments"]


@CALLS.add("null arguments in the first delta", "relays in Go", "arguments", "call", forms=STREAM)
def null_arguments(draft: Draft) -> None:
    for each in calls_of(draft):
        each["function"]["arguments"] = each["function"]["arguments"] or None


@CALLS.add("empty text for no arguments", "vLLM, DeepSeek", "arguments", "empty call")
def empty_arguments(draft: Draft) -> None:
    empty = {call.id for call in draft.answer.calls if not call.arguments}
    indexes = {each.get("index") for each in calls_of(draft) if each.get("id") in empty} - {None}
    for each in calls_of(draft):
        if each.get("id") in empty or (draft.events and each.get("index") in indexes):
            each["function"]["arguments"] = ""


@CALLS.add("null for no arguments", "relays of Gemini", "arguments", "empty call", forms=WHOLE)
def no_arguments(draft: Draft) -> None:
    for each, call in zip(calls_of(draft), draft.answer.calls, strict=True):
        if not call.arguments:
            each["function"]["arguments"] = None


@CALLS.add(
    "calls in the delta of the text", "relays that gather", "together", "call", "text", forms=STREAM
)
def with_text(draft: Draft) -> None:
    place = next(at for at, each in enumerate(draft.events) if _calls(each))
    before = draft.events[place - 1]["choices"][0]["delta"]
    if before.get("content"):
        draft.events[place]["choices"][0]["delta"]["content"] = before["content"]
        del draft.events[place - 1]


@CALLS.add("function_call in place of tool_calls", "one-api, Azure of 2023", "pieces", "call")
def legacy(draft: Draft) -> None:
    draft.owed.ids = False
    first = draft.answer.calls[0]
    draft.answer.pieces[:] = [
        each for each in draft.answer.pieces if each.call is None or each.call == first
    ]
    for each in said(draft):
        calls = each.pop("tool_calls", None)
        if calls and (not draft.events or calls[0]["index"] == 0):
            each["function_call"] = calls[0]["function"]
    for found in choices_of(draft):
        if found.get("finish_reason") == "tool_calls":
            found["finish_reason"] = draft.owed.raw = "function_call"


@CALLS.add("empty lists of calls everywhere", "vLLM, Together", "types", "no call")
def no_calls(draft: Draft) -> None:
    for each in said(draft):
        each["tool_calls"] = draft.drawn.choice(([], None))


@CALLS.add("a custom call", "OpenAI, custom tools", "pieces", "call")
def custom(draft: Draft) -> None:
    draft.owed.untold = True
    for each in calls_of(draft):
        function = each.pop("function")
        renamed = {"arguments": "input", "name": "name"}
        each["custom"] = {renamed[key]: value for key, value in function.items()}
        each["type"] = "custom"


@CALLS.add(
    "no indexes, calls in pieces", "Gemini's compatible API", "indexes", "call", forms=STREAM
)
def no_indexes(draft: Draft) -> None:
    for each in calls_of(draft):
        each.pop("index", None)


@CALLS.add("null indexes, ids again", "relays in Go", "indexes", "call", forms=STREAM)
def null_indexes(draft: Draft) -> None:
    same_ids(draft)
    for each in calls_of(draft):
        each["index"] = None


@CALLS.add("indexes that count from 1", "relays of Anthropic", "indexes", "call", forms=STREAM)
def late_indexes(draft: Draft) -> None:
    for each in calls_of(draft):
        each["index"] = each.get("index", 0) + 1
