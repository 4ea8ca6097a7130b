"""A request that must be refused, and what its refusal must look like."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.contract.conftest import ALICE, UNHEARD
from tests.contract.raw import RawResponse
from tests.deployment import ask

KEY = {"authorization": f"Bearer {ALICE}"}
JSON = {**KEY, "content-type": "application/json"}
CHAT = "/v1/chat/completions"
JOBS = "/v1/jobs"
NATIVE = (JOBS, "/v1/providers", "/healthz", "/readyz", "/metrics", "/openapi.json")
QUICK = "sim/tokens=12,interval=1ms"
FINE = json.dumps(ask(QUICK, UNHEARD)).encode()
FINE_JOB = json.dumps({"request": ask(QUICK, UNHEARD)}).encode()


@dataclass(frozen=True)
class Bad:
    """A request that must be refused, and how."""

    status: int
    code: str
    method: str = "POST"
    path: str = CHAT
    headers: dict[str, str] = field(default_factory=lambda: JSON)
    body: bytes | None = FINE
    param: str | None = None


def check(bad: Bad, response: RawResponse, body: bytes) -> None:
    assert response.status == bad.status, body
    assert response.headers["x-request-id"]
    assert response.clean
    if not bad.path.startswith(NATIVE):
        assert response.headers["content-type"] == "application/json"
        error = json.loads(body)["error"]
        assert error.keys() >= {"message", "type", "param", "code"}
        assert (error["code"], error["param"]) == (bad.code, bad.param)
    else:
        assert response.headers["content-type"] == "application/problem+json"
        problem = json.loads(body)
        assert problem.keys() >= {"type", "title", "status", "detail"}
        assert (problem["code"], problem.get("param")) == (bad.code, bad.param)
        assert problem["status"] == bad.status
        error = {"message": problem["detail"]}
    assert error["message"]


def with_(**fields: Any) -> bytes:
    return json.dumps({**ask(QUICK, UNHEARD), **fields}).encode()


def job_with(**fields: Any) -> bytes:
    return json.dumps({"request": ask(QUICK, UNHEARD), **fields}).encode()
