"""Upstream failures are told apart by status, type and code."""

import aiohttp
import msgspec
import pytest

from broker.model import Failure
from broker.refusal import refused, wait_of
from workers.providers import failures

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
SECRET = "Incorrect API key provided: sk-ab***yz"


def body(**fields: object) -> bytes:
    return msgspec.json.encode({"error": fields})


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_the_callers_own_errors_pass_through(status: int) -> None:
    text = body(message="too long", type="x", code="context_length_exceeded", param="messages")
    failure = refused(status, text, "5", NOW)
    assert failure.type == "invalid_request_error"
    assert (failure.status, failure.provider_status) == (status, status)
    assert (failure.remedy, failure.retryable, failure.retry_after) == ("final", False, None)
    assert failure.message == "too long"
    assert (failure.code, failure.param) == ("context_length_exceeded", "messages")


def test_a_rate_limit_passes_through_with_its_wait() -> None:
    failure = refused(429, body(message="slow down", code=7), "1.5", NOW)
    assert failure.type == "rate_limit_exceeded"
    assert (failure.status, failure.remedy, failure.retryable) == (429, "retry", True)
    assert (failure.retry_after, failure.message, failure.code) == (1.5, "slow down", "7")


@pytest.mark.parametrize("status", [401, 402, 403])
def test_the_operators_credentials_stay_untold(status: int) -> None:
    failure = refused(status, body(message=SECRET, code=SECRET, param=SECRET), None, NOW)
    assert failure.type == "provider_auth"
    assert (failure.status, failure.provider_status) == (502, status)
    assert (failure.remedy, failure.retryable) == ("next", False)
    assert failure.message == "The provider refused the operator's credentials."
    assert "sk-" not in repr(failure)


@pytest.mark.parametrize("status", [201, 302, 405, 408, 409, 425, 500, 502, 503, 529])
def test_any_other_status_may_be_tried_again(status: int) -> None:
    failure = refused(status, body(message="trace"), "2", NOW)
    assert (failure.type, failure.status) == ("provider_error", 502)
    assert (failure.remedy, failure.retryable, failure.retry_after) == ("retry", True, 2.0)
    told = (
        "trace"
        if 400 <= status < 500 or status == 529
        else f"The provider answered with status {status}."
    )
    assert failure.message == told


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b'{"error":{"message":', b'{"error":{}}'])
def test_an_error_without_readable_words(text: bytes) -> None:
    assert refused(400, text, None, NOW).message == "The provider answered with status 400."


@pytest.mark.parametrize("text", [b'{"error":"no"}', b'{"object":"error","message":"no"}'])
def test_other_shapes_of_an_error(text: bytes) -> None:
    assert refused(400, text, None, NOW).message == "no"


def test_words_are_bounded() -> None:
    failure = refused(400, body(message="x" * 9999, code="y" * 9999), None, NOW)
    assert len(failure.message) == 2000
    assert len(failure.code or "") == 200


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("0", 0.0),
        (" 20 ", 20.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:30 -0000", 10.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("Tue, 99 Nov 2023 22:13:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert wait_of(header, NOW) == seconds


@pytest.mark.parametrize(
    ("error", "status", "remedy"),
    [
        ({"code": 400}, 400, "final"),
        ({"code": "429"}, 429, "retry"),
        ({"status": 503, "code": "x"}, 502, "retry"),
        ({"code": 200}, 502, "retry"),
        ({"code": True}, 502, "retry"),
        ({"code": "context_length_exceeded", "type": "invalid_request_error"}, 400, "final"),
        ({"type": "invalid_request_error"}, 400, "final"),
        ({"code": "model_not_found", "type": "invalid_request_error"}, 404, "final"),
        ({"type": "rate_limit_error"}, 429, "retry"),
        ([{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}], 400, "final"),
        ({"error": {"type": "rate_limit_error"}}, 429, "retry"),
        ({"error": {"type": "invalid_request_error", "code": "model_not_found"}}, 404, "final"),
        ({"detail": "no"}, 502, "retry"),
        ({"type": "server_error", "code": None}, 502, "retry"),
        ({}, 502, "retry"),
        ("overloaded", 502, "retry"),
        (17, 502, "retry"),
        (None, 502, "retry"),
    ],
)
def test_an_error_within_a_stream(error: object, status: int, remedy: str) -> None:
    failure = failures.stream_error(error)
    assert failure.type == "provider_stream_error"
    assert (failure.status, failure.remedy) == (status, remedy)
    assert failure.retryable is (remedy == "retry")


@pytest.mark.parametrize("fields", [{"code": 401}, {"code": "invalid_api_key"}])
def test_credentials_stay_untold_in_a_stream_too(fields: dict[str, object]) -> None:
    failure = failures.stream_error({"message": SECRET, "type": "invalid_request_error", **fields})
    assert (failure.status, failure.remedy) == (502, "next")
    assert "sk-" not in repr(failure)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (aiohttp.ConnectionTimeoutError(), "provider_timeout", "connect"),
        (aiohttp.ServerDisconnectedError(), "provider_cut", None),
        (aiohttp.ClientPayloadError(), "provider_cut", None),
        (ConnectionResetError(), "provider_cut", None),
    ],
)
def test_transport(error: Exception, kind: str, code: str | None) -> None:
    failure = failures.lost(error)
    assert (failure.type, failure.code) == (kind, code)
    assert (failure.remedy, failure.retryable) == ("retry", True)


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.InvalidURL("x"),
        ValueError("A header holds the end of a line."),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
)
def test_what_was_never_sent(error: Exception) -> None:
    """The caller's, for the operator's part is checked at the start; another target may do."""
    failure = failures.lost(error)
    assert (failure.type, failure.code, failure.status) == (
        "invalid_request_error",
        "unsendable",
        400,
    )
    assert (failure.remedy, failure.retryable) == ("next", False)
    assert failures.word_of(failure) == "nothing"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        *((status, "good") for status in (400, 405, 409, 413, 415, 422, 431, 451)),
        # Of the latter nothing says that an API has answered at all.
        *((status, "bad") for status in (401, 402, 403, 404, 408, 425, 429, 500, 502, 503, 529)),
    ],
)
def test_what_a_status_says_of_a_provider(status: int, word: str) -> None:
    """A refusal of what the caller wrote says that the provider is well."""
    assert failures.word_of(refused(status, b"", None, 0.0)) == word


@pytest.mark.parametrize(
    ("failure", "word"),
    [
        (None, "good"),
        (failures.unreachable(), "bad"),
        (failures.cut(), "bad"),
        (failures.timed_out("first_token"), "bad"),
        (failures.garbled("json"), "bad"),
        (failures.stream_error({"code": 500}), "bad"),
        (failures.stream_error({"code": 400}), "good"),
        (failures.garbled("library"), "nothing"),
        (failures.garbled("tool_calls_too_large"), "nothing"),
        (Failure("replay_diverged", "It differs."), "nothing"),
        (Failure("internal_error", "A defect."), "nothing"),
        (Failure("invalid_request_error", "No.", remedy="next", code="unexpressible"), "nothing"),
    ],
)
def test_breakers_count_what_the_provider_did(failure: Failure | None, word: str) -> None:
    assert failures.word_of(failure) == word
