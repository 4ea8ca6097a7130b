"""A request in its provider's own dialect, rid of what only another provider could know again.

Such a request is its caller's word and goes out as it came. But what callers send back of earlier
answers may be ours: reasoning that was sealed for another dialect (``neutral.signature``), or that
nobody signed, texts of nothing, and ids of tool calls as another vendor's model made them. Where
this provider is known to refuse that (``vendors``), such reasoning and texts are left out, and ids
are told as it takes them, calls and results alike. A request without any such thing is not touched.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from broker.dialects.neutral.signature import Origin, unseal
from broker.dialects.responses.minted import is_made_item
from broker.dialects.vendors import takes_of
from broker.dialects.vendors.ids import CallIds
from broker.settings import Provider
from broker.settings.takes import Takes

Object = dict[str, Any]
_THOUGHTS = ("thinking", "redacted_thinking")
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")  # of a message in chat
_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def mended(request: Object, provider: Provider, model: str) -> Object:
    """The request for this model; the same object where there is nothing to mend."""
    mend = _MENDS.get(provider.dialect)
    if mend is None:
        return request
    takes, without = takes_of(provider.dialect, model, provider.takes), provider.quirks.without
    if "reasoning_content" in without:
        takes = msgspec.structs.replace(takes, thoughts=False)
    request = mend(request, takes)
    return _without_refusals(request) if "refusal" in without else request


def is_sealed(text: Any, dialect: Origin) -> bool:
    """Whether a signature in a field of this dialect is for another one."""
    return isinstance(text, str) and unseal(text, dialect).dialect != dialect


def _objects(request: Object, key: str) -> list[Any] | None:
    found = request.get(key)
    return found if isinstance(found, list) else None


def _chat(request: Object, takes: Takes) -> Object:
    messages, ids = _objects(request, "messages"), CallIds(takes)
    if messages is None:
        return request
    asked = _last_user(messages) if takes.reasoned_calls else len(messages)
    found = []
    for place, each in enumerate(messages):
        fitting = _chat_message(each, ids, takes) if isinstance(each, dict) else each
        if not _says_nothing(fitting, takes):
            found.append(_reasoned(fitting) if place > asked else fitting)
    return _with(request, "messages", messages, found)


def _says_nothing(message: Any, takes: Takes) -> bool:
    """Whether it is a turn of a model that answered with nothing, which is refused here."""
    if takes.texts in (None, "any") or not isinstance(message, dict):
        return False
    said = message.get("content") or message.get("tool_calls")
    return message.get("role") == "assistant" and not said


def _last_user(messages: list[Any]) -> int:
    places = (
        place
        for place in range(len(messages) - 1, -1, -1)
        if isinstance(messages[place], dict) and messages[place].get("role") == "user"
    )
    return next(places, -1)


def _reasoned(message: Any) -> Any:
    """A turn of the model that calls tools, with reasoning, if only none."""
    if not isinstance(message, dict) or not message.get("tool_calls"):
        return message
    if isinstance(message.get("reasoning_content"), str):
        return message
    return {**message, "reasoning_content": ""}


def _without_refusals(request: Object) -> Object:
    """The request, in which a refusal sent back is a text like any other."""
    messages = _objects(request, "messages") or []
    found = [_plain(each) if isinstance(each, dict) else each for each in messages]
    return _with(request, "messages", messages, found)


def _plain(message: Object) -> Object:
    if "refusal" not in message or message.get("role") != "assistant":
        return message
    rest = {key: value for key, value in message.items() if key != "refusal"}
    refusal, content = message["refusal"], rest.get("content")
    if isinstance(refusal, str) and refusal and isinstance(content, str | None):
        rest["content"] = (content or "") + refusal
    return rest


def _chat_message(message: Object, ids: CallIds, takes: Takes) -> Object:
    role = message.get("role")
    if role == "tool":
        return _renamed(message, "tool_call_id", ids.of_result)
    if role != "assistant":
        return message
    ids.begin_turn()
    if takes.thoughts is False and not message.keys().isdisjoint(_REASONING):
        message = {key: value for key, value in message.items() if key not in _REASONING}
    calls, details = message.get("tool_calls"), message.get("reasoning_details")
    if isinstance(calls, list):
        told = [
            _renamed(call, "id", ids.of_call) if isinstance(call, dict) else call for call in calls
        ]
        message = _with(message, "tool_calls", calls, told)
    if isinstance(details, list):
        kept = [each for each in details if not _is_foreign_detail(each)]
        if len(kept) < len(details):
            message = {key: value for key, value in message.items() if key != "reasoning_details"}
            message |= {"reasoning_details": kept} if kept else {}
    return message


def _is_foreign_detail(detail: Any) -> bool:
    return isinstance(detail, dict) and (
        is_sealed(detail.get("signature"), "chat") or is_sealed(detail.get("data"), "chat")
    )


def _messages(request: Object, takes: Takes) -> Object:
    messages, ids = _objects(request, "messages"), CallIds(takes)
    if messages is None:
        return request
    found = []
    for message in messages:
        fitting = _turn(message, ids, takes) if isinstance(message, dict) else message
        if fitting is not None:
            found.append(fitting)
    request = _with(request, "messages", messages, found)
    if takes.thinking_goes_on is False and _begins_to_think(request, found):
        return {key: value for key, value in request.items() if key != "thinking"}
    return request


def _turn(message: Object, ids: CallIds, takes: Takes) -> Object | None:
    """One turn; None if nothing is left of it."""
    content = message.get("content")
    own = message.get("role") == "assistant"
    if own:
        ids.begin_turn()
    if not isinstance(content, list):
        return message
    found = [
        _block(block, ids) if isinstance(block, dict) else block
        for block in content
        if not isinstance(block, dict)
        or not (_is_foreign_thought(block, takes) or (own and _is_blank(block, takes)))
    ]
    return _with(message, "content", content, found) if found or not content else None


def _block(block: Object, ids: CallIds) -> Object:
    match block.get("type"):
        case "tool_use":
            return _renamed(block, "id", ids.of_call)
        case "tool_result":
            return _renamed(block, "tool_use_id", ids.of_result)
        case _:
            return block


def _is_blank(block: Object, takes: Takes) -> bool:
    """Whether it is a text of nothing, as some models say beside a call, that is refused here."""
    text = block.get("text")
    if takes.texts != "not blank" or block.get("type") != "text" or not isinstance(text, str):
        return False
    return not text.strip()


def _is_foreign_thought(block: Object, takes: Takes) -> bool:
    match block.get("type"):
        case "thinking":
            signature = block.get("signature")
            unsigned = takes.unsigned_thoughts is False and not signature
            return unsigned or is_sealed(signature, "messages")
        case "redacted_thinking":
            return is_sealed(block.get("data"), "messages")
        case _:
            return False


def _begins_to_think(request: Object, messages: list[Any]) -> bool:
    """Whether it wants the model to think in a loop of tools that began without its thoughts."""
    thinking = request.get("thinking")
    if not (isinstance(thinking, dict) and thinking.get("type") == "enabled"):
        return False
    turns = [each for each in messages if isinstance(each, dict)]
    asked = _taken_off(turns, "user")
    said = _taken_off(turns, "assistant")
    return "tool_result" in asked and "tool_use" in said and said[0] not in _THOUGHTS


def _taken_off(turns: list[Object], role: str) -> list[Any]:
    """Take the turns of this role off the end, which are one turn: the kinds of their blocks."""
    found: list[Any] = []
    while turns and turns[-1].get("role") == role:
        found = _kinds(turns.pop()) + found
    return found


def _kinds(message: Object) -> list[Any]:
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    return [block.get("type") for block in blocks if isinstance(block, dict)]


def _responses(request: Object, takes: Takes) -> Object:
    items, ids = _objects(request, "input"), CallIds(takes)
    if items is None:
        return request
    found = [
        _item(item, ids) if isinstance(item, dict) else item
        for item in items
        if not (isinstance(item, dict) and _is_foreign_item(item))
    ]
    if len(found) < len(items):
        found = without_unfollowed(found)
    return _with(request, "input", items, found)


def _item(item: Object, ids: CallIds) -> Object:
    kind = item.get("type")
    if kind in _CALLS:
        return _renamed(item, "call_id", ids.of_call)
    return _renamed(item, "call_id", ids.of_result) if kind in _OUTPUTS else item


def _is_foreign_item(item: Object) -> bool:
    if item.get("type") != "reasoning":
        return False
    sealed, id = item.get("encrypted_content"), item.get("id")
    if sealed:
        return is_sealed(sealed, "responses")
    return isinstance(id, str) and is_made_item(id)


def without_unfollowed(items: list[Any]) -> list[Any]:
    """The items without reasoning that nothing of the same turn follows, which is refused."""
    found: list[Any] = []
    follows = False  # whether what comes next is the model's
    for item in reversed(items):
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "reasoning" and not follows:
            continue
        found.append(item)
        role = item.get("role") if isinstance(item, dict) else None
        follows = role == "assistant" or (role is None and str(kind) not in _OUTPUTS)
    return found[::-1]


def _renamed(value: Object, key: str, name: Callable[[str], str]) -> Object:
    id = value.get(key)
    if not isinstance(id, str) or (found := name(id)) == id:
        return value
    return {**value, key: found}


def _with(whole: Object, key: str, before: list[Any], after: list[Any]) -> Object:
    """The object with this list, or itself if every element is the one that it was."""
    same = len(before) == len(after) and all(
        old is new for old, new in zip(before, after, strict=True)
    )
    return whole if same else {**whole, key: after}


_MENDS: dict[str, Callable[[Object, Takes], Object]] = {
    "chat": _chat,
    "messages": _messages,
    "responses": _responses,
}
