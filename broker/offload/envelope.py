"""The body of ``POST /v1/jobs``, with a request of some dialect in it."""

from typing import Any

import msgspec

from broker.dialects.dialect import Dialect
from broker.dialects.registry import DIALECTS
from broker.errors import BadRequest
from broker.model import Options
from broker.nesting import DEEPEST, is_shallow

SHOWN = 500  # characters of what is wrong, which may hold a caller's text


class NewJob(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/jobs``; ``request`` is a request of the dialect's own."""

    request: msgspec.Raw
    dialect: str = "chat"
    request_id: str | None = None
    metadata: dict[str, Any] | None = None
    options: Options | None = None  # in place of those that headers may ask for


def open_envelope(data: bytes | bytearray) -> NewJob:
    """What a body says.

    Raises:
        BadRequest: it is none.
    """
    try:
        new = msgspec.json.decode(data, type=NewJob)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(str(error)[:SHOWN]) from error
    if new.metadata is not None and not is_shallow(data, new.metadata):
        raise BadRequest(f"It is nested too deep: {DEEPEST} levels may be.", param="metadata")
    return new


def dialect_named(name: str) -> Dialect:
    """The dialect of this name.

    Raises:
        BadRequest: there is none.
    """
    dialect = DIALECTS.get(name)
    if dialect is None:
        raise BadRequest(f"'dialect' is one of {', '.join(DIALECTS)}.", param="dialect")
    return dialect
