"""Stamps: the headers that every answer bears, whoever made it.

``scope["stamps"]`` are those that the door found to be due. The request id is the answer's own,
where it has one, else ``scope["request_id"]``.
"""

from starlette.types import Scope

from broker.api.origins import Headers
from broker.dialects.registry import dialect_at


def stamp(scope: Scope, headers: Headers) -> Headers:
    """An answer's headers with the stamps that it has not got; a second time adds nothing."""
    own = dict(headers)
    request_id = own.get(b"x-request-id") or scope["request_id"].encode()
    stamps = [(b"x-request-id", request_id), *scope["stamps"]]
    dialect = dialect_at(scope["path"])
    if dialect is not None and dialect.request_id_header is not None:
        stamps.append((dialect.request_id_header, request_id))
    return [*headers, *(each for each in stamps if each[0] not in own)]
