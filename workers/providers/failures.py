"""What went wrong upstream, as a ``Failure``: by status, by type and code, never by prose.

The vocabulary of ``Failure.type`` here:

    invalid_request_error   400, 404, 413, 422: passed through, the call itself is at fault
    rate_limit_exceeded     429: passed through
    provider_auth           401, 402, 403: the operator's trouble, and not to be told in detail
    provider_error          any other status
    provider_unreachable    no connection: refused, no such host, TLS
    provider_timeout        code connect | first_token | idle | total | throughput
    provider_cut            the connection ended before the answer did
    provider_garbled        not the dialect; code content_type | content_encoding | json |
                            chunk | event_too_large | body_too_large | empty | http
    provider_stream_error   an error object inside an answer that began well; its status is
                            that of its numeric status or code, where it has one
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple

import aiohttp
import msgspec
from aiohttp.http import HttpProcessingError

from broker.model import Failure

ERROR_BODY = 64 * 1024  # bytes of an error's body that are worth reading

Phase = Literal["connect", "first_token", "idle", "total", "throughput"]
Remedy = Literal["retry", "next", "final"]

_AUTH_MESSAGE = "The provider refused the operator's credentials."
_LONGEST_MESSAGE = 2000  # characters
_LONGEST_WORD = 200
# Words of ``code`` and ``type`` that stand for a status where an error object has no number.
_WORDS = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "invalid_image": 400,
    "image_content_policy_violation": 400,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
}


class _Rule(NamedTuple):
    type: str
    status: int
    remedy: Remedy
    retryable: bool


def _rule(status: int) -> _Rule:
    match status:
        case 400 | 404 | 413 | 422:
            return _Rule("invalid_request_error", status, "final", False)
        case 429:
            return _Rule("rate_limit_exceeded", 429, "retry", True)
        case 401 | 402 | 403:
            return _Rule("provider_auth", 502, "next", False)
        case _:
            return _Rule("provider_error", 502, "retry", True)


def refused(status: int, body: bytes, retry_after: str | None, now: float) -> Failure:
    """A status other than 200. ``body`` may be cut short; ``now`` is Unix seconds."""
    rule = _rule(status)
    failure = Failure(
        type=rule.type,
        message=f"The provider answered with status {status}.",
        status=rule.status,
        remedy=rule.remedy,
        provider_status=status,
        retryable=rule.retryable,
        retry_after=wait_of(retry_after, now) if rule.remedy == "retry" else None,
    )
    if rule.type == "provider_auth":
        return msgspec.structs.replace(failure, message=_AUTH_MESSAGE)
    if rule.type == "provider_error":
        return failure  # what a broken server prints is for its own operator
    return _with_words(failure, _error_object(body))


def stream_error(error: object) -> Failure:
    """An error object (or whatever stood in its place) within an answer of status 200."""
    fields: Mapping[str, Any] = error if isinstance(error, dict) else {"message": error}
    status = _status_of(fields)
    rule = _rule(status or 500)
    failure = Failure(
        type="provider_stream_error",
        message="The provider reported an error in its answer.",
        status=rule.status,
        remedy=rule.remedy,
        provider_status=status,
        retryable=rule.retryable,
    )
    if rule.type == "provider_auth":
        return msgspec.structs.replace(failure, message=_AUTH_MESSAGE)
    return _with_words(failure, fields)


def timed_out(phase: Phase) -> Failure:
    """A watchdog of the settings ran out."""
    return Failure(
        type="provider_timeout",
        message=_PHASES[phase],
        status=504,
        code=phase,
        retryable=True,
    )


_PHASES: dict[Phase, str] = {
    "connect": "The provider took no connection in time.",
    "first_token": "The provider began no answer in time.",
    "idle": "The provider fell silent in its answer.",
    "total": "The provider did not end its answer in time.",
    "throughput": "The provider's answer came too slowly.",
}


def cut() -> Failure:
    """The connection ended before the answer did."""
    return _transport("provider_cut", "The provider's answer broke off.")


def garbled(code: str) -> Failure:
    """The answer is not the dialect that was asked for."""
    return _transport("provider_garbled", "The provider's answer can't be understood.", code)


def lost(error: BaseException) -> Failure:
    """The HTTP client raised this, watchdogs apart."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return timed_out("connect")
        case aiohttp.ClientConnectorError() | ValueError():  # the latter: nothing was sent
            return _transport("provider_unreachable", "The provider can't be reached.")
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return garbled("http")
        case _:
            return cut()


def _transport(kind: str, message: str, code: str | None = None) -> Failure:
    return Failure(type=kind, message=message, code=code, retryable=True)


def wait_of(header: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, or None if it says nothing readable."""
    text = (header or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        when = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, when - now)


def _error_object(body: bytes) -> Mapping[str, Any]:
    """The fields of an OpenAI-shaped error: under ``error``, or of the body itself."""
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(decoded, dict):
        return {}
    match decoded.get("error"):
        case dict() as error:
            return error
        case str() as message:
            return {"message": message}
        case _:
            return decoded


def _with_words(failure: Failure, fields: Mapping[str, Any]) -> Failure:
    """The failure with the provider's own message, code and param, as far as they are text."""
    message, code, param = (fields.get(key) for key in ("message", "code", "param"))
    if isinstance(code, int) and not isinstance(code, bool):
        code = str(code)
    return msgspec.structs.replace(
        failure,
        message=_text(message, _LONGEST_MESSAGE) or failure.message,
        code=_text(code, _LONGEST_WORD),
        param=_text(param, _LONGEST_WORD),
    )


def _text(value: object, longest: int) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value[:longest].encode(errors="replace").decode()  # no lone surrogate can be stored


def _status_of(fields: Mapping[str, Any]) -> int | None:
    """The status that an error object names: a number, or a word known to stand for one."""
    values = [fields.get(key) for key in ("status", "status_code", "code", "type")]
    for value in values:
        if isinstance(value, int | str) and re.fullmatch(r"[45]\d\d", str(value), re.ASCII):
            return int(value)
    return next(
        (_WORDS[value] for value in values if isinstance(value, str) and value in _WORDS), None
    )
