"""Where a call was meant to go, and what is said of one that goes nowhere."""

import pytest

from broker.api.paths import hint, is_gemini, meant
from broker.dialects.registry import dialect_at

SURFACES = [
    "chat/completions",
    "completions",
    "embeddings",
    "messages",
    "messages/count_tokens",
    "models",
    "models/a/b",
    "responses",
    "responses/resp_1/cancel",
]


@pytest.mark.parametrize("below", SURFACES)
@pytest.mark.parametrize("before", ["/", "/v1/", "/v1/v1/", "/v1/v1/v1/", "//v1/", "/v1//", "//"])
@pytest.mark.parametrize("after", ["", "/"])
def test_a_surface_is_found(below: str, before: str, after: str) -> None:
    assert meant(before + below + after) == f"/v1/{below}"


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v1", "/v1/", "/v1/v1", "/nowhere", "/v1/jobs", "/v1/v1/jobs", "/v1//jobs/a",
     "/jobs", "/healthz", "/v2/chat/completions", "/" + "v1/" * 3000 + "responses"],
)  # fmt: skip
def test_all_else_is_what_it_is(path: str) -> None:
    assert meant(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-2.5-pro:generateContent",
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
        "/v1/models/gemini-2.5-pro:countTokens",
        "/v1alpha/models/x:embedContent",
        "/v1beta1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent",
        "/v1beta/models",
        "/v1beta/cachedContents/a",
        "/upload/v1beta/files",
    ],
)
def test_geminis_are_told_so(path: str) -> None:
    assert is_gemini(path)
    assert "Gemini" in hint(path)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/sim/gemini", "/v1/models/a:b"])
def test_others_are_none(path: str) -> None:
    assert not is_gemini(path)


@pytest.mark.parametrize("path", ["/v1/files", "/v1/moderations", "/v1/batches/b1", "/v1/images/x"])
def test_a_part_that_is_not_spoken(path: str) -> None:
    assert "OpenAI" in hint(path)


@pytest.mark.parametrize("path", ["/api/v1/chat/completions", "/openai/responses"])
def test_a_base_url_of_somewhere_else(path: str) -> None:
    assert "base URL" in hint(path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/nowhere", "chat"),
        ("/v1/files", "chat"),
        ("/v1/embeddings", "chat"),
        ("/v1beta/models", "chat"),
        ("/v1/jobsx", "chat"),
        ("/v1/messages/batches", "messages"),
        ("/v1/responses/compact", "responses"),
        ("/v1/jobs", None),
        ("/v1/jobs/a/b/c", None),
        ("/v1/providers", None),
        ("", None),
        ("/", None),
        ("localhost:80", None),
    ],
)
def test_whose_errors_are_answered(path: str, name: str | None) -> None:
    dialect = dialect_at(path)
    assert (dialect.name if dialect else None) == name
