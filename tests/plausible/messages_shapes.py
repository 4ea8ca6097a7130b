"""Messages: blocks and their indexes, inputs of tools, and thoughts."""

import json

from tests.plausible.messages import blocks, ending, message, of_type, started, whole_block
from tests.plausible.shape import ALONE, STREAM, WHOLE, Draft, Object, Shapes

BLOCKS = Shapes("messages")


def _deltas(draft: Draft, *kinds: str) -> list[Object]:
    return [
        each
        for each in of_type(draft, "content_block_delta")
        if not kinds or each["delta"].get("type") in kinds
    ]


def _drop(draft: Draft, events: list[Object]) -> None:
    gone = {id(each) for each in events}
    draft.events[:] = [each for each in draft.events if id(each) not in gone]


def _inputs(draft: Draft) -> list[tuple[Object, str]]:
    """Each tool's block as it begins, with its input's JSON; the deltas of it are taken out."""
    found = []
    for each in of_type(draft, "content_block_start"):
        if each["content_block"]["type"] == "tool_use":
            pieces = [
                delta
                for delta in _deltas(draft, "input_json_delta")
                if delta["index"] == each["index"]
            ]
            _drop(draft, pieces)
            text = "".join(piece["delta"]["partial_json"] for piece in pieces)
            found.append((each, text or "{}"))
    return found


def _after(draft: Draft, start: Object, *deltas: Object) -> None:
    place = next(at for at, each in enumerate(draft.events) if each is start)
    draft.events[place + 1 : place + 1] = [
        {"type": "content_block_delta", "index": start["index"], "delta": each} for each in deltas
    ]


@BLOCKS.add(
    "a tool's input whole in its start", "relays of Bedrock, Ollama", "input", "call", forms=STREAM
)
def input_in_start(draft: Draft) -> None:
    for start, text in _inputs(draft):
        start["content_block"]["input"] = json.loads(text)


@BLOCKS.add(
    "a tool's input in its start and again in deltas", "relays", "input", "call", forms=STREAM
)
def input_twice(draft: Draft) -> None:
    for start, text in _inputs(draft):
        start["content_block"]["input"] = json.loads(text)
        _after(draft, start, {"type": "input_json_delta", "partial_json": text})


@BLOCKS.add(
    "a tool's input as a text in its start",
    "relays of OpenAI",
    "input",
    "call",
    forms=STREAM,
    everybody=True,
)
def text_in_start(draft: Draft) -> None:
    for start, text in _inputs(draft):
        start["content_block"]["input"] = text


@BLOCKS.add("a tool's input in one delta", "LM Studio, vLLM", "input", "call", forms=STREAM)
def one_delta(draft: Draft) -> None:
    for start, text in _inputs(draft):
        _after(draft, start, {"type": "input_json_delta", "partial_json": text})


@BLOCKS.add("partial_json is an object", "relays", "input", "call", forms=STREAM, everybody=True)
def object_delta(draft: Draft) -> None:
    for start, text in _inputs(draft):
        _after(draft, start, {"type": "input_json_delta", "partial_json": json.loads(text)})


@BLOCKS.add("a null input, then deltas", "relays in Go", "input", "call", forms=STREAM)
def null_input(draft: Draft) -> None:
    for each in blocks(draft, "tool_use"):
        each["input"] = None


@BLOCKS.add("no input, then deltas", "relays in Go", "input", "call", forms=STREAM)
def no_input(draft: Draft) -> None:
    for each in blocks(draft, "tool_use"):
        del each["input"]


@BLOCKS.add("an empty text as input, then deltas", "one-api", "input", "call", forms=STREAM)
def empty_input(draft: Draft) -> None:
    for each in blocks(draft, "tool_use"):
        each["input"] = ""


@BLOCKS.add(
    "a tool's input is a text", "relays of OpenAI", "input", "call", forms=WHOLE, everybody=True
)
def whole_text_input(draft: Draft) -> None:
    for each in blocks(draft, "tool_use"):
        each["input"] = json.dumps(each["input"])


@BLOCKS.add("null for no input", "relays of Gemini", "input", "empty call", forms=WHOLE)
def whole_null_input(draft: Draft) -> None:
    for each in blocks(draft, "tool_use"):
        each["input"] = each["input"] or None


@BLOCKS.add("no ids of calls", "relays of Gemini", "ids", "call")
def no_ids(draft: Draft) -> None:
    draft.owed.ids = False
    for each in blocks(draft, "tool_use"):
        del each["id"]


@BLOCKS.add("text in a block's start", "relays of OpenAI", "start", "text", forms=STREAM)
def text_in_block(draft: Draft) -> None:
    for start in of_type(draft, "content_block_start"):
        if start["content_block"]["type"] == "text":
            first = next(each for each in _deltas(draft) if each["index"] == start["index"])
            start["content_block"]["text"] = first["delta"]["text"]
            _drop(draft, [first])


@BLOCKS.add("whole blocks in their starts", "fake streams", "start", forms=STREAM)
def whole_in_start(draft: Draft) -> None:
    _drop(draft, _deltas(draft))
    for start, piece in zip(
        of_type(draft, "content_block_start"), draft.answer.pieces, strict=True
    ):
        start["content_block"] = whole_block(piece)


