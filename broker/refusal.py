"""A provider's refusal as a ``Failure``: by status, and by its code where that says more.

Pure, and known to both sides: the worker that made a call, and the API where it passes one on.
Whose fault it is takes more than the answer: see ``broker.blame``.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

import msgspec

from broker.blame import About, about
from broker.error_body import Said, said_in
from broker.model import Failure, Fault

ERROR_BODY = 64 * 1024  # bytes of an error's body that are worth reading

Remedy = Literal["retry", "next", "final"]

AUTH_MESSAGE = "The provider refused the operator's credentials."
OVERLOADED = 529  # no server's own: who answers so is the API itself, and says why
_MISSING = (404, 410)
_LONGEST_MESSAGE = 2000  # characters
_LONGEST_WORD = 200


class Rule(NamedTuple):
    """See ``Failure``."""

    type: str
    status: int
    remedy: Remedy
    retryable: bool


_FAULTS: dict[About, Fault] = {
    "request": "caller",
    "model": "operator",
    "ability": "broker",
}
_AUTH = Rule("provider_auth", 502, "next", False)


def rule_of(status: int) -> Rule:
    """What a status means for the job and its caller."""
    match status:
        case 400 | 404 | 413 | 422:
            return Rule("invalid_request_error", status, "final", False)
        case 410:  # of a model that was there once
            return Rule("invalid_request_error", 404, "final", False)
        case 429:
            return Rule("rate_limit_exceeded", 429, "retry", True)
        case 401 | 402 | 403:
            return _AUTH
        case _:
            return Rule("provider_error", 502, "retry", True)


def refused(status: int, body: bytes, retry_after: str | None, now: float) -> Failure:
    """A status other than 200. ``body`` may be cut short; ``now`` is Unix seconds."""
    failure = Failure(
        type="provider_error",
        message=f"The provider answered with status {status}.",
        provider_status=status,
    )
    # What a broken server prints is for its own operator.
    told = 400 <= status < 500 or status == OVERLOADED
    failure = ruled(failure, said_in(body), told=told)
    if failure.remedy != "retry":
        return failure
    return msgspec.structs.replace(failure, retry_after=wait_of(retry_after, now))


def ruled(failure: Failure, said: Said, *, within: bool = False, told: bool = True) -> Failure:
    """The failure with what its ``provider_status`` means, and with what was said beside that.

    ``within``: it came within an answer, and keeps its type. ``told``: its caller gets the words;
    never those about the operator's account.
    """
    status = failure.provider_status or 500
    rule, subject = rule_of(status), about(said)
    if subject == "request" and rule is _AUTH:  # a moderation, say
        rule = rule_of(400)
    elif subject == "account" and rule.remedy == "final":
        rule = _AUTH
    fault = _FAULTS.get(subject) if subject is not None and rule.remedy == "final" else None
    if rule is _AUTH or (fault is None and status in _MISSING and not said.spoken):
        fault = "operator"  # the latter: no API answers there at all
    failure = msgspec.structs.replace(
        failure,
        type=failure.type if within else rule.type,
        status=rule.status,
        remedy=rule.remedy,
        retryable=rule.retryable,
        fault=fault,
    )
    if rule is _AUTH:
        return msgspec.structs.replace(failure, message=AUTH_MESSAGE)
    return _with_words(failure, said) if told else failure


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


def _with_words(failure: Failure, said: Said) -> Failure:
    """The failure with the provider's own message, code and param."""
    return msgspec.structs.replace(
        failure,
        message=_text(said.message, _LONGEST_MESSAGE) or failure.message,
        code=_text(said.code, _LONGEST_WORD),
        param=_text(said.param, _LONGEST_WORD),
    )


def _text(text: str | None, longest: int) -> str | None:
    # No lone surrogate can be stored.
    return text[:longest].encode(errors="replace").decode() if text else None
