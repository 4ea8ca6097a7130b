"""Errors in the messages dialect's shape: ``{"type": "error", "error": {type, message}}``.

``type`` is one of the dialect's own words, by status; ours stand beside it where they say
more: ``failure`` (the job's failure), ``code``, ``param``, ``provider_status``.
"""

from typing import Any

from broker.dialects.messages.refused import path_of
from broker.errors import BadRequest, JobFailed
from broker.model import Failure, JobState, Terminal

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OVERLOADED = (503, 529)
_CANCELLED = Failure(type="cancelled", message="The job was cancelled.", status=409)
_FAILED = Failure(type=JobFailed.code, message=JobFailed().message)


def error(status: int, message: str, code: str, param: str | None) -> dict[str, Any]:
    """An error of our own in that shape; of a field that is wrong its path comes first."""
    if param and code == BadRequest.code:
        message = f"{path_of(param)}: {message}"
    return _body(_type(status), message, code=code, param=param)


def failure_error(failure: Failure) -> dict[str, Any]:
    """A job's failure in that shape."""
    status = failure.provider_status if failure.provider_status in _OVERLOADED else failure.status
    return _body(
        _type(status or failure.status),
        failure.message,
        failure=failure.type,
        code=failure.code,
        param=failure.param,
        provider_status=failure.provider_status,
    )


def terminal_error(terminal: Terminal) -> dict[str, Any]:
    """What a terminal without an answer says, in that shape; a reason is always given."""
    unsaid = _CANCELLED if terminal.state is JobState.CANCELLED else _FAILED
    return failure_error(terminal.error or unsaid)


def _type(status: int) -> str:
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def _body(kind: str, message: str, **more: Any) -> dict[str, Any]:
    known = {key: value for key, value in more.items() if value is not None}
    return {"type": "error", "error": {"type": kind, "message": message, **known}}
