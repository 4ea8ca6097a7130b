"""About how many tokens a request's prompt is, for who asks before the call: see ``count_tokens``.

Four bytes of JSON are a token, as in ``usage``; but a picture or a file is counted by what models
make of it: its base64 would be hundreds of times as much, and an agent that hears so throws its
conversation away.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from broker.dialects.usage import tokens

_PARTS = ("system", "messages", "tools")
_PICTURE = 1600  # tokens of a picture as large as they are taken
_PAGE = 2000  # tokens of a page
_PAGE_DATA = 64 * 1024  # characters of base64 that a page of a file takes, roughly


def count(request: dict[str, Any]) -> int:
    """The estimate, at least 1. A request that is none of this dialect's is counted too."""
    asked = [request[key] for key in _PARTS if key in request]
    characters, found = len(msgspec.json.encode(asked)), 0
    for kind, data in _data(request.get("messages")):
        characters -= len(data)
        found += _PICTURE if kind == "image" else _PAGE * (1 + len(data) // _PAGE_DATA)
    return max(1, tokens(characters) + found)


def _data(messages: Any) -> Iterator[tuple[str, str]]:
    """The base64 in content blocks, and the kind of each; those of tools' results too."""
    for message in messages if isinstance(messages, list) else ():
        yield from _of(message.get("content") if isinstance(message, dict) else None)


def _of(content: Any, *, within: bool = False) -> Iterator[tuple[str, str]]:
    for block in content if isinstance(content, list) else ():
        if not isinstance(block, dict):
            continue
        source = block.get("source")
        if isinstance(source, dict) and isinstance(data := source.get("data"), str):
            if source.get("type") == "base64":
                yield str(block.get("type")), data
        elif block.get("type") == "tool_result" and not within:
            yield from _of(block.get("content"), within=True)
