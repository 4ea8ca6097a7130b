"""What a request names that its provider keeps: responses, conversations, files, containers.

Such an object was made under the operator's key, for whom nobody here knows: it may be another
account's. So a request that names one is refused, unless the operator lets callers name what
they like (``foreign_ids``). The one exception is the response before, by the broker's own id.

Only a dialect's own fields are looked at: what stands in a tool's arguments or in a schema is
no name of anything.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.responses.minted import is_minted
from broker.errors import BadRequest, ForeignId, PreviousNotFound

_FILE_KEYS = ("file_id", "file_ids", "container_id", "vector_store_ids")


def check_kept(dialect: str, request: dict[str, Any]) -> None:
    """Return if the request names nothing that a provider keeps.

    Raises:
        PreviousNotFound: a response before that is none of ours.
        ForeignId: anything else; ``param`` says where.
    """
    if (refusal := refusal_of(dialect, request)) is not None:
        raise refusal


def refusal_of(dialect: str, request: dict[str, Any]) -> BadRequest | None:
    """The same as a value."""
    param = named_in(dialect, request)
    return None if param is None else naming_refused(param)


def named_in(dialect: str, request: dict[str, Any]) -> str | None:
    """Where a request first names something that its provider keeps; None if it does not."""
    return next(iter(_FOUND[dialect](request)), None)


def naming_refused(param: str) -> BadRequest:
    """What there is to say of a request that names something there."""
    if param == "previous_response_id":
        return PreviousNotFound("It is none of this broker's.", param=param)
    return ForeignId(param=param)


def _of_chat(request: dict[str, Any]) -> Iterator[str]:
    for place, message in _objects(request.get("messages")):
        where = f"messages[{place}]"
        if _text(message.get("audio"), "id"):
            yield f"{where}.audio"
        for inner, part in _objects(message.get("content")):
            if _text(part.get("file"), "file_id"):
                yield f"{where}.content[{inner}].file"


def _of_messages(request: dict[str, Any]) -> Iterator[str]:
    if request.get("container"):
        yield "container"
    for place, message in _objects(request.get("messages")):
        yield from _blocks(message.get("content"), f"messages[{place}].content")


def _blocks(content: Any, where: str) -> Iterator[str]:
    for place, block in _objects(content):
        here = f"{where}[{place}]"
        source = block.get("source")
        if _named(block) or (isinstance(source, dict) and _named(source)):
            yield here
        if isinstance(source, dict):
            yield from _blocks(source.get("content"), f"{here}.source.content")
        if block.get("type") != "tool_use":
            yield from _blocks(block.get("content"), f"{here}.content")


def _of_responses(request: dict[str, Any]) -> Iterator[str]:
    previous = request.get("previous_response_id")
    if previous is not None and not (isinstance(previous, str) and is_minted(previous)):
        yield "previous_response_id"
    for key in ("conversation", "prompt"):
        if request.get(key):
            yield key
    for place, item in _objects(request.get("input")):
        if _is_reference(item):
            yield f"input[{place}]"
    for place, tool in _objects(request.get("tools")):
        container, mask = tool.get("container"), tool.get("input_image_mask")
        named = isinstance(container, str) or any(
            isinstance(each, dict) and _named(each) for each in (container, mask)
        )
        if named or _named(tool):
            yield f"tools[{place}]"


def _is_reference(item: dict[str, Any]) -> bool:
    """Whether an item of the input stands for something that the provider keeps."""
    kind = item.get("type")
    if kind == "item_reference" or (kind is None and "role" not in item and item.get("id")):
        return True
    if kind == "reasoning":  # what was thought is with the provider, unless it is sealed in here
        return bool(item.get("id")) and not (item.get("encrypted_content") or item.get("content"))
    if _named(item):
        return True
    inner = (item.get("content"), item.get("output"))
    parts = [part for each in inner for _, part in _objects(each)]
    return any(map(_named, parts)) or (isinstance(inner[1], dict) and _named(inner[1]))


def _named(value: dict[str, Any]) -> bool:
    """Whether an object has the id of a file, a container or a store of vectors."""
    return any(value.get(key) for key in _FILE_KEYS)


def _text(value: Any, key: str) -> bool:
    return isinstance(value, dict) and bool(value.get(key))


def _objects(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for place, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, dict):
            yield place, each


_FOUND = {"chat": _of_chat, "messages": _of_messages, "responses": _of_responses}
