"""What went wrong upstream, as a ``Failure``: by status, by type and code.

The vocabulary of ``Failure.type`` here:

    invalid_request_error   400, 404, 410, 413, 422: passed through; whose fault it is, is judged by
                            who asked (``broker.blame``); code unsendable: nothing was sent, since
                            it can't be
    rate_limit_exceeded     429: passed through
    provider_auth           401, 402, 403, and what says the same under another status: the
                            operator's trouble, and not to be told in detail
    provider_error          any other status
    provider_unreachable    no connection: refused, no such host, TLS
    provider_timeout        code connect | first_token | idle | total | throughput
    provider_cut            the connection ended before the answer did; code sending: while a
                            large request was on its way
    provider_garbled        not the dialect; code content_type | content_encoding | json |
                            chunk | event_too_large | body_too_large | empty | http |
                            library
    provider_stream_error   an error object inside an answer that began well; its status is
                            that of its numeric status or code, where it has one
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import aiohttp
from aiohttp.http import HttpProcessingError

from broker.error_body import said_by
from broker.errors import (
    BadRequest,
    ForeignId,
    ItemNotFound,
    PreviousNotFound,
    Unexpressible,
    Unsendable,
)
from broker.model import Failure
from broker.refusal import ruled

Phase = Literal["connect", "first_token", "idle", "total", "throughput"]

# Words of ``code`` and ``type`` that stand for a status where an error object has no number.
_WORDS = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "context_length_exceeded": 400,
    "model_not_found": 404,
    "invalid_prompt": 400,
    "invalid_image": 400,
    "image_content_policy_violation": 400,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "billing_error": 402,
    "not_found_error": 404,
    "request_too_large": 413,
    "timeout_error": 504,
    "overloaded_error": 529,
    "invalid_request_error": 400,  # last: the kind of many that have a word of their own
}


def stream_error(error: object) -> Failure:
    """An error object (or whatever stood in its place) within an answer of status 200."""
    fields: Mapping[str, Any] = error if isinstance(error, dict) else {}
    said = said_by(error)
    failure = Failure(
        type="provider_stream_error",
        message="The provider reported an error in its answer.",
        provider_status=_status_of(fields) or _status_of({"code": said.code}, *said.words),
    )
    return ruled(failure, said, within=True)


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


def cut(code: str | None = None) -> Failure:
    """The connection ended before the answer did; code ``sending``: before it began."""
    return _transport("provider_cut", "The provider's answer broke off.", code)


def unreachable() -> Failure:
    """No connection was made."""
    return _transport("provider_unreachable", "The provider can't be reached.")


def unsent() -> Failure:
    """Nothing was sent: there is something in the request that can't be.

    The operator's part of an address and of the headers is checked when a process starts, so
    that it is something of the caller's.
    """
    return refused_here(Unsendable())


def refused_here(error: BadRequest) -> Failure:
    """The caller's fault, and nobody was called for it; another target may do."""
    return Failure(
        type="invalid_request_error",
        message=error.message,
        status=404 if isinstance(error, ItemNotFound) else 400,
        remedy="next",
        code=error.code,
        param=error.param,
    )


def garbled(code: str) -> Failure:
    """The answer is not the dialect that was asked for."""
    return _transport("provider_garbled", "The provider's answer can't be understood.", code)


def lost(error: BaseException) -> Failure:
    """The HTTP client raised this, watchdogs apart."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return timed_out("connect")
        case ValueError():  # an address or a header that can't be sent; aiohttp's InvalidURL too
            return unsent()
        case aiohttp.ClientConnectorError():
            return unreachable()
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return garbled("http")
        case _:
            return cut()


Word = Literal["good", "bad", "nothing"]

# Nobody was called; or it was the request that could not be sent, as a library or a server sees it.
_NOBODY = (
    *(Unexpressible.code, Unsendable.code, ForeignId.code, PreviousNotFound.code),
    ItemNotFound.code,
    *("library", "tool_calls_too_large", "sending"),
)
# Ours, or what comes of two answers that were to be one.
_OURS = ("replay_diverged", "internal_error", "frames_lost", "deadline_exceeded", "cancelled")
# Of the 4xx: the operator's credentials, the provider's limits and delays. The rest answers a
# request that somebody wrote.
_PROVIDERS = (401, 402, 403, 408, 425, 429)


def word_of(failure: Failure | None) -> Word:
    """What the end of a call says of the provider, whose breaker counts it.

    A provider that refuses a call for the caller's fault, or for how the broker wrote it, is well.
    """
    if failure is None:
        return "good"
    if failure.code in _NOBODY or failure.type in _OURS:
        return "nothing"
    if failure.fault == "operator":
        return "bad"
    status = failure.provider_status
    refused = status is not None and 400 <= status < 500 and status not in _PROVIDERS
    return "good" if failure.remedy == "final" or refused else "bad"


def _transport(kind: str, message: str, code: str | None = None) -> Failure:
    return Failure(type=kind, message=message, code=code, retryable=True)


def _status_of(fields: Mapping[str, Any], *words: str) -> int | None:
    """The status that an error object names: a number, or a word known to stand for one.

    ``words`` are those of the errors within it, in any order.
    """
    values = [fields.get(key) for key in ("status", "status_code", "code", "type")]
    for value in values:
        if isinstance(value, int | str) and re.fullmatch(r"[45]\d\d", str(value), re.ASCII):
            return int(value)
    named = [value for value in values if isinstance(value, str) and value in _WORDS]
    named += [word for word in _WORDS if word in words]
    return _WORDS[named[0]] if named else None
