"""What a library raised, as a ``Failure``: by status and class, never by prose.

The library knows the providers' errors and gives them OpenAI's classes. An unknown class is
the library's own trouble with the answer, and taken for a garbled one.
"""

import time
from types import ModuleType
from typing import Any

import msgspec

from broker.model import Failure
from broker.refusal import refused
from workers.providers import failures

# By name, for the classes are of four HTTP clients.
_LOST = frozenset(
    (
        *("ReadError", "RemoteProtocolError", "WriteError", "ClientPayloadError", "CloseError"),
        *("ClientOSError", "ConnectionResetError", "BrokenPipeError"),
    )
)
_UNREACHED = frozenset(("ConnectError", "ConnectTimeout", "ClientConnectorError"))
_NO_CREDENTIALS = frozenset(
    (
        *("CredentialRetrievalError", "DefaultCredentialsError", "NoCredentialsError"),
        *("PartialCredentialsError", "RefreshError"),
    )
)


def failure_of(library: ModuleType, error: BaseException, began: bool, key: str | None) -> Failure:
    """The failure for what was raised before or after the answer ``began``.

    ``key`` is what must not stand in its message.
    """
    error = getattr(error, "original_exception", None) or error
    chain = _chain(error)
    names = {type(each).__name__ for each in chain}
    if isinstance(error, library.UnsupportedParamsError):
        failure = refused(400, _encoded(_fields(error, key)), None, time.time())
        return msgspec.structs.replace(failure, remedy="next", code="unexpressible")
    if names & _LOST:  # before the others: a reset is also a ConnectError to httpx
        return failures.cut()
    if names & _UNREACHED:
        return failures.unreachable()
    if names & _NO_CREDENTIALS:
        return refused(401, b"", None, time.time())
    if isinstance(error, library.Timeout):
        return failures.timed_out("idle" if began else "first_token")
    status = _status_of(chain)
    if status is None or isinstance(error, library.APIConnectionError):
        return failures.garbled("library")
    if began:
        return failures.stream_error({**_fields(error, key), "status": status})
    return refused(status, _body(chain, key), _retry_after(error), time.time())


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what it came of."""
    found: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in found:
        found.append(each)
        each = each.__cause__ or each.__context__
    return found


def _status_of(chain: list[BaseException]) -> int | None:
    """What the provider answered; the library gives some statuses the number of others."""
    answers = [
        getattr(getattr(each, "response", None), "status_code", None)
        for each in chain
        if type(each).__name__.endswith("HTTPStatusError")
    ]
    statuses = [*answers, *(getattr(each, "status_code", None) for each in chain)]
    return next((each for each in statuses if isinstance(each, int)), None)


def _body(chain: list[BaseException], key: str | None) -> bytes:
    """The provider's own words, if the library has kept them."""
    for each in chain:
        for text in (getattr(each, "text", None), getattr(each, "message", None)):
            if isinstance(text, str) and text.startswith(("{", "[")):
                return _without(text, key).encode(errors="replace")
    return _encoded(_fields(chain[0], key))


def _fields(error: BaseException, key: str | None) -> dict[str, Any]:
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    text = str(message or getattr(error, "message", "")).partition(": ")
    said = text[2] if text[0].startswith("litellm.") else "".join(text)
    return {
        "message": _without(said.partition(" To drop these, ")[0], key),
        "code": getattr(error, "code", None),
        "param": getattr(error, "param", None),
    }


def _encoded(fields: dict[str, Any]) -> bytes:
    plain = {name: each for name, each in fields.items() if isinstance(each, str | int)}
    return msgspec.json.encode({"error": plain})


def _without(text: str, key: str | None) -> str:
    return text.replace(key, "***") if key else text


def _retry_after(error: BaseException) -> str | None:
    response = getattr(error, "response", None)
    for each in (getattr(error, "litellm_response_headers", None), response):
        headers = getattr(each, "headers", each)
        if headers and (found := headers.get("retry-after")):
            return str(found)
    return None
