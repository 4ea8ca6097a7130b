"""Gemini's answers: what is a frame, when the answer is complete, and what went wrong."""

import json
from typing import Any

import pytest

from broker.frames import Frame, Kind
from tests.unit.neutral_streams_more import given
from workers.providers import gemini_failures
from workers.providers.base import ProviderFailure, Reply
from workers.providers.gemini_decoder import GeminiDecoder, decode_whole
from workers.providers.splitter import SseEvent

NOW = 1_700_000_000.0
TEXT = json.dumps(given({"text": "a"}, usageMetadata={"promptTokenCount": 1})).encode()
STOP = json.dumps(given(finish="STOP", usageMetadata={"candidatesTokenCount": 2})).encode()
BLOCKED = b'{"promptFeedback":{"blockReason":"SAFETY"}}'


def fed(*data: bytes) -> tuple[GeminiDecoder, Reply, list[Frame]]:
    reply = Reply()
    decoder = GeminiDecoder(reply)
    return decoder, reply, decoder.feed([SseEvent(b"", each) for each in data])


def test_bytes_stay_and_the_reply_is_kept() -> None:
    decoder, reply, frames = fed(TEXT, b" ", STOP)
    assert frames == [Frame(Kind.DIALECT, b"data: " + each) for each in (TEXT, STOP)]
    assert (decoder.finished, decoder.done) == (True, False)
    assert reply.usage == {"promptTokenCount": 1, "candidatesTokenCount": 2}
    assert (reply.provider_id, reply.events) == ("r1", 2)


def test_an_answer_without_its_reason_is_not_finished() -> None:
    decoder, reply, _ = fed(TEXT)
    assert not decoder.finished
    assert (reply.usage, reply.said) == (None, {"promptTokenCount": 1})  # so far
    assert fed(BLOCKED)[0].finished


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"{", "provider_garbled", "json"),
        (b"[1]", "provider_garbled", "json"),
        (b"{}", "provider_garbled", "chunk"),
        (b'{"error":{"code":503,"status":"UNAVAILABLE","message":"m"}}', "provider_stream_error",
         "UNAVAILABLE"),
        (b'{"error":"odd"}', "provider_stream_error", None),
    ],
)  # fmt: skip
def test_what_is_none_of_an_answer(data: bytes, kind: str, code: str | None) -> None:
    decoder, _, frames = fed(TEXT, data, STOP)
    assert len(frames) == 1
    assert decoder.failure is not None
    assert (decoder.failure.type, decoder.failure.code) == (kind, code)
    with pytest.raises(ProviderFailure):
        decode_whole(data, Reply())


def test_a_whole_answer() -> None:
    reply = Reply()
    assert decode_whole(STOP + b"\n", reply) == Frame(Kind.WHOLE, b"data: " + STOP)
    assert (reply.provider_id, reply.events) == ("r1", 1)


def body(status: str, *details: dict[str, Any]) -> bytes:
    return json.dumps(
        {"error": {"code": 0, "status": status, "message": "m", "details": details}}
    ).encode()


@pytest.mark.parametrize(
    ("status", "text", "kind", "code", "remedy"),
    [
        (400, body("INVALID_ARGUMENT"), "invalid_request_error", "INVALID_ARGUMENT", "final"),
        (400, body("INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"}), "provider_auth", None,
         "next"),
        (400, body("FAILED_PRECONDITION"), "provider_auth", None, "next"),
        (402, body("RESOURCE_EXHAUSTED"), "provider_auth", None, "next"),
        (403, body("PERMISSION_DENIED"), "provider_auth", None, "next"),
        (404, body("NOT_FOUND"), "invalid_request_error", "NOT_FOUND", "final"),
        (429, body("RESOURCE_EXHAUSTED"), "rate_limit_exceeded", "RESOURCE_EXHAUSTED", "retry"),
        (500, body("INTERNAL"), "provider_error", None, "retry"),
        (503, b"<html>", "provider_error", None, "retry"),
        (504, b"[" + body("DEADLINE_EXCEEDED") + b"]", "provider_error", None, "retry"),
    ],
)  # fmt: skip
def test_statuses(status: int, text: bytes, kind: str, code: str | None, remedy: str) -> None:
    failure = gemini_failures.refused(status, text, None, NOW)
    assert (failure.type, failure.code, failure.remedy) == (kind, code, remedy)
    assert failure.provider_status == status


def test_the_wait_stands_in_the_body() -> None:
    text = body("RESOURCE_EXHAUSTED", {"@type": "RetryInfo", "retryDelay": "34.5s"})
    assert gemini_failures.refused(429, text, None, NOW).retry_after == 34.5
    assert gemini_failures.refused(429, text, "2", NOW).retry_after == 2
