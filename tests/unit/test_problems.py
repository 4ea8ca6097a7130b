"""Errors as answers: every class has a status, and both surfaces their shape."""

import inspect
from typing import Any

import msgspec
import pytest
from starlette.responses import Response

from broker import errors
from broker.api.problems import STATUSES, error_response, failure_response, status_of
from broker.dialects.registry import dialect_at
from broker.model import Failure

CHAT, NATIVE = "/v1/chat/completions", "/v1/jobs/r1"


EVERY = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.StreamholdError)
]


def body(response: Response) -> Any:
    return msgspec.json.decode(response.body)


# What a caller can do nothing about.
OURS = {errors.StreamholdError, errors.ConfigError, errors.StartFailed, errors.JobFailed}


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_has_a_status(kind: type[errors.StreamholdError]) -> None:
    status = status_of(kind())
    assert (status == 500) == (kind in OURS)
    assert kind.retryable == (status in (408, 429, 502, 503))


def test_the_nearest_class_gives_the_status() -> None:
    assert errors.BadCursor not in STATUSES
    assert status_of(errors.BadCursor()) == 400


@pytest.mark.parametrize("kind", EVERY)
def test_the_native_shape(kind: type[errors.StreamholdError]) -> None:
    error = kind("Because.", param="p")
    response = error_response(NATIVE, error)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == status_of(error)
    assert body(response) == {
        "type": f"urn:streamhold:error:{kind.code}",
        "title": kind().message,
        "status": status_of(error),
        "detail": f"{kind().message} Because.",
        "code": kind.code,
        "param": "p",
    }
    assert "param" not in body(error_response(NATIVE, kind()))


@pytest.mark.parametrize("kind", EVERY)
def test_the_chat_shape(kind: type[errors.StreamholdError]) -> None:
    error = kind("Because.", param="p")
    response = error_response(CHAT, error)
    assert response.headers["content-type"] == "application/json"
    assert response.status_code == status_of(error)
    assert set(body(response)) == {"error"}
    found = body(response)["error"]
    assert found.pop("type") in {
        "rate_limit_error",
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "server_error",
    }
    assert found == {"message": error.message, "param": "p", "code": kind.code}
    assert body(error_response(CHAT, kind()))["error"]["param"] is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (errors.NotAuthenticated, "authentication_error"),
        (errors.Forbidden, "permission_error"),
        (errors.BadCursor, "invalid_request_error"),
        (errors.RequestIdReused, "invalid_request_error"),
        (errors.StoreAway, "server_error"),
        (errors.StreamholdError, "server_error"),
    ],
)
def test_the_chat_type(kind: type[errors.StreamholdError], expected: str) -> None:
    assert body(error_response(CHAT, kind()))["error"]["type"] == expected


@pytest.mark.parametrize("path", [CHAT, NATIVE])
def test_what_may_be_tried_again_says_so(path: str) -> None:
    away = error_response(path, errors.StoreAway())
    assert (away.headers["retry-after"], "x-should-retry" in away.headers) == ("1", False)
    reused = error_response(path, errors.RequestIdReused())
    assert ("retry-after" in reused.headers, reused.headers["x-should-retry"]) == (False, "false")
    refused = error_response(path, errors.NotAuthenticated())
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("path", "name"),
    [(CHAT, "chat"), ("/v1/models", "chat"), (NATIVE, None), ("/", None), ("/metrics", None)],
)
def test_which_path_speaks_what(path: str, name: str | None) -> None:
    dialect = dialect_at(path)
    assert (dialect.name if dialect else None) == name


LIMITED = Failure(
    "rate_limited",
    "Too many.",
    status=429,
    code="rate_limit",
    provider_status=429,
    retryable=True,
    retry_after=0.2,
)
REFUSED = Failure("invalid_request_error", "Bad.", status=400, param="n", provider_status=400)


def test_a_failure_in_the_chat_shape() -> None:
    response = failure_response(CHAT, LIMITED, final=False)
    assert (response.status_code, response.media_type) == (429, "application/json")
    assert body(response)["error"] == {
        "message": "Too many.",
        "type": "rate_limited",
        "param": None,
        "code": "rate_limit",
        "provider_status": 429,
    }


def test_a_failure_in_the_native_shape() -> None:
    response = failure_response(NATIVE, REFUSED, final=False)
    assert (response.status_code, response.media_type) == (400, "application/problem+json")
    found = body(response)
    assert (found["type"], found["status"], found["title"], found["detail"]) == (
        "urn:streamhold:failure:invalid_request_error",
        400,
        "Bad.",
        "Bad.",
    )
    assert (found["param"], found["provider_status"], found["retryable"]) == ("n", 400, False)


@pytest.mark.parametrize(
    ("failure", "final", "should_not"),
    [(LIMITED, False, False), (LIMITED, True, True), (REFUSED, False, True)],
)
def test_whether_a_failure_is_worth_another_call(
    failure: Failure, final: bool, should_not: bool
) -> None:
    response = failure_response(CHAT, failure, final=final)
    assert (response.headers.get("x-should-retry") == "false") is should_not


def test_retry_after_is_whole_seconds_and_never_none() -> None:
    assert failure_response(CHAT, LIMITED, final=False).headers["retry-after"] == "1"
    later = msgspec.structs.replace(LIMITED, retry_after=7.6)
    assert failure_response(CHAT, later, final=False).headers["retry-after"] == "8"
    assert "retry-after" not in failure_response(CHAT, REFUSED, final=False).headers
