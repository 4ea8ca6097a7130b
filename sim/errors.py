"""Refusals in the shape of OpenAI's errors or, on its own paths, of Anthropic's."""

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


def answer_error(
    request: web.Request, status: int, message: str, *, param: str | None = None
) -> web.Response:
    """An error answer with this HTTP status, in the shape of the path that was called."""
    fallback = "invalid_request_error" if status < 500 else "server_error"
    if request.path.startswith("/v1/messages"):
        kind = _TYPES.get(status, "api_error" if status >= 500 else fallback)
        told = {"type": "error", "error": {"type": kind, "message": message}}
        return web.json_response(told, status=status)
    kind, code = _WORDS.get(status, (fallback, None))
    error = {"message": message, "type": kind, "param": param, "code": code}
    return web.json_response({"error": error}, status=status)
