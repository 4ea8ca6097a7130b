"""Errors in the chat dialect's shape: ``{"error": {message, type, param, code}}``."""

from typing import Any

from broker.errors import JobFailed
from broker.model import Failure, JobState, Terminal

_CANCELLED = Failure(type="cancelled", message="The job was cancelled.", code="cancelled")
_FAILED = Failure(type=JobFailed.code, message=JobFailed().message, code=JobFailed.code)


_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error(status: int, message: str, code: str, param: str | None) -> dict[str, Any]:
    """An error of our own in that shape."""
    fallback = "invalid_request_error" if status < 500 else "server_error"
    return error_body(message, _TYPES.get(status, fallback), param, code)


def error_body(
    message: str, type: str, param: str | None, code: str | None, **extra: Any
) -> dict[str, Any]:
    """The body of an error answer; ``extra`` keys stand beside the dialect's four."""
    return {"error": {"message": message, "type": type, "param": param, "code": code, **extra}}


def failure_error(failure: Failure) -> dict[str, Any]:
    """A failure in that shape, with ``provider_status`` if the provider gave one."""
    extra: dict[str, Any] = {}
    if failure.provider_status is not None:
        extra["provider_status"] = failure.provider_status
    return error_body(failure.message, failure.type, failure.param, failure.code, **extra)


def terminal_error(terminal: Terminal) -> dict[str, Any]:
    """What a terminal without an answer says, in that shape; a reason is always given."""
    unsaid = _CANCELLED if terminal.state is JobState.CANCELLED else _FAILED
    return failure_error(terminal.error or unsaid)
