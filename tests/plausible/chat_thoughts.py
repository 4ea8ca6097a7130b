"""Chat: reasoning, for which every provider has a field of its own, and texts in parts."""

from typing import Any

from tests.plausible.chat import chunk, said
from tests.plausible.shape import STREAM, WHOLE, Draft, Shapes

THOUGHTS = Shapes("chat")
_FIELD = "reasoning_content"


def _renamed(draft: Draft, name: str) -> None:
    for each in said(draft):
        if _FIELD in each:
            each[name] = each.pop(_FIELD)


@THOUGHTS.add("reasoning", "OpenRouter, vLLM of 2026, Groq", "thoughts", "thought")
def reasoning(draft: Draft) -> None:
    _renamed(draft, "reasoning")


@THOUGHTS.add("reasoning and reasoning_content, the same", "vLLM, LiteLLM", "thoughts", "thought")
def both(draft: Draft) -> None:
    for each in said(draft):
        if _FIELD in each:
            each["reasoning"] = each[_FIELD]


@THOUGHTS.add("reasoning_content null beside reasoning", "relays in Go", "thoughts", "thought")
def null_beside(draft: Draft) -> None:
    _renamed(draft, "reasoning")
    for each in said(draft):
        each[_FIELD] = None


@THOUGHTS.add("reasoning_text", "Copilot", "thoughts", "thought")
def reasoning_text(draft: Draft) -> None:
    _renamed(draft, "reasoning_text")


@THOUGHTS.add("thinking", "relays of Ollama", "thoughts", "thought")
def thinking(draft: Draft) -> None:
    _renamed(draft, "thinking")


@THOUGHTS.add("reasoning_details beside reasoning", "OpenRouter", "thoughts", "thought")
def details_beside(draft: Draft) -> None:
    for each in said(draft):
        if _FIELD in each:
            text = each["reasoning"] = each.pop(_FIELD)
            each["reasoning_details"] = [{"type": "reasoning.text", "text": text, "index": 0}]


@THOUGHTS.add("reasoning_details alone", "OpenRouter, MiniMax", "thoughts", "thought")
def details(draft: Draft) -> None:
    for each in said(draft):
        if _FIELD in each:
            piece = {"type": "reasoning.text", "text": each.pop(_FIELD), "index": 0}
            each["reasoning_details"] = [piece]


@THOUGHTS.add("reasoning_details with a summary", "OpenRouter of OpenAI", "thoughts", "thought")
def summaries(draft: Draft) -> None:
    for each in said(draft):
        if _FIELD in each:
            piece = {"type": "reasoning.summary", "summary": each.pop(_FIELD), "index": 0}
            each["reasoning_details"] = [piece]


@THOUGHTS.add("thinking_blocks beside reasoning_content", "LiteLLM", "thoughts", "thought")
def thinking_blocks(draft: Draft) -> None:
    for each in said(draft):
        if _FIELD in each:
            each["thinking_blocks"] = [{"type": "thinking", "thinking": each[_FIELD]}]


@THOUGHTS.add("thoughts as parts of the content", "Mistral", "thoughts+content", "thought")
def parts(draft: Draft) -> None:
    for each in said(draft):
        if _FIELD in each:
            inner = [{"type": "text", "text": each.pop(_FIELD)}]
            rest = each.get("content")
            after = [{"type": "text", "text": rest}] if rest else []
            each["content"] = [{"type": "thinking", "thinking": inner}, *after]


@THOUGHTS.add(
    "a thought and a text in one delta",
    "relays that gather",
    "gathered",
    "thought",
    "text",
    forms=STREAM,
)
def together(draft: Draft) -> None:
    deltas = [(at, _delta(each)) for at, each in enumerate(draft.events)]
    at, first = next((at, each) for at, each in deltas if each.get("content"))
    before = _delta(draft.events[at - 1])
    if _FIELD in before:
        first[_FIELD] = before[_FIELD]
        del draft.events[at - 1]


def _delta(event: Any) -> Any:
    choices = event["choices"] if isinstance(event, dict) else ()
    return choices[0]["delta"] if choices else {}


@THOUGHTS.add("a plan before the call", "Cohere's compatible API", "thoughts", "thought", "call")
def plan(draft: Draft) -> None:
    _renamed(draft, "tool_plan")


@THOUGHTS.add("content in parts", "Mistral, relays", "content", "text")
def content_parts(draft: Draft) -> None:
    for each in said(draft):
        if isinstance(each.get("content"), str) and each["content"]:
            each["content"] = [{"type": "text", "text": each["content"]}]


@THOUGHTS.add("content in parts of output_text", "relays of Responses", "content", "text")
def output_parts(draft: Draft) -> None:
    for each in said(draft):
        if isinstance(each.get("content"), str) and each["content"]:
            each["content"] = [{"type": "output_text", "text": each["content"]}]


@THOUGHTS.add("content as one part", "relays", "content", "text")
def one_part(draft: Draft) -> None:
    for each in said(draft):
        if isinstance(each.get("content"), str) and each["content"]:
            each["content"] = {"type": "text", "text": each["content"]}


@THOUGHTS.add("content as a list of texts", "relays", "content", "text")
def texts(draft: Draft) -> None:
    for each in said(draft):
        if isinstance(each.get("content"), str) and each["content"]:
            each["content"] = [each["content"]]


@THOUGHTS.add("a refusal", "OpenAI", "refusals", "refusal")
def refusal(draft: Draft) -> None:
    for each in said(draft):
        each.setdefault("content", None)


@THOUGHTS.add(
    "a refusal among the parts", "OpenAI's histories, relays", "content", "refusal", forms=WHOLE
)
def refusal_part(draft: Draft) -> None:
    for each in said(draft):
        before = each.get("content") or []
        each["content"] = [*before, {"type": "refusal", "refusal": each.pop("refusal")}]


@THOUGHTS.add("a picture", "OpenRouter of Gemini", "pictures")
def pictures(draft: Draft) -> None:
    draft.owed.untold = True
    url = {"url": "data:image/png;base64,iVBORw0KGgo="}
    image = {"images": [{"type": "image_url", "image_url": url}]}
    if draft.events:
        delta = {"index": 0, "delta": image, "finish_reason": None}
        draft.insert(1, chunk(draft.answer, [delta]))
    for each in () if draft.events else said(draft):
        each.update(image)


@THOUGHTS.add("links beside the text", "OpenAI, OpenRouter", "links", "text")
def links(draft: Draft) -> None:
    cited = {"url": "https://e.example", "title": "E", "start_index": 0, "end_index": 1}
    for each in said(draft):
        if each.get("content"):
            each["annotations"] = [{"type": "url_citation", "url_citation": cited}]


@THOUGHTS.add("halves of characters", "relays that count in UTF-16", "halves", "text", forms=STREAM)
def halves(draft: Draft) -> None:
    draft.surrogates = True
    half = {"index": 0, "delta": {"content": "\ud83c"}, "finish_reason": None}
    other = {"index": 0, "delta": {"content": "\udf0a"}, "finish_reason": None}
    place = next(at for at, each in enumerate(draft.events) if _delta(each).get("content"))
    draft.insert(place, chunk(draft.answer, [half]))
    draft.insert(place + 1, chunk(draft.answer, [other]))
    pieces = draft.answer.pieces
    at = next(at for at, each in enumerate(pieces) if each.kind == "text")
    pieces[at] = pieces[at]._replace(text="🌊" + pieces[at].text)
