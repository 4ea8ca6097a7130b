"""Refusals before the answer begins, as each vendor writes them."""

from collections.abc import Iterator
from typing import Any

from tests.contract.judges.answer import Answer, Spoken
from tests.contract.judges.stage import SAYING, Case, encoded

WORDS = "No tide tables for today."  # the provider's
NONE = Answer("refused")
# By status: OpenAI's type and code, Anthropic's type, Google's status.
_NAMES = {
    400: ("invalid_request_error", "invalid_value", "invalid_request_error", "INVALID_ARGUMENT"),
    401: ("invalid_request_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED"),
    404: ("invalid_request_error", "model_not_found", "not_found_error", "NOT_FOUND"),
    413: ("invalid_request_error", None, "request_too_large", "INVALID_ARGUMENT"),
    429: ("requests", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"),
    500: ("server_error", None, "api_error", "INTERNAL"),
    503: ("server_error", None, "overloaded_error", "UNAVAILABLE"),
    529: ("server_error", None, "overloaded_error", "UNAVAILABLE"),
}
STATUSES = tuple(_NAMES)
RETRY_AFTER = 7  # seconds


def body(spoken: Spoken, status: int) -> Any:
    type, code, anthropic, google = _NAMES[status]
    if spoken == "messages":
        error = {"type": anthropic, "message": WORDS}
        return {"type": "error", "error": error, "request_id": "req_j1"}
    if spoken == "gemini":
        return {"error": {"code": status, "message": WORDS, "status": google}}
    return {"error": {"message": WORDS, "type": type, "param": None, "code": code}}


def case(spoken: Spoken, status: int) -> Case:
    return Case(
        str(status),
        spoken,
        NONE,
        None,
        encoded(body(spoken, status)),
        f"{status} Refused",
        f"retry-after: {RETRY_AFTER}\r\n" if status == 429 else "",
    )


def cases() -> Iterator[Case]:
    for spoken in SAYING:
        for status in STATUSES:
            yield case(spoken, status)
