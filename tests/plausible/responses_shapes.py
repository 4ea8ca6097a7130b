"""Responses: which events are there at all, how items are found, and what stands in them."""

import json

from tests.plausible.responses import ENDS as LAST
from tests.plausible.responses import drop, ended, items, of_type
from tests.plausible.shape import ALONE, STREAM, WHOLE, Draft, Shapes

EVENTS = Shapes("responses")
_DELTAS = ".delta"


@EVENTS.add("annotations among the text", "OpenAI", "annotations", "text", forms=STREAM)
def annotations(draft: Draft) -> None:
    cited = {"type": "url_citation", "url": "https://e.example", "title": "E"}
    first = of_type(draft, "output_text.delta", "output_text.done", "output_item.done")[0]
    at = next(at for at, each in enumerate(draft.events) if each is first)
    event = {"type": "response.output_text.annotation.added", "annotation_index": 0}
    place = {"output_index": first.get("output_index", 0), "content_index": 0}
    draft.insert(at + 1, {**event, **place, "annotation": cited})


@EVENTS.add("no output at the end", "ChatGPT's backend", "output", forms=STREAM)
def no_output(draft: Draft) -> None:
    ended(draft)["output"] = draft.drawn.choice(([], None))


@EVENTS.add("the end without its output", "relays", "output", forms=STREAM)
def missing_output(draft: Draft) -> None:
    del ended(draft)["output"]


@EVENTS.add("a bare end", "relays in a hurry", "output", forms=STREAM)
def bare_end(draft: Draft) -> None:
    kept = {key: ended(draft)[key] for key in ("id", "status", "usage", "incomplete_details")}
    of_type(draft, *LAST)[0]["response"] = kept


@EVENTS.add("the end alone, with all of it", "fake streams, Ollama", "output", forms=STREAM)
def end_alone(draft: Draft) -> None:
    draft.events[:] = of_type(draft, "response.created", *LAST)


@EVENTS.add("items done, and no deltas", "relays of whole answers", "events", forms=STREAM)
def done_alone(draft: Draft) -> None:
    kept = ("created", "in_progress", "output_item.added", "output_item.done", *LAST)
    draft.events[:] = of_type(draft, *kept)


@EVENTS.add(
    "items done, neither begun nor told", "ChatGPT's backend, relays", "events", forms=STREAM
)
def done_only(draft: Draft) -> None:
    draft.events[:] = of_type(draft, "created", "in_progress", "output_item.done", *LAST)


@EVENTS.add("deltas, and nothing done", "LM Studio, relays", "events", forms=STREAM)
def deltas_only(draft: Draft) -> None:
    kept = ("created", "output_item.added", "part.added", _DELTAS, *LAST)
    draft.events[:] = of_type(draft, *kept)


@EVENTS.add(
    "deltas of texts, items never begun",
    "relays of chat",
    "events",
    "text",
    "no call",
    forms=STREAM,
)
def bare_deltas(draft: Draft) -> None:
    draft.events[:] = of_type(draft, "created", _DELTAS, *LAST)


@EVENTS.add("texts done, and no deltas", "relays", "events", forms=STREAM)
def texts_done(draft: Draft) -> None:
    drop(draft, _DELTAS, "part.done", "output_item.done")


@EVENTS.add("parts done, and no deltas", "relays", "events", "text", "no call", forms=STREAM)
def parts_done(draft: Draft) -> None:
    drop(draft, _DELTAS, "text.done", "refusal.done", "output_item.done")


@EVENTS.add("no parts", "vLLM of 2025, llama.cpp", "parts", forms=STREAM)
def no_parts(draft: Draft) -> None:
    drop(draft, "part.added", "part.done")


@EVENTS.add("no response.created", "relays", "life", forms=STREAM)
def no_created(draft: Draft) -> None:
    drop(draft, "response.created")


@EVENTS.add("neither created nor in progress", "relays", "life", forms=STREAM)
def no_life(draft: Draft) -> None:
    drop(draft, "response.created", "response.in_progress")


@EVENTS.add("no output_index", "relays", "indexes", forms=STREAM)
def no_indexes(draft: Draft) -> None:
    for each in draft.objects:
        each.pop("output_index", None)


@EVENTS.add("every output_index is 0", "relays", "indexes", forms=STREAM)
def all_zero(draft: Draft) -> None:
    for each in draft.objects:
        if "output_index" in each:
            each["output_index"] = 0


@EVENTS.add("output_index counts from 1", "relays", "indexes", forms=STREAM)
def from_one(draft: Draft) -> None:
    for each in draft.objects:
        if "output_index" in each:
            each["output_index"] += 1


@EVENTS.add("another item_id in each event", "Copilot", "item ids+indexes", forms=STREAM)
def many_ids(draft: Draft) -> None:
    for place, each in enumerate(draft.objects):
        if "item_id" in each:
            each["item_id"] = f"x{place}"
        if "item" in each:
            each["item"] = {**each["item"], "id": f"y{place}"}


@EVENTS.add("no item ids", "relays", "item ids+indexes")
def no_ids(draft: Draft) -> None:
    for each in draft.objects:
        each.pop("item_id", None)
    for each in items(draft, "message", "function_call", "reasoning"):
        each.pop("id", None)


