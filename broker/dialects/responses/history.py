"""What a request names of earlier responses, put in place of the names.

A request may go on from a response (``previous_response_id``) and stand for items by their ids
(``item_reference``). Whatever dialect its provider spoke, the response is here: what it was asked
and what came of it. So a request is written out for a provider that does not keep them itself:
the turns before it, oldest first, then its own input, each reference replaced by its item.

What is written out for a provider of this dialect says nothing that only another one could know
again: no ids, no reasoning that it has not sealed itself, no traces of tools that it has not run.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from broker.dialects.responses.minted import is_minted

Item = dict[str, Any]

# Items that every provider of the dialect knows, whoever made them.
_COMMON = frozenset(
    (
        *("message", "function_call", "function_call_output"),
        *("custom_tool_call", "custom_tool_call_output", "tool_search_output"),
    )
)


class Turn(msgspec.Struct, frozen=True):
    """A response as it is kept, and the name of the provider that gave it."""

    provider: str
    input: list[Item]
    output: list[Item]


class Told(msgspec.Struct, frozen=True):
    """An item that is told again, and the provider that knows it by its id; empty: none does."""

    item: Item
    provider: str = ""


def input_of(request: Item) -> list[Item]:
    """A request's input as items."""
    asked = request.get("input")
    if isinstance(asked, str):
        return [{"type": "message", "role": "user", "content": asked}]
    return [each for each in asked if isinstance(each, dict)] if isinstance(asked, list) else []


def reference_of(item: Any) -> str | None:
    """The id of the item that this one stands for; None if it stands for itself."""
    if not isinstance(item, dict):
        return None
    kind, id = item.get("type"), item.get("id")
    if kind == "item_reference" or (kind is None and "role" not in item):
        return id if isinstance(id, str) and id else None
    return None


def references(items: Any) -> Iterator[tuple[int, str]]:
    """The places and ids of the references among items."""
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if (id := reference_of(item)) is not None:
            yield place, id


def names_history(request: Item) -> bool:
    """Whether a request names anything of earlier responses."""
    previous = request.get("previous_response_id")
    if isinstance(previous, str) and is_minted(previous):
        return True
    return next(references(request.get("input")), None) is not None


def without_history(request: Item) -> Item:
    """The request without those names; an empty object is in the place of each reference."""
    if not names_history(request):
        return request
    bare = {key: value for key, value in request.items() if key != "previous_response_id"}
    asked = request.get("input")
    if isinstance(asked, list):
        bare["input"] = [{} if reference_of(each) is not None else each for each in asked]
    return bare


def told_turns(turns: Iterable[Turn]) -> list[Told]:
    """The items of the turns before, oldest first."""
    return [
        Told(item, provider)
        for turn in turns
        for provider, items in (("", turn.input), (turn.provider, turn.output))
        for item in items
    ]


def written_out(
    request: Item, before: Iterable[Told], own: Iterable[Told | Item], provider: str | None
) -> Item:
    """The request with what came before it, and its own items, as its input.

    ``provider`` is the name of the one that is called where it speaks this dialect, else None:
    then every item is told whole, and the translation takes of it what its dialect can say. What
    a caller wrote into this very request is passed on as it is.
    """
    items: list[Item] = []
    for each in (*before, *own):
        item = _for(each, provider) if isinstance(each, Told) else each
        if item is not None:
            items.append(item)
    found = {key: value for key, value in request.items() if key != "previous_response_id"}
    found["input"] = items
    return found


def _for(told: Told, provider: str | None) -> Item | None:
    """An item for a provider; None if it would not know what it is."""
    item = told.item
    if provider is None or told.provider == provider:
        return item
    kind = item.get("type") or ("message" if "role" in item else None)
    asked = not told.provider and kind not in ("reasoning", "item_reference", None)
    if not asked and kind not in _COMMON:
        return None
    return {key: value for key, value in item.items() if key not in ("id", "status")}