@BLOCKS.add("the whole message in message_start", "fake streams", ALONE, forms=STREAM)
def whole_message(draft: Draft) -> None:
    _drop(draft, of_type(draft, "content_block_start", "content_block_delta", "content_block_stop"))
    started(draft)["content"] = [whole_block(piece) for piece in draft.answer.pieces]


@BLOCKS.add("no start of text blocks", "relays of OpenAI", "start", "text", forms=STREAM)
def no_starts(draft: Draft) -> None:
    starts = of_type(draft, "content_block_start")
    _drop(draft, [each for each in starts if each["content_block"]["type"] == "text"])


@BLOCKS.add("no ends of blocks", "relays of OpenAI", "stop", forms=STREAM)
def no_stops(draft: Draft) -> None:
    _drop(draft, of_type(draft, "content_block_stop"))


@BLOCKS.add("ends of blocks behind the reason to stop", "LiteLLM of 2025", "stop", forms=STREAM)
def late_stop(draft: Draft) -> None:
    last = of_type(draft, "content_block_stop")[-1:]
    _drop(draft, last)
    draft.events[-1:-1] = last


@BLOCKS.add("all blocks open at once", "relays of OpenAI", "stop", "text", "call", forms=STREAM)
def stops_at_end(draft: Draft) -> None:
    stops = of_type(draft, "content_block_stop")
    _drop(draft, stops)
    at = next(at for at, each in enumerate(draft.events) if each["type"] == "message_delta")
    draft.events[at:at] = stops


@BLOCKS.add("blocks that count from 1", "relays", "indexes", forms=STREAM)
def from_one(draft: Draft) -> None:
    for each in draft.objects:
        if "index" in each:
            each["index"] += 1


@BLOCKS.add("every block's index is 0", "relays of OpenAI", "indexes", "text", "call", forms=STREAM)
def all_zero(draft: Draft) -> None:
    for each in draft.objects:
        if "index" in each:
            each["index"] = 0


@BLOCKS.add("no indexes", "relays", "indexes", forms=STREAM)
def no_indexes(draft: Draft) -> None:
    for each in draft.objects:
        each.pop("index", None)


@BLOCKS.add("thoughts without signatures", "Kimi, GLM, MiniMax, LM Studio", "signature", "thought")
def unsigned(draft: Draft) -> None:
    if draft.events:
        _drop(draft, _deltas(draft, "signature_delta"))
    for each in blocks(draft, "thinking"):
        del each["signature"]


@BLOCKS.add(
    "the signature in a block's start", "relays of Vertex", "signature", "thought", forms=STREAM
)
def signed_start(draft: Draft) -> None:
    _drop(draft, _deltas(draft, "signature_delta"))
    for each in blocks(draft, "thinking"):
        each["signature"] = "EqRk"


@BLOCKS.add("no types of deltas", "relays of Bedrock", "types", "text", forms=STREAM)
def no_types(draft: Draft) -> None:
    for each in _deltas(draft, "text_delta"):
        del each["delta"]["type"]


@BLOCKS.add("a server's tool between", "Anthropic", "server tool", "text")
def server_tool(draft: Draft) -> None:
    used = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    if not draft.events:
        draft.whole["content"][:0] = [used, found]
        return
    for each in draft.objects:
        if "index" in each:
            each["index"] += 2
    events: list[Object] = []
    for index, block in enumerate((used, found)):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    draft.events[1:1] = events


@BLOCKS.add("content is a text", "one-api, relays", "content", "text", "no call", forms=WHOLE)
def content_text(draft: Draft) -> None:
    draft.answer.pieces[:] = [each for each in draft.answer.pieces if each.kind == "text"]
    draft.whole["content"] = draft.answer.texts("text")


@BLOCKS.add("citations among the text", "Anthropic", "citations", "text", forms=STREAM)
def citations(draft: Draft) -> None:
    cited = {"type": "char_location", "cited_text": "x", "document_index": 0}
    for each in _deltas(draft, "text_delta")[:1]:
        at = next(at for at, event in enumerate(draft.events) if event is each)
        draft.insert(at, {**each, "delta": {"type": "citations_delta", "citation": cited}})


@BLOCKS.add("a bare message_start", "relays in a hurry", "figures", forms=STREAM)
def bare_start(draft: Draft) -> None:
    begun = of_type(draft, "message_start")[0]
    begun["message"] = {"id": draft.answer.id, "role": "assistant"}


@BLOCKS.add("message_start twice", "relays that retry", "message_start", forms=STREAM)
def start_twice(draft: Draft) -> None:
    draft.insert(1, of_type(draft, "message_start")[0])


@BLOCKS.add("content null in message_start", "relays in Go", "message_start", forms=STREAM)
def null_content(draft: Draft) -> None:
    started(draft)["content"] = None


@BLOCKS.add("nameless", "relays", "names")
def nameless(draft: Draft) -> None:
    begun = started(draft)
    for key in ("id", "model", "stop_sequence", "role"):
        how = draft.drawn.randrange(3)
        if how == 1:
            begun.pop(key, None)
        elif how == 2:
            begun[key] = draft.drawn.choice((None, ""))


@BLOCKS.add("an answer of nothing but its type", "relays", "whole", forms=WHOLE)
def typeless(draft: Draft) -> None:
    draft.whole.update(message(draft.answer, draft.whole["content"], None, draft.whole["usage"]))
    ending(draft)["stop_reason"] = None
    draft.owed.raw = None
    draft.owed.reasons |= {"end", "tool_calls"}
