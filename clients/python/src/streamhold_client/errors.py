"""What the client of jobs raises."""

from collections.abc import Mapping
from typing import Any


class StreamholdError(Exception):
    """Anything that went wrong."""


class Unreachable(StreamholdError):
    """The server can't be reached, or was away for longer than patience lasts."""


class Refused(StreamholdError):
    """The server refused. ``code`` is one of PROTOCOL.md's, and tells it from other refusals."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)  # RFC 9457, or whatever stands between here and there said
        self.code = _text(problem.get("code"))
        self.param = _text(problem.get("param"))
        said = problem.get("detail") or problem.get("title") or "no reason given"
        super().__init__(f"{said} (HTTP {status})")


class NotFound(Refused):
    """There is no such job."""


class Gone(Refused):
    """The job was deleted, or its stream has expired."""


class Conflict(Refused):
    """The request id names another request, or the job's state doesn't allow it."""


class Failed(Refused):
    """The job ended without an answer: ``type`` is one of PROTOCOL.md's kinds of failure."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(status, problem)
        urn = str(problem.get("type") or "")
        self.type = urn.removeprefix("urn:streamhold:failure:")
        self.retryable = problem.get("retryable") is True


class Cancelled(Failed):
    """The job was cancelled."""


class TookTooLong(StreamholdError):
    """The job has not ended in the time given. It goes on."""


_KINDS: dict[int, type[Refused]] = {404: NotFound, 410: Gone, 409: Conflict, 422: Conflict}


def refusal(status: int, problem: Mapping[str, Any]) -> Refused:
    """The error for a status and its problem details."""
    urn = str(problem.get("type") or "")
    if urn == "urn:streamhold:failure:cancelled":
        return Cancelled(status, problem)
    if urn.startswith("urn:streamhold:failure:"):
        return Failed(status, problem)
    return _KINDS.get(status, Refused)(status, problem)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
