"""What a provider's error says is found, whatever shape it comes in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.error_body import Said, said_by, said_in
from broker.refusal import refused

NOW = 1_700_000_000.0
S = "Temperature must be below two."


def google(**more: Any) -> dict[str, Any]:
    return {"error": {"code": 400, "message": S, "status": "INVALID_ARGUMENT", **more}}


# Each body with the message, code and param that are told.
SHAPES: dict[str, tuple[Any, str | None, str | None, str | None]] = {
    "openai": ({"error": {"message": S, "type": "t", "param": "temperature", "code": "c"}},
               S, "c", "temperature"),
    "openai, without a code": ({"error": {"message": S, "type": "invalid_request_error",
                                          "param": None, "code": None}}, S, None, None),
    "anthropic": ({"type": "error", "error": {"type": "invalid_request_error", "message": S},
                   "request_id": "r"}, S, None, None),
    "google": (google(), S, "400", None),
    "google, a list": ([google()], S, "400", None),
    "google, a field": (google(details=[{"fieldViolations": [{"field": "contents[0].parts"}]}]),
                        S, "400", "contents[0].parts"),
    "fastapi, a sentence": ({"detail": S}, S, None, None),
    "fastapi, a place": ({"detail": [{"loc": ["body", "messages", 0, "content", "str"], "msg": S,
                                      "type": "missing", "input": "the caller's own"}]},
                         f"messages[0].content.str: {S}", None, "messages[0].content.str"),
    "fastapi, two places": ({"detail": [{"loc": ["body", "n"], "msg": "too many"},
                                        {"loc": ["body", "top_p"], "msg": "too high"}]},
                            "n: too many; top_p: too high", None, "n"),
    "fastapi, a position": ({"detail": [{"loc": ["body", 57], "msg": "JSON decode error"}]},
                            "body[57]: JSON decode error", None, "body[57]"),
    "fastapi, an object": ({"detail": {"error": {"message": S, "code": "c"}}}, S, "c", None),
    "fastapi, fields": ({"detail": {"message": S, "code": "c"}}, S, "c", None),
    "vllm": ({"object": "error", "message": S, "type": "BadRequestError", "param": None,
              "code": 400}, S, "400", None),
    "mistral": ({"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": S}]},
                 "type": "invalid_request_error", "code": None}, f"n: {S}", None, "n"),
    "ollama": ({"error": S}, S, None, None),
    "xai": ({"code": "Client specified an invalid argument", "error": S}, S,
            "Client specified an invalid argument", None),
    "cohere": ({"id": "1", "message": S}, S, None, None),
    "bedrock": ({"message": S}, S, None, None),
    "bedrock, typed": ({"__type": "com.amazon.coral#ValidationException", "message": S}, S,
                       "ValidationException", None),
    "aws, in capitals": ({"Message": S}, S, None, None),
    "azure": ({"statusCode": 400, "message": S}, S, None, None),
    "azure, within": ({"error": {"code": "BadRequest", "message": S,
                                 "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, S,
                      "ResponsibleAIPolicyViolation", None),
    "openrouter": ({"error": {"message": S, "code": 400}, "user_id": "u"}, S, "400", None),
    "openrouter, of another": (
        {"error": {"message": "Provider returned error", "code": 400, "metadata": {
            "provider_name": "P", "raw": json.dumps(
                {"error": {"message": S, "code": "string_too_long", "param": "input"}})}}},
        f"Provider returned error: {S}", "string_too_long", "input"),
    "openrouter, of a text": (
        {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": S}}},
        f"Provider returned error: {S}", "400", None),
    "openrouter, of an object": (
        {"error": {"message": "Provider returned error", "code": 400,
                   "metadata": {"raw": {"detail": S}}}},
        f"Provider returned error: {S}", "400", None),
    "a relay, JSON in the message": (
        {"error": {"message": json.dumps({"error": {"message": S, "code": "c"}}),
                   "type": "upstream_error", "code": "bad_response_status_code"}}, S, "c", None),
    "a relay, Google's in the message": (
        {"error": {"message": json.dumps([google()]), "type": "upstream_error"}}, S, "400", None),
    "oauth": ({"error": "invalid_request", "error_description": S}, S, "invalid_request", None),
    "spring": ({"timestamp": 1, "status": 400, "error": "Bad Request", "message": S, "path": "/"},
               S, None, None),
    "nest": ({"statusCode": 400, "message": ["n is too high", "m is missing"],
              "error": "Bad Request"}, "n is too high; m is missing", None, None),
    "errors": ({"success": False, "errors": [{"code": 7003, "message": S}]}, S, "7003", None),
    "errors, texts": ({"errors": [S, S]}, S, None, None),
    "an error that is a list": ({"error": [S]}, S, None, None),
    "a problem": ({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": S}, S,
                  None, None),
    "databricks": ({"error_code": "BAD_REQUEST", "message": S}, S, "BAD_REQUEST", None),
    "apigee": ({"fault": {"faultstring": S, "detail": {"errorcode": "x"}}}, S, None, None),
    "a text as JSON": (S, S, None, None),
    "msg": ({"code": 1211, "msg": S}, S, "1211", None),
    "nothing": ({}, None, None, None),
    "an empty list": ([], None, None, None),
    "no error": ({"error": None}, None, None, None),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str) -> None:
    body, message, code, param = SHAPES[shape]
    said = said_in(json.dumps(body).encode())
    assert (said.message, said.code, said.param) == (message, code, param)
    assert said.spoken
    failure = refused(400, json.dumps(body).encode(), None, NOW)
    assert failure.message == (message or "The provider answered with status 400.")
    assert (failure.code, failure.param) == (code, param)
    assert "caller's own" not in failure.message


@pytest.mark.parametrize(
    ("body", "message", "spoken"),
    [
        (b"", None, False),
        (b"   ", None, False),
        (b"null", None, False),
        (b"17", None, False),
        (b"<html>", None, False),
        (b"<html><head><title>404 Not Found</title></head><body>x", "404 Not Found", False),
        (b"<!DOCTYPE html><h1 class='a'>Too\n &amp; fro</h1>", "Too & fro", False),
        (b"<Error><Code>X</Code><Message>No such key.</Message></Error>", "No such key.", False),
        (b"model not loaded\n", "model not loaded", False),
        (b"\xef\xbb\xbf{\"detail\": \"with a mark\"}", "with a mark", True),
        (b'{"error":{"message":"cut sho', None, False),
        (b"[broken", None, False),
        (b'{"error":"one"}\n{"error":"two"}', "one", True),
        (b'event: error\ndata: {"error":{"message":"in an event"}}\n\n', "in an event", True),
        (b"\xff\xfe is no UTF-8", "\ufffd\ufffd is no UTF-8", False),
        (b"[" * 60_000, None, False),
        (b'{"error":' * 12_000, None, False),
    ],
)  # fmt: skip
def test_other_bodies(body: bytes, message: str | None, spoken: bool) -> None:
    said = said_in(body)
    assert (said.message, said.spoken) == (message, spoken)


def test_many_complaints_are_counted() -> None:
    body = {"detail": [{"loc": ["body", f"f{n}"], "msg": "no"} for n in range(9)]}
    said = said_by(body)
    assert said.message is not None
    assert said.message.endswith("f4: no (and 4 more)")
    assert said.param == "f0"


def test_the_words_of_every_layer_are_kept() -> None:
    inner = {"error": {"message": S, "type": "a", "code": "b", "status": "c"}}
    details = [{"reason": "d"}]
    said = said_by(
        {"error": {"metadata": {"raw": json.dumps(inner)}, "type": "e", "details": details}}
    )
    assert {"a", "b", "c", "d", "e"} <= said.words


# How a relay may hand on what it was told itself.
_WRAPS: list[Any] = [
    lambda each: {"error": each},
    lambda each: {"detail": each},
    lambda each: [each],
    lambda each: {"errors": [each]},
    lambda each: {"error": {"message": json.dumps(each)}},
    lambda each: {"message": each},
    lambda each: {"error": {"message": "Provider returned error", "metadata": {"raw": each}}},
    lambda each: {"type": "error", "error": each, "request_id": "r"},
]
_LEAVES: list[Any] = [
    lambda text: {"message": text, "code": "c"},
    lambda text: {"error": text, "code": "c"},
    lambda text: {"error": {"message": text, "code": "c", "param": None}},
    lambda text: {"__type": "x#c", "message": text},
]
_TEXTS = st.from_regex(r"[A-Za-z][a-z .,]{3,60}[a-z]\.", fullmatch=True)


@given(_TEXTS, st.sampled_from(_LEAVES), st.lists(st.sampled_from(_WRAPS), max_size=3))
def test_a_sentence_is_found_however_it_is_wrapped(text: str, leaf: Any, wraps: list[Any]) -> None:
    value = leaf(text)
    for wrap in wraps:
        value = wrap(value)
    said = said_in(json.dumps(value).encode())
    assert said.message is not None
    assert text in said.message
    assert said.code == "c"
    assert "c" in said.words


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["error", "errors", "detail", "message", "metadata", "raw", "loc", "msg",
                         "code", "type", "details", "fieldViolations", "field", "param"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(_JSON)
def test_no_shape_is_too_odd(value: Any) -> None:
    said = said_by(value)
    assert isinstance(said, Said)
    assert all(each is None or isinstance(each, str) for each in said[:3])
    failure = refused(400, json.dumps(value).encode(), None, NOW)
    assert failure.message
    assert failure.provider_status == 400
