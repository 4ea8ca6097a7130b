"""Refusals in the shape of OpenAI's errors or, on their own paths, of Anthropic's or Google's."""

from typing import Any

from aiohttp import web

# status: the error's type and code, where OpenAI has words of its own for it
_WORDS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_STATES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_GOOGLE = "type.googleapis.com/google.rpc."
_BAD_KEY = {"@type": f"{_GOOGLE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}


def answer_error(
    request: web.Request,
    status: int,
    message: str,
    *,
    param: str | None = None,
    retry_after: float | None = None,
) -> web.Response:
    """An error answer with this HTTP status, in the shape of the path that was called.

    ``retry_after`` is in seconds.
    """
    if request.path.startswith("/v1beta/"):
        delay = {"@type": f"{_GOOGLE}RetryInfo", "retryDelay": f"{retry_after}s"}
        return _google(status, message, [] if retry_after is None else [delay])
    response = _other(request, status, message, param)
    if retry_after is not None:
        response.headers["Retry-After"] = f"{retry_after:g}"
    return response


def bad_key(request: web.Request) -> web.Response:
    """The answer to a key that is none."""
    if request.path.startswith("/v1beta/"):  # not a 401
        return _google(400, "API key not valid. Please pass a valid API key.", [_BAD_KEY])
    return answer_error(request, 401, "Incorrect API key provided.")


def _google(status: int, message: str, details: list[dict[str, str]]) -> web.Response:
    state = _STATES.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    error: dict[str, Any] = {"code": status, "message": message, "status": state}
    if details:
        error["details"] = details
    return web.json_response({"error": error}, status=status)


def _other(request: web.Request, status: int, message: str, param: str | None) -> web.Response:
    fallback = "invalid_request_error" if status < 500 else "server_error"
    if request.path.startswith("/v1/messages"):
        kind = _TYPES.get(status, "api_error" if status >= 500 else fallback)
        told = {"type": "error", "error": {"type": kind, "message": message}}
        return web.json_response(told, status=status)
    kind, code = _WORDS.get(status, (fallback, None))
    error = {"message": message, "type": kind, "param": param, "code": code}
    return web.json_response({"error": error}, status=status)
