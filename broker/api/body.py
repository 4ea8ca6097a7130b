"""Request bodies: JSON only, and no more of it than the limit."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from broker.api.headers import header
from broker.errors import BadRequest, TooLarge, UnsupportedMediaType
from broker.nesting import DEEPEST, is_shallow

_MOST_DIGITS = 18  # of a length; Python refuses to read a number of thousands


def has_body(scope: Scope) -> bool:
    """Whether the request declares one."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return True
    return False


async def read_json(request: Request, limit: int) -> bytes:
    """The body, at most ``limit`` bytes.

    Raises:
        UnsupportedMediaType: it is not declared as application/json.
        TooLarge: it is over the limit, by its header or in fact.
    """
    kind = (header(request, b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType()
    declared = header(request, b"content-length") or ""
    if declared.isdecimal() and (len(declared) > _MOST_DIGITS or int(declared) > limit):
        raise TooLarge(f"It may have {limit} bytes.")
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The connection ended within the body.")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(f"It may have {limit} bytes.")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def decode_object(body: bytes) -> dict[str, Any]:
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
