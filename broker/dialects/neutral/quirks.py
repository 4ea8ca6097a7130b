"""A translated call, made to fit a chat provider that differs from OpenAI.

What is left out is only what leaves the answer as it is: ``user``, and what is sent back in
an assistant's message of its reasoning (``reasoning_content``). JSON without a schema is asked for
in words. Any other field that the provider is without, or is without with that value
(``FIELD.VALUE``), is lost, and refuses the request unless the operator allows it, so that the
route's next target is asked; nothing that a caller wants is dropped in silence. Calls that
need no translation never come here.
"""

from typing import Any

from broker.dialects.neutral.losing import lose, lose_chat
from broker.dialects.neutral.writing.json_words import JSON_ONLY, json_of
from broker.loss import Loss
from broker.settings import Quirks

_HARMLESS = ("user",)
_WHY = "this provider does not take it"
_REASONING = ("reasoning_content", "reasoning_details")


def fitted(request: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    """The chat request in the provider's own words.

    Raises:
        Unexpressible: it has a field that the provider is without, and nobody collects losses.
    """
    found = {key: value for key, value in request.items() if key not in _left_out(quirks)}
    messages = (_message(each, quirks) for each in request["messages"])
    found["messages"] = [message for message in messages if message is not None]
    _say_format(found, quirks)
    for entry in quirks.without:
        key, _, value = entry.partition(".")
        if key in found and (not value or _is(found[key], value)):
            lose_chat(key, found.pop(key), _WHY, "value" if value else "extra")
    return {quirks.names.get(key, key): value for key, value in found.items()}


def _say_format(request: dict[str, Any], quirks: Quirks) -> None:
    """Ask in words for what the provider can't be told of the answer's format."""
    output = request.get("response_format")
    if output is None or not _lacks(quirks, output["type"]):
        return
    kind = output["type"]
    del request["response_format"]
    words = JSON_ONLY
    if kind == "json_schema":
        lose_chat("response_format", output, _WHY, "value", "json_schema")
        words = json_of(output["json_schema"]["schema"])
        if not _lacks(quirks, "json_object"):
            request["response_format"] = {"type": "json_object"}
    request["messages"] = _told(request["messages"], words)


def _lacks(quirks: Quirks, kind: str) -> bool:
    return not {"response_format", f"response_format.{kind}"}.isdisjoint(quirks.without)


def _told(messages: list[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    """The messages, with these words in the system message that begins them."""
    first = messages[0] if messages else {}
    if first.get("role") != "system" or not isinstance(first.get("content"), str):
        return [{"role": "system", "content": words}, *messages]
    return [{**first, "content": f"{first['content']}\n\n{words}"}, *messages[1:]]


def _is(found: Any, value: str) -> bool:
    """Whether a field has this value, or is an object of this type."""
    return found == value or (isinstance(found, dict) and found.get("type") == value)


def _left_out(quirks: Quirks) -> list[str]:
    return [key for key in _HARMLESS if key in quirks.without]


def _message(message: dict[str, Any], quirks: Quirks) -> dict[str, Any] | None:
    """One message; None if nothing is left of it."""
    found = dict(message)
    if found["role"] == "developer" and not quirks.developer_role:
        found["role"] = "system"
    if "reasoning_content" in quirks.without:
        for key in _REASONING:
            found.pop(key, None)
    if "refusal" in quirks.without and "refusal" in found:
        found["content"] = (found["content"] or "") + found.pop("refusal")
    for key in quirks.without:
        if key in found:
            del found[key]
            why = f"this provider does not take {key!r}"
            lose(Loss("messages", why, setting="fields"))
    nothing = found.keys() == {"role", "content"} and not found["content"]
    return None if nothing and found["role"] == "assistant" else found
