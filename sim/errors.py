"""Refusals in the shape of OpenAI's errors."""

from aiohttp import web

# status: the error's type and code, where OpenAI has words of its own for it
_WORDS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def answer_error(status: int, message: str, *, param: str | None = None) -> web.Response:
    """An error answer with this HTTP status."""
    unlisted = ("invalid_request_error" if status < 500 else "server_error", None)
    kind, code = _WORDS.get(status, unlisted)
    error = {"message": message, "type": kind, "param": param, "code": code}
    return web.json_response({"error": error}, status=status)
