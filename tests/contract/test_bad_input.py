"""Bad input: the right status in the caller's dialect, a request id, and nothing created."""

import json

import pytest

from tests.contract.bad import (
    CHAT,
    FINE,
    FINE_JOB,
    JOBS,
    JSON,
    KEY,
    QUICK,
    Bad,
    check,
    job_with,
    with_,
)
from tests.contract.conftest import BOB, MAX_BODY, UNHEARD
from tests.contract.raw import call, fetch
from tests.deployment import Deployment, ask


def nested(depth: int) -> dict[str, object]:
    """An object within an object, and so on."""
    value: dict[str, object] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


pytestmark = pytest.mark.usefixtures("nothing_created")

MALFORMED = {
    "no JSON": (b"{", None),
    "nothing": (b"", None),
    "not UTF-8": (b'{"model": "\xff"}', None),
    "two values": (FINE + FINE, None),
    "a list": (b"[]", None),
    "nested too deeply": (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, None),
    "no model": (b'{"messages": [{}]}', "model"),
    "an empty model": (with_(model=""), "model"),
    "no messages": (b'{"model": "plain"}', "messages"),
    "a message that is none": (with_(messages=["hello"]), "messages[0]"),
    "n of 0": (with_(n=0), "n"),
    "stream is a word": (with_(stream="yes"), "stream"),
    "options are a list": (with_(stream=True, stream_options=[]), "stream_options"),
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_a_malformed_chat_request(deployment: Deployment, what: str) -> None:
    body, param = MALFORMED[what]
    bad = Bad(400, "invalid_request", body=body, param=param)
    check(bad, *await fetch("POST", deployment.urls[0] + CHAT, headers=JSON, body=body))


MALFORMED_JOBS = {
    "no JSON": (b"{", None),
    "nothing": (b"", None),
    "not UTF-8": (b'{"request": "\xff"}', None),
    "nested too deeply": (b'{"request":' * 10_000 + b"1" + b"}" * 10_000, None),
    "no request": (b"{}", None),
    "a request that is none": (b'{"request": 1}', None),
    "an unknown field": (job_with(priority=1), None),
    "an unknown dialect": (job_with(dialect="latin"), "dialect"),
    "an id that is a number": (job_with(request_id=1), None),
    "metadata that is a list": (job_with(metadata=[]), None),
    "metadata nested too deeply": (
        FINE_JOB[:-1] + b',"metadata":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
        None,
    ),
    "metadata nested so deeply that it can't be written": (
        FINE_JOB[:-1] + b',"metadata":' + b'{"a":' * 967 + b"1" + b"}" * 968,
        "metadata",
    ),
    "metadata nested beyond use": (job_with(metadata=nested(33)), "metadata"),
    "metadata with lists beyond use": (job_with(metadata={"a": [[nested(31)]]}), "metadata"),
    "metadata over the limit": (job_with(metadata={"a": "x" * 16_400}), "metadata"),
    "metadata over the limit in many fields": (
        job_with(metadata={f"name{n}": n for n in range(2000)}),
        "metadata",
    ),
    "too many targets": (job_with(options={"targets": ["sim/a"] * 65}), "targets"),
    "a target with a long name": (job_with(options={"targets": ["sim/" + "a" * 600]}), "targets"),
    "no model": (b'{"request": {"messages": [{}]}}', "model"),
}


@pytest.mark.parametrize("what", MALFORMED_JOBS)
async def test_a_malformed_job(deployment: Deployment, what: str) -> None:
    body, param = MALFORMED_JOBS[what]
    bad = Bad(400, "invalid_request", path=JOBS, body=body, param=param)
    check(bad, *await fetch("POST", deployment.urls[1] + JOBS, headers=JSON, body=body))


REFUSED = {
    "model: no such provider": Bad(
        404, "model_not_found", body=with_(model="nobody/knows"), param="model"
    ),
    "model: no such route": Bad(404, "model_not_found", body=with_(model="gpt"), param="model"),
    "model: a provider alone": Bad(404, "model_not_found", body=with_(model="sim/"), param="model"),
    "model: job": Bad(
        404,
        "model_not_found",
        path=JOBS,
        body=b'{"request": {"model": "gpt", "messages": [{}]}}',
        param="model",
    ),
    "id: a space": Bad(
        400, "invalid_request_id", headers={**JSON, "idempotency-key": "a b"}, param="request_id"
    ),
    # Not the same as none: who sends an empty key believes that a repeat is safe.
    "id: empty": Bad(
        400, "invalid_request_id", headers={**JSON, "idempotency-key": ""}, param="request_id"
    ),
    "id: job, empty": Bad(
        400, "invalid_request_id", path=JOBS, body=job_with(request_id=""), param="request_id"
    ),
    "id: a dot first": Bad(
        400, "invalid_request_id", headers={**JSON, "idempotency-key": ".a"}, param="request_id"
    ),
    "id: too long": Bad(
        400,
        "invalid_request_id",
        headers={**JSON, "idempotency-key": "a" * 129},
        param="request_id",
    ),
    "id: job": Bad(
        400,
        "invalid_request_id",
        path=JOBS,
        body=job_with(request_id="é"),
        param="request_id",
    ),
    "id: of a path": Bad(
        400,
        "invalid_request_id",
        "GET",
        f"{JOBS}/a%20b",
        KEY,
        None,
        "request_id",
    ),
    "cursor: no number": Bad(
        400,
        "invalid_cursor",
        headers={**JSON, "idempotency-key": "any", "last-event-id": "x"},
        param="Last-Event-ID",
    ),
    "cursor: of no job": Bad(
        404, "job_not_found", headers={**JSON, "idempotency-key": "nobody", "last-event-id": "1"}
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_refused(deployment: Deployment, what: str) -> None:
    bad = REFUSED[what]
    url = deployment.urls[0] + bad.path
    response, body = await fetch(bad.method, url, headers=bad.headers, body=bad.body)
    check(bad, response, body)
    if bad.status == 400:
        assert response.headers["x-should-retry"] == "false"


# ── Size ───────────────────────────────────────────────────────────────────────────────


def padded(size: int) -> bytes:
    """A fine request of exactly this size."""
    bare = with_(model="nobody/knows", padding="")
    return bare.replace(b'"padding": ""', b'"padding": "%b"' % (b"x" * (size - len(bare))))


@pytest.mark.parametrize("path", [CHAT, JOBS])
async def test_too_large_by_the_header(deployment: Deployment, path: str) -> None:
    """Refused before the body is read: none of it is ever sent here."""
    bad = Bad(413, "request_too_large", path=path)
    headers = {**JSON, "content-length": str(MAX_BODY + 1)}
    check(bad, *await fetch("POST", deployment.urls[0] + path, headers=headers))


@pytest.mark.parametrize("path", [CHAT, JOBS])
async def test_too_large_in_fact(deployment: Deployment, path: str) -> None:
    """A body in chunks, whose size no header tells."""
    bad = Bad(413, "request_too_large", path=path)
    chunk = b"%x\r\n%b\r\n" % (MAX_BODY // 2, b" " * (MAX_BODY // 2))
    headers = {**JSON, "transfer-encoding": "chunked"}
    url = deployment.urls[0] + path
    check(bad, *await fetch("POST", url, headers=headers, sent=chunk * 3))


async def test_as_large_as_may_be(deployment: Deployment) -> None:
    body = padded(MAX_BODY)
    assert len(body) == MAX_BODY
    bad = Bad(404, "model_not_found", param="model")
    check(bad, *await fetch("POST", deployment.urls[0] + CHAT, headers=JSON, body=body))


async def test_a_body_that_breaks_off(deployment: Deployment) -> None:
    url = deployment.urls[0] + CHAT
    headers = {**JSON, "content-length": str(len(FINE) + 1)}
    response, _ = await fetch("POST", url, headers=headers, sent=FINE, eof=True)
    assert response.status == 400


# ── What is there already ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [CHAT, JOBS])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_id_with_another_body(
    deployment: Deployment, taken: str, path: str, stream: bool
) -> None:
    other = ask(QUICK, UNHEARD, stream=stream)
    body = other if path == CHAT else {"request_id": taken, "request": other}
    headers = {**JSON, "idempotency-key": taken} if path == CHAT else JSON
    bad = Bad(422, "request_id_reused", path=path, param="Idempotency-Key")
    for url in deployment.urls:
        response, answer = await fetch(
            "POST", url + path, headers=headers, body=json.dumps(body).encode()
        )
        check(bad, response, answer)
        assert response.headers["x-should-retry"] == "false"
        assert response.headers["x-request-id"] == taken


async def test_another_body_with_a_cursor(deployment: Deployment, taken: str) -> None:
    bad = Bad(422, "request_id_reused", param="Idempotency-Key")
    headers = {**JSON, "idempotency-key": taken, "last-event-id": "3"}
    check(bad, *await fetch("POST", deployment.urls[1] + CHAT, headers=headers, body=FINE))


async def test_a_cursor_beyond_the_end(deployment: Deployment, taken: str) -> None:
    bad = Bad(400, "invalid_cursor", param="Last-Event-ID")
    headers = {**JSON, "idempotency-key": taken, "last-event-id": "18"}
    body = json.dumps(ask("plain", taken, stream=True)).encode()
    check(bad, *await fetch("POST", deployment.urls[1] + CHAT, headers=headers, body=body))
    bad = Bad(400, "invalid_cursor", "GET", f"{JOBS}/{taken}/events", param="Last-Event-ID")
    headers = {**KEY, "last-event-id": "18"}
    check(bad, *await fetch("GET", deployment.urls[1] + bad.path, headers=headers))


async def test_anothers_job_is_not_there(deployment: Deployment, taken: str) -> None:
    for path in ("", "/events", "/result"):
        bad = Bad(404, "job_not_found", "GET", f"{JOBS}/{taken}{path}")
        response, body = await fetch(
            "GET", deployment.urls[0] + bad.path, headers={"x-api-key": BOB}
        )
        check(bad, response, body)
        assert response.headers["x-request-id"] == taken


@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/nowhere"])
async def test_a_refused_body_in_many_pieces(deployment: Deployment, path: str) -> None:
    """The connection ends, though nobody has read what was sent: ``fetch`` waits for it."""
    headers = {"content-type": "application/json", "transfer-encoding": "chunked"}
    sent = b"1\r\n \r\n" * 5000 + b"0\r\n\r\n"
    url = deployment.urls[0] + path
    async with call("POST", url, headers=headers, sent=sent) as response:
        await response.rest()
        assert response.status == 401
        assert await response.ended()
