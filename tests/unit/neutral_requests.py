"""Requests that can be expressed in full, drawn in neutral words for one dialect."""

import json
from typing import Any

from hypothesis import strategies as st

from broker.dialects.neutral.request import (
    Image,
    JsonSchema,
    Message,
    Named,
    Part,
    Reasoning,
    Refusal,
    Request,
    Role,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)
from broker.dialects.neutral.signature import Origin, Signature

word = st.text("abcdefgh_", min_size=1, max_size=6)
text = st.text(min_size=1, max_size=8).map(lambda drawn: drawn.strip() or "x")  # none is blank
described = st.builds(lambda about: {"type": "string", "description": about}, word)
schema = st.dictionaries(word, described, max_size=2).map(
    lambda properties: {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
)
objects = st.dictionaries(word, st.integers() | word, max_size=2)
share = st.integers(0, 10).map(lambda tenths: tenths / 10)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def images(dialect: str) -> st.SearchStrategy[Image]:
    detail = st.none() if dialect == "messages" else maybe(st.sampled_from(["low", "high"]))
    data = st.text("abcAB+/", min_size=1, max_size=6)
    kind = st.sampled_from(["image/png", "image/jpeg"])
    return st.builds(
        Image, url=word.map(lambda name: f"https://x.example/{name}"), detail=detail
    ) | st.builds(Image, data=data, media_type=kind, detail=detail)


def thoughts(dialect: str) -> st.SearchStrategy[Thought]:
    def signed(origin: Origin) -> st.SearchStrategy[Signature]:
        id = word if origin == "responses" else st.just("")
        return st.builds(Signature, st.just(origin), st.text("abAB", min_size=1, max_size=9), id)

    if dialect == "chat":
        return st.builds(Thought, text, signed("chat")) | st.builds(
            Thought, st.just(""), signed("chat")
        )
    if dialect == "messages":
        redacted = st.builds(Thought, st.just(""), signed("messages.redacted"))
        return st.builds(Thought, st.just("") | text, signed("messages")) | redacted
    return st.builds(Thought, st.just("") | text, signed("responses"))


@st.composite
def conversations(draw: st.DrawFn, dialect: str) -> tuple[Message, ...]:
    """Turns of user and assistant, with the results of every call between them."""
    found: list[Message] = []
    if dialect != "messages" and draw(st.booleans()):
        role: Role = "system" if draw(st.booleans()) else "developer"
        found.append(Message(role, (Text(draw(text)),)))
    count = 0
    for _ in range(draw(st.integers(1, 3))):
        said = st.builds(Text, text) | images(dialect)
        found.append(Message("user", tuple(draw(st.lists(said, min_size=1, max_size=3)))))
        parts: list[Part] = draw(st.lists(thoughts(dialect), max_size=2))
        parts += draw(st.lists(st.builds(Text, text), max_size=2))
        if dialect != "messages" and draw(st.booleans()):
            parts.append(Refusal(draw(text)))
        calls = []
        for _ in range(draw(st.integers(0, 2))):
            arguments = json.dumps(draw(objects), ensure_ascii=False, separators=(",", ":"))
            calls.append(ToolCall(f"call_{count}", draw(word), arguments))
            count += 1
        if parts or calls:
            found.append(Message("assistant", (*parts, *calls)))
        if calls:
            results = tuple(_result(draw, call, dialect) for call in calls)
            found.append(Message("tool", results))
            found.append(Message("assistant", (Text(draw(text)),)))
    return tuple(found)


def _result(draw: st.DrawFn, call: ToolCall, dialect: str) -> ToolResult:
    said: st.SearchStrategy[Any] = st.builds(Text, text)
    if dialect != "chat":
        said = said | images(dialect)
    failed = dialect == "messages" and draw(st.booleans())
    return ToolResult(call.id, tuple(draw(st.lists(said, min_size=1, max_size=2))), failed)


def reasonings(dialect: str) -> st.SearchStrategy[Any]:
    if dialect == "messages":
        effort = maybe(st.sampled_from(["low", "medium", "high", "xhigh", "max"]))
        summary = maybe(st.sampled_from(["omitted", "auto"]))
        on = st.builds(Reasoning, st.just(True), effort, maybe(st.integers(1024, 9999)), summary)
        off = st.builds(Reasoning, st.just(False), effort)
        silent = st.builds(Reasoning, st.none(), st.sampled_from(["low", "max"]))
        return st.none() | on | off | silent
    effort = st.sampled_from(["minimal", "low", "medium", "high", "xhigh"])
    summary = st.none()
    if dialect == "responses":
        summary = maybe(st.sampled_from(["auto", "concise", "detailed"]))
    on = st.builds(Reasoning, st.just(True), effort, summary=summary)
    return st.none() | on | st.builds(Reasoning, st.just(False), summary=summary)


@st.composite
def requests(draw: st.DrawFn, dialect: str) -> Request:
    strict = st.booleans() if dialect == "responses" else maybe(st.booleans())
    tool = st.builds(Tool, word, maybe(text), schema, strict)
    tools = tuple(draw(st.lists(tool, max_size=2)))
    choice = maybe(st.sampled_from(["auto", "none", "required"]) | st.builds(Named, word))
    named = JsonSchema(draw(schema), draw(word), draw(maybe(text)), draw(maybe(st.booleans())))
    output = draw(st.sampled_from([None, "json", named]))
    fields: dict[str, Any] = {
        "messages": draw(conversations(dialect)),
        "tools": tools,
        "tool_choice": draw(choice) if tools else None,
        "max_tokens": draw(maybe(st.integers(16, 9999))),
        "temperature": draw(maybe(share)),
        "top_p": draw(maybe(share)),
        "reasoning": draw(reasonings(dialect)),
        "output": output,
        "user": draw(maybe(word)),
    }
    fields["parallel"] = draw(maybe(st.booleans())) if tools else None
    fields |= _own(draw, dialect, fields)
    return Request(**fields)


def _own(draw: st.DrawFn, dialect: str, fields: dict[str, Any]) -> dict[str, Any]:
    """What only this dialect has, or has in another way."""
    stop = tuple(draw(st.lists(word, max_size=2)))  # blank ones are cut at, not asked
    if dialect == "chat":
        return {
            "seed": draw(maybe(st.integers(0, 99))),
            "frequency_penalty": draw(maybe(share)),
            "presence_penalty": draw(maybe(share)),
            "stop": stop,
            "verbosity": draw(maybe(st.sampled_from(["low", "high"]))),
        }
    if dialect == "responses":
        instructions = draw(st.lists(text, max_size=1))
        verbosity = draw(maybe(st.sampled_from(["low", "high"])))
        return {"instructions": tuple(instructions), "verbosity": verbosity}
    output = fields["output"]
    choice = fields["tool_choice"]
    return {
        "instructions": tuple(draw(st.lists(text, max_size=2))),
        "max_tokens": draw(st.integers(1, 9999)),
        "top_k": draw(maybe(st.integers(1, 99))),
        "stop": stop,
        "output": JsonSchema(output.schema) if isinstance(output, JsonSchema) else None,
        "parallel": None if choice in (None, "none") else fields["parallel"],
    }
