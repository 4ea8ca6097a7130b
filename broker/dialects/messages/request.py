"""A messages request: what the broker reads of it, and how one goes on from a partial answer.

All else is the provider's to judge. ``anthropic_beta`` is where the caller's header of that
name is kept, so that it is part of the request; it leaves as a header again: see ``betas``.
"""

from typing import Any

from broker.dialects.messages.betas import BETA, check_betas
from broker.dialects.messages.transcript import Transcript
from broker.dialects.model_name import check_model
from broker.dialects.usage import tokens
from broker.errors import BadRequest

VERSION = "2023-06-01"  # of the wire format that is understood here


def check(request: dict[str, Any]) -> None:
    """Check the fields that the broker itself reads; all others pass through unchecked.

    Raises:
        BadRequest: a field is wrong; ``param`` names it.
    """
    check_model(request.get("model"))
    most = request.get("max_tokens")
    if type(most) is not int or most < 0:
        raise BadRequest("'max_tokens' must be a whole number.", param="max_tokens")
    check_messages(request.get("messages"))
    if not isinstance(request.get("stream"), bool | None):
        raise BadRequest("'stream' must be true or false.", param="stream")
    if not isinstance(request.get("stream_options"), dict | None):
        raise BadRequest("'stream_options' must be an object.", param="stream_options")
    check_betas(request)


def check_messages(messages: Any) -> None:
    """Check the messages' outer shape.

    Raises:
        BadRequest: they are no list of objects, or none.
    """
    if not isinstance(messages, list) or not messages:
        raise BadRequest("'messages' must be a non-empty list.", param="messages")
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            where = f"messages[{place}]"
            raise BadRequest(f"'{where}' must be an object.", param=where)


def check_count(request: dict[str, Any]) -> tuple[str, list[str]]:
    """Check a request to count tokens, and take its model and betas out of it.

    Raises:
        BadRequest: it is none.
    """
    check_betas(request)
    model, betas = request.pop("model", None), request.pop(BETA, None)
    check_model(model)
    check_messages(request.get("messages"))
    return model, betas or []


def continued(request: dict[str, Any], said: Transcript) -> dict[str, Any]:
    """The request with the partial answer as its last message.

    Without thinking, which no partial answer may be combined with: its thoughts are past.
    """
    texts = said.texts()
    content: Any = texts[0]
    if len(texts) > 1:
        content = [{"type": "text", "text": text} for text in texts]
    partial: dict[str, Any] = {"role": "assistant", "content": content}
    asked = {**request, "messages": [*request["messages"], partial]}
    asked.pop("thinking", None)
    asked["max_tokens"] = max(1, asked["max_tokens"] - tokens(said.length))
    return asked