@EVENTS.add("no content_index", "relays", "content index", forms=STREAM)
def no_content_index(draft: Draft) -> None:
    for each in draft.objects:
        each.pop("content_index", None)
        each.pop("summary_index", None)


@EVENTS.add("no numbers", "vLLM, relays", "numbers", forms=STREAM)
def no_numbers(draft: Draft) -> None:
    for each in draft.objects:
        each.pop("sequence_number", None)


@EVENTS.add("arguments are an object", "relays of Ollama", "arguments", "call", everybody=True)
def object_arguments(draft: Draft) -> None:
    for each in items(draft, "function_call"):
        if each["arguments"]:
            each["arguments"] = json.loads(each["arguments"])
    for event in of_type(draft, "arguments.done") if draft.events else ():
        event["arguments"] = json.loads(event["arguments"])
    if draft.events:
        drop(draft, "arguments.delta")


@EVENTS.add(
    "no arguments of a call that has none", "relays", "arguments", "empty call", forms=WHOLE
)
def empty_arguments(draft: Draft) -> None:
    for each, call in zip(items(draft, "function_call"), draft.answer.calls, strict=True):
        if not call.arguments:
            each["arguments"] = draft.drawn.choice(("", None))


@EVENTS.add("no call_id, its id alone", "relays of chat", "call ids", "call")
def no_call_id(draft: Draft) -> None:
    draft.owed.ids = False
    for each in items(draft, "function_call"):
        del each["call_id"]


@EVENTS.add("content is a text", "relays", "content", "text", forms=WHOLE)
def content_text(draft: Draft) -> None:
    for each in items(draft, "message"):
        each["content"] = each["content"][0]["text"]


@EVENTS.add("parts of type text", "LM Studio, relays of chat", "content", "text")
def text_parts(draft: Draft) -> None:
    for each in items(draft, "message"):
        for part in each["content"]:
            part["type"] = "text"


@EVENTS.add("reasoning in full", "vLLM, LM Studio, gpt-oss", "thoughts", "thought")
def reasoning_text(draft: Draft) -> None:
    for each in items(draft, "reasoning"):
        texts = [part["text"] for part in each["summary"]]
        each["content"] = [{"type": "reasoning_text", "text": text} for text in texts]
        each["summary"] = []
    if not draft.events:
        return
    drop(draft, "summary_part.added", "summary_part.done")
    for event in of_type(draft, "reasoning_summary_text.delta", "reasoning_summary_text.done"):
        event["type"] = event["type"].replace("_summary_text", "_text")
        event["content_index"] = event.pop("summary_index", 0)


@EVENTS.add("a summary and the reasoning in full", "OpenRouter", "thoughts", "thought", forms=WHOLE)
def both_thoughts(draft: Draft) -> None:
    """The summary says less than it, and both are told."""
    for each in items(draft, "reasoning"):
        each["content"] = [{"type": "reasoning_text", "text": "In full."}]
    pieces = draft.answer.pieces
    at = next(at for at, each in enumerate(pieces) if each.kind == "thought")
    pieces[at] = pieces[at]._replace(text=pieces[at].text + "In full.")


@EVENTS.add("null summaries", "relays in Go", "thoughts")
def null_summaries(draft: Draft) -> None:
    for each in items(draft, "reasoning"):
        each["content"] = None
    for each in items(draft, "message"):
        each["summary"] = None


@EVENTS.add("sealed reasoning", "OpenAI, xAI", "sealed", "thought")
def sealed(draft: Draft) -> None:
    for each in items(draft, "reasoning"):
        each["encrypted_content"] = "gAAAA"


@EVENTS.add("a refusal", "OpenAI", "refusals", "refusal")
def refusal(draft: Draft) -> None:
    for each in items(draft, "message"):
        each["role"] = "assistant"


@EVENTS.add("a search between", "OpenAI, xAI", "search")
def search(draft: Draft) -> None:
    found = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {}}
    if not draft.events:
        draft.whole["output"].insert(0, found)
        return
    for each in draft.objects:
        if "output_index" in each:
            each["output_index"] += 1
    output = ended(draft).get("output")
    if output:
        output.insert(0, found)
    for verb in ("done", "added"):
        draft.insert(1, {"type": f"response.output_item.{verb}", "output_index": 0, "item": found})


@EVENTS.add("output_text beside the output", "relays that dump the SDK's objects", "extra")
def output_text(draft: Draft) -> None:
    ended(draft)["output_text"] = draft.answer.texts("text")


@EVENTS.add("obfuscation and logprobs", "OpenAI", "padding", forms=STREAM)
def padding(draft: Draft) -> None:
    for each in of_type(draft, _DELTAS):
        each["obfuscation"] = "x" * draft.drawn.randint(0, 9)
        each["logprobs"] = []


@EVENTS.add("a custom call", "OpenAI, custom tools", ALONE, "call", forms=WHOLE)
def custom(draft: Draft) -> None:
    draft.owed.untold = True
    for each in items(draft, "function_call"):
        each["type"] = "custom_tool_call"
        each["input"] = each.pop("arguments")
