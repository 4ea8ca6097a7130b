"""Request bodies of a megabyte: one long conversation, in each dialect that callers speak.

The same bytes are given to both builds, so they are made once, here: a turn is a question, an
answer that calls a tool, the tool's result, and an answer in words.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from broker.dialects.neutral.translation import translate_request

CALLERS = ("chat", "messages", "responses")
PROVIDERS = ("chat", "messages", "responses", "gemini")
SIZE = 1_000_000  # bytes of the conversation in chat; the others' are about as long
_WORDS = "It is measured how long a request takes on its way to a provider of another dialect. "


def directions() -> Iterator[tuple[str, str]]:
    """Every caller with every provider of another dialect."""
    for caller in CALLERS:
        for provider in PROVIDERS:
            if caller != provider:
                yield caller, provider


def write_bodies(folder: Path) -> None:
    """A file for each of ``CALLERS``: ``chat.json`` and so on."""
    chat = conversation(SIZE)
    for caller in CALLERS:
        body = chat if caller == "chat" else translate_request(chat, "chat", caller, "m")
        (folder / f"{caller}.json").write_bytes(msgspec.json.encode(body))


def conversation(size: int) -> dict[str, Any]:
    """A chat request of about this many bytes."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": _WORDS}]
    parameters = {"type": "object", "properties": {"query": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    length = 0
    while length < size:
        turn = list(_turn(len(messages)))
        length += len(msgspec.json.encode(turn))
        messages += turn
    return {"model": "m", "max_tokens": 1000, "tools": [tool], "messages": messages}


def _turn(number: int) -> Iterator[dict[str, Any]]:
    name, arguments = (
        f"call_{number}",
        msgspec.json.encode({"query": f"{number} \u00e9\n"}).decode(),
    )
    call = {"id": name, "type": "function", "function": {"name": "look_up", "arguments": arguments}}
    yield {"role": "user", "content": f"{number}. " + _WORDS * 5}
    yield {"role": "assistant", "content": _WORDS, "tool_calls": [call]}
    yield {"role": "tool", "tool_call_id": name, "content": _WORDS * 8}
    yield {"role": "assistant", "content": _WORDS * 4 + "\u201cwell\u201d"}
