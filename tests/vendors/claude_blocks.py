"""The blocks of a messages request."""

from collections.abc import Iterator
from typing import Any

from tests.vendors.rule import Body, listed, objects


def blocks_of(message: Body, at: str, *, nested: bool = False) -> Iterator[tuple[str, Body]]:
    """A turn's blocks with their places; ``nested``: and those within results of tools."""
    content = message.get("content")
    if isinstance(content, str):
        yield f"{at}.content", {"type": "text", "text": content}
        return
    for place, block in objects(content, f"{at}.content"):
        yield place, block
        if nested and block.get("type") == "tool_result":
            yield from objects(block.get("content"), f"{place}.content")


def texts_in(body: Body) -> Iterator[tuple[str, str]]:
    """All texts that may not be blank, with their places."""
    system = body.get("system")
    if isinstance(system, str):
        yield "system", system
    for at, block in objects(system, "system"):
        yield at, block.get("text", "")
    for place, message in objects(body.get("messages"), "messages"):
        for at, block in blocks_of(message, place, nested=True):
            if block.get("type") == "text":
                yield at, block.get("text", "")


def turns_of(body: Body) -> list[tuple[str, str, list[Any]]]:
    """The turns as the model has them: role, place, blocks; neighbours of one role are one."""
    found: list[tuple[str, str, list[Any]]] = []
    for place, message in objects(body.get("messages"), "messages"):
        blocks = list(blocks_of(message, place))
        role = message.get("role", "")
        if found and found[-1][0] == role and role != "system":
            found[-1][2].extend(blocks)
        else:
            found.append((role, place, blocks))
    return found


def is_empty(message: Body) -> bool:
    """Whether a turn has nothing in it."""
    content = message.get("content")
    return content == "" or (isinstance(content, list) and not listed(content))
