"""How the innocent account asks on each surface, and what the answers say."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from rig.sse_reader import Event
from sim.answer import compose
from sim.behaviour import parse
from sim.request import decode
from sim.text import decoded

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
_LONGEST = 4096  # tokens that a message may have


def request(dialect: str, model: str, prompt: str, **more: Any) -> dict[str, Any]:
    """A call whose prompt the provider counts it under."""
    if dialect == "responses":
        return {"model": model, "input": prompt, **more}
    said = [{"role": "user", "content": prompt}]
    limit = {"max_tokens": _LONGEST} if dialect == "messages" else {}
    return {"model": model, "messages": said, **limit, **more}


def uncut(sim_model: str, prompt: str) -> str:
    """The text that the provider says to this prompt."""
    asked = decode(msgspec.json.encode(request("chat", sim_model, prompt)))
    answer = compose(asked, parse(sim_model))
    return "".join(map(decoded, answer.choices[0].content))


def end_of(view: str, event: Event) -> str | None:
    """``completed`` or what went wrong, if the event is the view's terminal; else None."""
    if event.name == b"error":
        return event.data.decode(errors="replace")
    if view == "native":
        if event.name != b"end":
            return None
        state: str = json.loads(event.data)["state"]
        return state if state == "completed" else event.data.decode(errors="replace")
    ends = {
        "chat": event.data == b"[DONE]",
        "messages": event.name == b"message_stop",
        "responses": event.name == b"response.completed",
    }
    if event.name in (b"response.failed", b"response.incomplete"):
        return event.data.decode(errors="replace")
    return "completed" if ends[view] else None


def text_of(events: Iterable[Event]) -> str:
    """The text that the events of a stream add up to, of any dialect and view."""
    return "".join(_delta(event) for event in events)


def _delta(event: Event) -> str:
    if event.name not in (b"", b"content_block_delta", b"response.output_text.delta"):
        return ""
    if event.data == b"[DONE]":
        return ""
    value = msgspec.json.decode(event.data)
    kind = value.get("type")
    if kind == "response.output_text.delta":
        return str(value["delta"])
    if kind == "content_block_delta":
        return str(value["delta"].get("text", ""))
    return "".join(
        choice["delta"].get("content") or "" for choice in value.get("choices", ()) or ()
    )


def text_of_whole(dialect: str, body: bytes) -> str:
    """The text of a whole answer."""
    value = json.loads(body)
    if dialect == "chat":
        return str(value["choices"][0]["message"]["content"])
    if dialect == "messages":
        return "".join(block.get("text", "") for block in value["content"])
    items = [part for item in value["output"] for part in item.get("content", ())]
    return "".join(part.get("text", "") for part in items)
