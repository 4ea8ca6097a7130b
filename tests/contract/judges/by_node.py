"""The SDKs of JavaScript, OpenAI's, Anthropic's and Vercel's: one Node for all of their calls."""

import asyncio
import json

import msgspec

from tests.contract.judges.answer import Answer, Heard, Surface
from tests.contract.judges.right import right
from tests.node import JS, NODE, node_env

SCRIPT = JS / "test" / "contract" / "judges.js"
_AI = {"length": "length", "tool_calls": "tool-calls", "filter": "content-filter",
       "refusal": "content-filter"}  # fmt: skip


class Node(msgspec.Struct, frozen=True):
    """A judge in JavaScript. ``ai``: it is Vercel's AI SDK, with words of its own."""

    name: str
    surface: Surface
    ai: bool = False


_WAYS: list[tuple[str, Surface, tuple[str, str]]] = [
    ("openai chat", "chat", ("helper", "whole")),
    ("openai responses", "responses", ("helper", "whole")),
    ("anthropic", "messages", ("helper", "whole")),
    ("AI SDK chat", "chat", ("stream", "whole")),
    ("AI SDK compatible", "chat", ("stream", "whole")),
    ("AI SDK responses", "responses", ("stream", "whole")),
    ("AI SDK messages", "messages", ("stream", "whole")),
]
NODES = [
    Node(f"{sdk}, {way}", surface, ai=sdk.startswith("AI SDK"))
    for sdk, surface, ways in _WAYS
    for way in ways
]


class Asked(msgspec.Struct, frozen=True):
    """One call of a judge."""

    judge: str
    url: str
    model: str
    prompt: str


async def hear(calls: list[Asked]) -> list[Heard]:
    """What was heard of each."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(SCRIPT),
        env={**node_env(), "STREAMHOLD_URL": "http://127.0.0.1:9"},  # the calls name their own
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        told, complaints = await process.communicate(msgspec.json.encode(calls))
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, complaints.decode()
    return [msgspec.convert(each, Heard) for each in json.loads(told)]


def right_for(judge: Node, answer: Answer) -> Heard:
    """What is right of an answer in the words that this judge has."""
    found = right(answer, judge.surface)
    if judge.ai:
        found.text, found.refusal = answer.text + answer.refusal, None
        found.reason = _AI.get(answer.end, "stop")
    if judge.name in ("AI SDK chat, stream", "AI SDK chat, whole", "openai chat, helper"):
        found.thoughts = None
    return found
