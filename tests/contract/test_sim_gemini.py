"""The simulated provider's Gemini over a real socket, with a bare client."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sim.server import SimServer, start

CONTENTS: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "hello you"}]}]
SAID = {"role": "model", "parts": [{"text": ""}]}


@pytest.fixture
async def server() -> AsyncIterator[SimServer]:
    server = await start()
    yield server
    await server.close()


@pytest.fixture
async def http(server: SimServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield session


def ask(
    http: aiohttp.ClientSession,
    model: str,
    method: str = "streamGenerateContent?alt=sse",
    *,
    key: str = "AIza",
    **fields: Any,
) -> Any:
    body = {"contents": CONTENTS, **fields}
    path = f"/v1beta/models/{model}:{method}"
    return http.post(path, json=body, headers={"x-goog-api-key": key})


async def told(http: aiohttp.ClientSession, model: str, **fields: Any) -> list[Any]:
    """The objects of a stream."""
    async with ask(http, model, **fields) as response:
        assert response.content_type == "text/event-stream"
        body = await response.read()
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line]
    return [json.loads(line) for line in lines]


def parts(objects: list[Any]) -> list[Any]:
    return [part for each in objects for part in each["candidates"][0]["content"]["parts"]]


async def whole(http: aiohttp.ClientSession, model: str, **fields: Any) -> Any:
    async with ask(http, model, "generateContent", **fields) as response:
        assert response.content_type == "application/json"
        return await response.json()


def texts(found: list[Any], *, thought: bool = False) -> str:
    return "".join(part.get("text", "") for part in found if part.get("thought", False) is thought)


async def test_a_stream_says_what_a_whole_answer_says(http: aiohttp.ClientSession) -> None:
    model = "tokens=5,reasoning=3,interval=0,cached=1"
    streamed, one = await told(http, model), await whole(http, model)
    for thought in (False, True):
        said = texts(parts(streamed), thought=thought)
        assert said
        assert said == texts(parts([one]), thought=thought)
    assert [each["candidates"][0].get("finishReason") for each in streamed] == [None] * 8 + ["STOP"]
    assert one["usageMetadata"] == streamed[-1]["usageMetadata"] == {
        "promptTokenCount": 2,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 3,
        "cachedContentTokenCount": 1,
        "totalTokenCount": 10,
    }  # fmt: skip
    assert streamed[3]["usageMetadata"]["candidatesTokenCount"] == 1  # so far
    assert {each["modelVersion"] for each in streamed} == {model}
    assert len({each["responseId"] for each in streamed}) == 1


async def test_the_words_are_those_of_the_other_dialects(http: aiohttp.ClientSession) -> None:
    model = "tokens=5,interval=0"
    body = {"model": model, "messages": [{"role": "user", "content": "hello you"}]}
    async with http.post("/v1/chat/completions", json=body) as response:
        chat = await response.json()
    assert texts(parts(await told(http, model))) == chat["choices"][0]["message"]["content"]


async def test_calls_come_whole_and_the_first_is_signed(http: aiohttp.ClientSession) -> None:
    tools = [{"functionDeclarations": [{"name": "search", "parametersJsonSchema": {}}]}]
    found = parts(await told(http, "parallel=2,tokens=3,interval=0", tools=tools))[:2]
    assert [part["functionCall"]["name"] for part in found] == ["search"] * 2
    assert all(list(part["functionCall"]["args"]) == ["query"] for part in found)
    assert ["thoughtSignature" in part for part in found] == [True, False]


async def test_a_turn_of_the_model_that_comes_last_is_gone_on_with(
    http: aiohttp.ClientSession,
) -> None:
    model = "tokens=9,interval=0,prefill"
    said = texts(parts(await told(http, model)))
    partial = {"role": "model", "parts": [{"text": said[:4]}, {"text": said[4:9]}]}
    left = texts(parts(await told(http, model, contents=[*CONTENTS, partial])))
    assert left == said[9:]


async def test_images_and_results_of_calls_are_taken(
    server: SimServer, http: aiohttp.ClientSession
) -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    call = {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": "cw=="}
    result = {"functionResponse": {"id": "1", "name": "f", "response": {"output": "x"}}}
    contents = [
        {"role": "user", "parts": [{"text": "look"}, image]},
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [result]},
    ]
    answer = await whole(http, "tokens=2,interval=0", contents=contents)
    assert texts(parts([answer]))
    assert server.calls.snapshot()["by_prompt"] == {"look": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"contents": []},
        {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]},
        {"contents": [{"role": "user", "parts": []}]},
        {"contents": [{"role": "user", "parts": [{"thought": True}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "x"}], "prefix": True}]},
        {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "a", "data": "!"}}]}]},
        {"generationConfig": {"maxOutputTokens": 0}},
    ],
)
async def test_what_google_refuses(http: aiohttp.ClientSession, fields: dict[str, Any]) -> None:
    async with ask(http, "default", **fields) as response:
        assert response.status == 400
        assert (await response.json())["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("model", "key", "status", "word"),
    [
        ("status=429,retryafter=2", "AIza", 429, "RESOURCE_EXHAUSTED"),
        ("status=503", "AIza", 503, "UNAVAILABLE"),
        ("tokns=2", "AIza", 404, "NOT_FOUND"),
        ("default", "sk-bad", 400, "INVALID_ARGUMENT"),
    ],
)
async def test_errors_have_googles_shape(
    http: aiohttp.ClientSession, model: str, key: str, status: int, word: str
) -> None:
    async with ask(http, model, key=key) as response:
        error = (await response.json())["error"]
    assert (response.status, error["code"], error["status"]) == (status, status, word)
    details = error.get("details", [{}])[0]
    assert details.get("retryDelay") == ("2.0s" if status == 429 else None)
    assert details.get("reason") == ("API_KEY_INVALID" if key == "sk-bad" else None)


@pytest.mark.parametrize("path", ["countTokens", "streamGenerateContent"])
async def test_other_methods_are_refused(http: aiohttp.ClientSession, path: str) -> None:
    async with ask(http, "default", path) as response:
        assert response.status in (400, 404)


async def test_faults_count_pieces(server: SimServer, http: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await told(http, "tokens=9,interval=0,dropafter=3")
    failed = await told(http, "tokens=9,interval=0,errorafter=3")
    assert len(failed) == 4
    assert failed[-1]["error"]["code"] == 500
    ended = await told(http, "tokens=9,interval=0,eofafter=9")
    assert "finishReason" not in ended[-1]["candidates"][0]
    short = await told(http, "tools,tokens=9,interval=0", generationConfig={"maxOutputTokens": 4})
    assert short[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert texts(parts(short)) == ""
    models = server.calls.snapshot()["by_model"]
    assert models["tokens=9,interval=0,dropafter=3"] == 1


async def test_whole_though_a_stream_was_asked_for(http: aiohttp.ClientSession) -> None:
    async with ask(http, "nostream,nousage,tokens=2,interval=0") as response:
        assert response.content_type == "application/json"
        assert "usageMetadata" not in await response.json()
