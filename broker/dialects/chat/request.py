"""What a chat request must be for the broker to take it; the rest is the provider's to judge."""

from typing import Any

from broker.errors import BadRequest

_MOST_CHOICES = 128
_LONGEST_MODEL = 512  # characters; it is kept in every record


def check(request: dict[str, Any]) -> None:
    """Check the fields that the broker itself reads; all others pass through unchecked.

    Optional fields may be null, as the dialect allows.

    Raises:
        BadRequest: a field is wrong; ``param`` names it.
    """
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("'model' must be a non-empty string.", param="model")
    if len(model) > _LONGEST_MODEL:
        raise BadRequest(f"'model' may have {_LONGEST_MODEL} characters.", param="model")
    _check_messages(request.get("messages"))
    n = request.get("n")
    # A bool is an int to Python, but true is no number of choices.
    if n is not None and (type(n) is not int or not 1 <= n <= _MOST_CHOICES):
        raise BadRequest(f"'n' must be an integer from 1 to {_MOST_CHOICES}.", param="n")
    if not isinstance(request.get("stream"), bool | None):
        raise BadRequest("'stream' must be true or false.", param="stream")
    if not isinstance(request.get("stream_options"), dict | None):
        raise BadRequest("'stream_options' must be an object.", param="stream_options")


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadRequest("'messages' must be a non-empty list.", param="messages")
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            where = f"messages[{place}]"
            raise BadRequest(f"'{where}' must be an object.", param=where)
