"""A chat request: what the broker reads of it, and how one goes on from a partial answer.

All else is the provider's to judge.
"""

from typing import Any

from broker.dialects.chat.transcript import Transcript
from broker.dialects.model_name import check_model
from broker.dialects.usage import tokens
from broker.errors import BadRequest

_MOST_CHOICES = 128
_LIMITS = ("max_tokens", "max_completion_tokens")


def check(request: dict[str, Any]) -> None:
    """Check the fields that the broker itself reads; all others pass through unchecked.

    Optional fields may be null, as the dialect allows.

    Raises:
        BadRequest: a field is wrong; ``param`` names it.
    """
    check_model(request.get("model"))
    _check_messages(request.get("messages"))
    n = request.get("n")
    # A bool is an int to Python, but true is no number of choices.
    if n is not None and (type(n) is not int or not 1 <= n <= _MOST_CHOICES):
        raise BadRequest(f"'n' must be an integer from 1 to {_MOST_CHOICES}.", param="n")
    if not isinstance(request.get("stream"), bool | None):
        raise BadRequest("'stream' must be true or false.", param="stream")
    if not isinstance(request.get("stream_options"), dict | None):
        raise BadRequest("'stream_options' must be an object.", param="stream_options")


def choices(request: dict[str, Any]) -> int:
    """How many choices a checked request asks for."""
    return request.get("n") or 1


def continued(request: dict[str, Any], said: Transcript) -> dict[str, Any]:
    """The request with the partial answer as its last message."""
    partial: dict[str, Any] = {"role": "assistant", "content": said.text()}
    asked = {**request, "messages": [*request["messages"], partial]}
    for key in _LIMITS:
        if isinstance(asked.get(key), int):
            asked[key] = max(1, asked[key] - tokens(said.length))
    return asked


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadRequest("'messages' must be a non-empty list.", param="messages")
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            where = f"messages[{place}]"
            raise BadRequest(f"'{where}' must be an object.", param=where)
