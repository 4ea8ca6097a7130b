"""A request for a response: what the broker reads of it, and how one goes on from a partial answer.

All else is the provider's to judge.
"""

from typing import Any

from broker.dialects.model_name import check_model
from broker.dialects.responses.transcript import Transcript
from broker.dialects.usage import tokens
from broker.errors import BadRequest

_FLAGS = ("stream", "background", "store")


def check(request: dict[str, Any]) -> None:
    """Check the fields that the broker itself reads; all others pass through unchecked.

    ``input`` may be missing: a stored prompt or a conversation can stand in its place.

    Raises:
        BadRequest: a field is wrong; ``param`` names it.
    """
    check_model(request.get("model"))
    for flag in _FLAGS:
        if not isinstance(request.get(flag), bool | None):
            raise BadRequest(f"'{flag}' must be true or false.", param=flag)
    if request.get("background") and request.get("store") is False:
        raise BadRequest("A background response has to be stored.", param="store")
    if not isinstance(request.get("stream_options"), dict | None):
        raise BadRequest("'stream_options' must be an object.", param="stream_options")
    previous = request.get("previous_response_id")
    if not isinstance(previous, str | None) or previous == "":
        raise BadRequest("It must be the id of a response.", param="previous_response_id")
    _check_input(request.get("input"))


def _check_input(value: Any) -> None:
    if not isinstance(value, str | list | None):
        raise BadRequest("'input' must be a text or a list.", param="input")
    for place, item in enumerate(value if isinstance(value, list) else ()):
        if not isinstance(item, dict):
            where = f"input[{place}]"
            raise BadRequest(f"'{where}' must be an object.", param=where)


def continued(request: dict[str, Any], said: Transcript) -> dict[str, Any]:
    """The request with the partial answer as its last item."""
    asked = request.get("input")
    items = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked or []
    partial = {"role": "assistant", "content": said.text()}
    limit = request.get("max_output_tokens")
    if isinstance(limit, int):
        limit = max(1, limit - tokens(said.length))
    left = {} if limit is None else {"max_output_tokens": limit}
    return {**request, "input": [*items, partial], **left}


def stored(request: dict[str, Any]) -> bool:
    """Whether the response is to be there once it has ended; it is unless refused."""
    return request.get("store") is not False
