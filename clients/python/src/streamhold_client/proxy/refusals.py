"""What the proxy itself refuses, in the shape of the surface that was asked. Pure."""

import json
from dataclasses import dataclass

# Anthropic's word for a status; any other 4xx is an invalid_request_error, 5xx an api_error.
_ANTHROPIC = {403: "permission_error", 413: "request_too_large", 503: "overloaded_error"}
_RETRY_AFTER = 1  # seconds


@dataclass(frozen=True)
class Refusal:
    """An answer of the proxy's own. ``closes``: the connection can't be used again."""

    status: int
    code: str
    message: str
    closes: bool = False

    def headers(self, path: str) -> list[tuple[bytes, bytes]]:
        kind = "application/json" if surface(path) else "application/problem+json"
        headers = [(b"content-type", kind.encode())]
        if self.status >= 500:
            headers.append((b"retry-after", b"%d" % _RETRY_AFTER))
        if self.status == 426:
            headers.append((b"upgrade", b"HTTP/1.1"))
        return headers

    def body(self, path: str) -> bytes:
        return json.dumps(self._object(path)).encode()

    def _object(self, path: str) -> dict[str, object]:
        shape = surface(path)
        invalid = self.status < 500
        if shape == "messages":
            kind = _ANTHROPIC.get(self.status, "invalid_request_error" if invalid else "api_error")
            error = {"type": kind, "message": self.message, "code": self.code}
            return {"type": "error", "error": error}
        if shape == "openai":
            kind = "invalid_request_error" if invalid else "server_error"
            return {
                "error": {"message": self.message, "type": kind, "param": None, "code": self.code}
            }
        return {
            "type": f"urn:streamhold:proxy:{self.code}",
            "title": self.message,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
        }


def surface(path: str) -> str:
    """``messages``, ``openai``, or nothing for what has a shape of its own."""
    rest = path[path.rfind("/v1/") + 3 :] if "/v1/" in path else path
    if rest.startswith("/messages"):
        return "messages"
    return "" if rest.startswith(("/jobs", "/providers")) or "/v1/" not in path else "openai"


BAD = Refusal(400, "invalid_request", "This is no HTTP/1.1 request.", closes=True)
BAD_TARGET = Refusal(400, "invalid_request", "A request names a path, or a whole http URL.")
HEAD_TOO_LARGE = Refusal(431, "head_too_large", "Its headers are too large.", closes=True)
TOO_LARGE = Refusal(413, "request_too_large", "The proxy holds no body of this size.")
NO_SOCKET = Refusal(
    426, "upgrade_required", "The proxy carries HTTP only: ask without an upgrade.", closes=True
)
NO_TUNNEL = Refusal(405, "method_not_allowed", "The proxy makes no tunnels.", closes=True)
BAD_HOST = Refusal(403, "forbidden", "The proxy answers to its own names only: see --allow-host.")
LOOP = Refusal(508, "loop_detected", "The proxy's --api leads back to it.")
DEFECT = Refusal(500, "internal_error", "A defect of the proxy's; its log has more.", closes=True)


def away(why: str) -> Refusal:
    """The broker did not answer for as long as patience lasts."""
    return Refusal(502, "broker_unreachable", f"Streamhold can't be reached: {why}.")


def broken(why: str) -> Refusal:
    """The call may have been made, and can't be made again."""
    return Refusal(502, "answer_lost", f"The answer was lost: {why}.")
