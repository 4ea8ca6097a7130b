"""A translated call, made to fit a chat provider that differs from OpenAI.

What is left out is only what leaves the answer as it is: ``user``, and what is sent back in
an assistant's message of its reasoning (``reasoning_content``). Any other field that the
provider is without, or is without with that value (``FIELD.VALUE``), is refused, so that the
route's next target is asked; nothing that a caller wants is dropped in silence. Calls that
need no translation never come here.
"""

from typing import Any

from broker.dialects.neutral.fields import unexpressible
from broker.settings import Quirks

_HARMLESS = ("user",)
_REASONING = ("reasoning_content", "reasoning_details")


def fitted(request: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    """The chat request in the provider's own words.

    Raises:
        Unexpressible: it has a field that the provider is without.
    """
    found = {key: value for key, value in request.items() if key not in _left_out(quirks)}
    messages = (_message(each, quirks) for each in request["messages"])
    found["messages"] = [message for message in messages if message is not None]
    for entry in quirks.without:
        key, _, value = entry.partition(".")
        if key in found and (not value or _is(found[key], value)):
            raise unexpressible(key, "this provider does not take it")
    return {quirks.names.get(key, key): value for key, value in found.items()}


def _is(found: Any, value: str) -> bool:
    """Whether a field has this value, or is an object of this type."""
    return found == value or (isinstance(found, dict) and found.get("type") == value)


def _left_out(quirks: Quirks) -> list[str]:
    return [key for key in _HARMLESS if key in quirks.without]


def _message(message: dict[str, Any], quirks: Quirks) -> dict[str, Any] | None:
    """One message; None if nothing is left of it.

    Raises:
        Unexpressible: it has a field that the provider is without.
    """
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
            raise unexpressible("messages", f"this provider does not take {key!r}")
    return None if found == {"role": "assistant", "content": None} else found
