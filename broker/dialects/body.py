"""A request's body as the object that it holds, and the outline of one that is large."""

from typing import Any

import msgspec

from broker.errors import BadRequest
from broker.nesting import DEEPEST, is_shallow

_SHORT = 16 * 1024  # bytes of a field that an outline has
_SHORT_ALL = 64 * 1024  # bytes of all of them


def decode_object(body: bytes | bytearray) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        BadRequest: it is not JSON, or not an object, or nested too deep.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {str(error) or 'nested too deeply'}.") from error
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    if not is_shallow(body, value):
        raise BadRequest(f"The body is nested too deep: {DEEPEST} levels may be.")
    return value


def short_fields(request: dict[str, Any]) -> dict[str, Any]:
    """Those of a request's fields that take little room, the shortest first."""
    sizes = {key: len(msgspec.json.encode(value)) for key, value in request.items()}
    short: dict[str, Any] = {}
    left = _SHORT_ALL
    for key in sorted(sizes, key=sizes.__getitem__):
        left -= sizes[key] + len(key)
        if sizes[key] > _SHORT or left < 0:
            break
        short[key] = request[key]
    return short
