"""A provider's refusal as a ``Failure``: by status, never by prose.

Pure, and known to both sides: the worker that made a call, and the API where it passes one on.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple

import msgspec

from broker.model import Failure

ERROR_BODY = 64 * 1024  # bytes of an error's body that are worth reading

Remedy = Literal["retry", "next", "final"]

AUTH_MESSAGE = "The provider refused the operator's credentials."
OVERLOADED = 529  # no server's own: who answers so is the API itself, and says why
_LONGEST_MESSAGE = 2000  # characters
_LONGEST_WORD = 200


class Rule(NamedTuple):
    """See ``Failure``."""

    type: str
    status: int
    remedy: Remedy
    retryable: bool


def rule_of(status: int) -> Rule:
    """What a status means for the job and its caller."""
    match status:
        case 400 | 404 | 413 | 422:
            return Rule("invalid_request_error", status, "final", False)
        case 429:
            return Rule("rate_limit_exceeded", 429, "retry", True)
        case 401 | 402 | 403:
            return Rule("provider_auth", 502, "next", False)
        case _:
            return Rule("provider_error", 502, "retry", True)


def refused(status: int, body: bytes, retry_after: str | None, now: float) -> Failure:
    """A status other than 200. ``body`` may be cut short; ``now`` is Unix seconds."""
    rule = rule_of(status)
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
        return msgspec.structs.replace(failure, message=AUTH_MESSAGE)
    if rule.type == "provider_error" and status != OVERLOADED:
        return failure  # what a broken server prints is for its own operator
    return with_words(failure, _error_object(body))


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


def with_words(failure: Failure, fields: Mapping[str, Any]) -> Failure:
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
