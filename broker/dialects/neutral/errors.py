"""The words of each dialect for an error within an answer."""

from typing import Any

from broker.dialects.neutral.event import ErrorKind, Failed

_MESSAGES: dict[ErrorKind, str] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "billing": "billing_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
    "provider": "api_error",
}
_OPENAI: dict[ErrorKind, str] = {
    "invalid_request": "invalid_request_error",
    "authentication": "invalid_api_key",
    "permission": "permission_error",
    "billing": "insufficient_quota",
    "not_found": "not_found",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_exceeded",
    "overloaded": "overloaded",
    "timeout": "timeout",
    "provider": "server_error",
}
_GEMINI: dict[str, ErrorKind] = {
    "INVALID_ARGUMENT": "invalid_request",
    "FAILED_PRECONDITION": "permission",  # of the operator's account or region
    "OUT_OF_RANGE": "invalid_request",
    "UNAUTHENTICATED": "authentication",
    "PERMISSION_DENIED": "permission",
    "NOT_FOUND": "not_found",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
}
_STATUSES: dict[ErrorKind, int] = {
    "invalid_request": 400,
    "authentication": 401,
    "billing": 402,
    "permission": 403,
    "not_found": 404,
    "too_large": 413,
    "rate_limit": 429,
    "provider": 500,
    "overloaded": 503,
    "timeout": 504,
}
_OF_MESSAGES = {word: kind for kind, word in _MESSAGES.items()}
_OF_OPENAI = {word: kind for kind, word in _OPENAI.items()} | {
    "authentication_error": "authentication",
    "rate_limit_error": "rate_limit",
    "context_length_exceeded": "invalid_request",
}
_OF_STATUSES: dict[int, ErrorKind] = {
    **{status: kind for kind, status in _STATUSES.items()},
    422: "invalid_request",
    529: "overloaded",
}


def status_of(failed: Failed) -> int:
    """The HTTP status that stands for it."""
    return _STATUSES[failed.kind]


def from_messages(error: Any) -> Failed:
    """Of the ``error`` of an error event."""
    return _failed(error, _OF_MESSAGES, "type")


def to_messages(failed: Failed) -> dict[str, Any]:
    """The error event."""
    error = {"type": _MESSAGES[failed.kind], "message": failed.message}
    return {"type": "error", "error": error}


def from_openai(error: Any) -> Failed:
    """Of an error object in chat or responses."""
    return _failed(error, _OF_OPENAI, "code", "type")


def to_openai(failed: Failed) -> dict[str, Any]:
    """The fields of an error object."""
    word = _OPENAI[failed.kind]
    return {"message": failed.message, "type": word, "param": None, "code": word}


def from_gemini(error: Any) -> Failed:
    """Of Google's ``error`` object."""
    return _failed(error, _GEMINI, "status", "code")


def _failed(error: Any, words: Any, *keys: str) -> Failed:
    fields = error if isinstance(error, dict) else {"message": error}
    message = fields.get("message")
    said = message if isinstance(message, str) else ""
    for value in map(fields.get, keys):
        if isinstance(value, str) and value in words:
            return Failed(words[value], said)
        if str(value).isdecimal() and (kind := _OF_STATUSES.get(int(str(value)))):
            return Failed(kind, said)
    return Failed("provider", said)
