"""A job as the server describes it, and the requests that are made about jobs. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

FINAL = frozenset(("completed", "failed", "cancelled"))


@dataclass(frozen=True)
class Job:
    """One accepted inference. Times are Unix seconds; ``cursor`` is its last event's id."""

    request_id: str
    state: str
    dialect: str
    model: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    cursor: int
    delivered: bool
    attempts: list[dict[str, Any]]
    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    metadata: dict[str, Any] | None
    raw: Mapping[str, Any] = field(repr=False)  # all that the server said

    @property
    def ended(self) -> bool:
        return self.state in FINAL


@dataclass(frozen=True)
class Page:
    """Some jobs, newest first; ``next`` is the ``after`` of the page that follows."""

    jobs: list[Job]
    next: str | None


@dataclass(frozen=True)
class Ask:
    """A request: method, path, and a JSON body or none."""

    method: str
    path: str
    body: bytes | None = None


def job_of(said: Mapping[str, Any]) -> Job:
    return Job(
        request_id=said["request_id"],
        state=said["state"],
        dialect=said["dialect"],
        model=said["model"],
        created_at=said["created_at"],
        started_at=said.get("started_at"),
        ended_at=said.get("ended_at"),
        cursor=said["cursor"],
        delivered=bool(said.get("delivered")),
        attempts=said.get("attempts") or [],
        usage=said.get("usage"),
        error=said.get("error"),
        metadata=said.get("metadata"),
        raw=said,
    )


def page_of(said: Mapping[str, Any]) -> Page:
    return Page([job_of(each) for each in said["data"]], said.get("next"))


def submitting(
    request: Mapping[str, Any],
    request_id: str,
    dialect: str,
    metadata: Mapping[str, Any] | None,
    options: Mapping[str, Any] | None,
) -> Ask:
    body = {"request_id": request_id, "dialect": dialect, "request": request}
    more = {"metadata": metadata, "options": options}
    body |= {name: value for name, value in more.items() if value is not None}
    return Ask("POST", "/v1/jobs", json.dumps(body).encode())


def about(request_id: str, method: str = "GET", part: str = "", **query: object) -> Ask:
    """A request about one job."""
    return Ask(method, f"/v1/jobs/{quote(request_id, safe='')}{part}{_query(query)}")


def listing(**query: object) -> Ask:
    return Ask("GET", f"/v1/jobs{_query(query)}")


def _query(query: Mapping[str, object]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
