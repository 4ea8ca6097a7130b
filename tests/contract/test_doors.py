"""Doors: base URLs that are off, paths that are nobody's, two credentials, bodies in a coding."""

import gzip
import json
import zlib
from typing import Any

import aiohttp
import pytest
from anthropic import AsyncAnthropic, NotFoundError
from openai import AsyncOpenAI
from openai import NotFoundError as OpenAINotFound

from tests.contract.conftest import ALICE, MAX_BODY
from tests.contract.raw import fetch
from tests.contract.test_responses_socket import ask as ask_over
from tests.contract.test_responses_socket import opened, until_end
from tests.deployment import Deployment, ask
from tests.unit.test_content_coding import CODINGS

QUICK = "sim/tokens=3,interval=0"
KEY = {"authorization": f"Bearer {ALICE}"}


@pytest.mark.parametrize("base", ["", "/v1", "/v1/v1", "/v1/"])
async def test_openais_client_with_any_base_url(
    deployment: Deployment, base: str, prompt: str
) -> None:
    url = deployment.urls[0] + base
    async with AsyncOpenAI(base_url=url, api_key=ALICE, max_retries=0) as client:
        answer = await client.chat.completions.create(
            model=QUICK, messages=[{"role": "user", "content": prompt}]
        )
        assert answer.choices[0].message.content
        response = await client.responses.create(model=QUICK, input=prompt)
        assert (await client.responses.retrieve(response.id)).output_text == response.output_text
        assert [model.id async for model in client.models.list()]


@pytest.mark.parametrize("base", ["", "/v1", "/v1/v1"])
async def test_anthropics_client_with_any_base_url(deployment: Deployment, base: str) -> None:
    url = deployment.urls[0] + base
    async with AsyncAnthropic(base_url=url, api_key=ALICE, max_retries=0) as client:
        answer = await client.messages.create(
            model=QUICK, max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        )
        assert answer.content
        with pytest.raises(NotFoundError) as refused:
            await client.messages.create(
                model="nope", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            )
        assert refused.value.body["type"] == "error"  # type: ignore[index]


async def test_the_websocket_too(deployment: Deployment, prompt: str) -> None:
    async with (
        AsyncOpenAI(base_url=deployment.urls[0], api_key=ALICE) as client,
        client.responses.connect() as connection,
    ):
        await connection.response.create(model=QUICK, input=prompt)
        async for event in connection:
            if event.type == "response.completed":
                break


@pytest.mark.parametrize("below", ["/files", "/moderations", "/nothing"])
async def test_an_unknown_path_is_told_in_openais_shape(deployment: Deployment, below: str) -> None:
    async with AsyncOpenAI(base_url=f"{deployment.urls[0]}/v1", api_key=ALICE) as client:
        with pytest.raises(OpenAINotFound) as refused:
            await client.get(below, cast_to=object)
    assert "There is nothing at this path." in refused.value.message
    assert refused.value.code == "unknown_path"


async def test_and_in_anthropics(deployment: Deployment) -> None:
    async with AsyncAnthropic(base_url=deployment.urls[0], api_key=ALICE) as client:
        with pytest.raises(NotFoundError) as refused:
            await client.get("/v1/files", cast_to=object)
    body: Any = refused.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")


@pytest.mark.parametrize(
    "path",
    ["/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
     "/v1/models/gemini-2.5-pro:generateContent"],
)  # fmt: skip
async def test_gemini_is_told_that_it_is_not_spoken(deployment: Deployment, path: str) -> None:
    headers = {"x-api-key": ALICE, "content-type": "application/json"}
    answer, body = await fetch("POST", deployment.urls[0] + path, headers=headers, body=b"{}")
    error = json.loads(body)["error"]
    assert (answer.status, error["code"]) == (404, "unknown_path")
    assert "Gemini's API is not spoken here" in error["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-foreign", "x-api-key": ALICE},
        {"authorization": f"Bearer {ALICE}", "x-api-key": "sk-foreign"},
    ],
)
async def test_either_of_two_keys_lets_in(
    deployment: Deployment, prompt: str, headers: dict[str, str]
) -> None:
    call = json.dumps(ask(QUICK, prompt)).encode()
    url = f"{deployment.urls[0]}/v1/chat/completions"
    given = {**headers, "content-type": "application/json"}
    answer, body = await fetch("POST", url, headers=given, body=call)
    assert answer.status == 200, body
    assert not [line for line in deployment.up.events() if "sk-foreign" in str(line)]


async def test_two_foreign_keys_do_not(deployment: Deployment) -> None:
    headers = {"authorization": "Bearer sk-a", "x-api-key": "sk-b"}
    answer, _ = await fetch("GET", f"{deployment.urls[0]}/v1/models", headers=headers)
    assert answer.status == 401


# ── Bodies in a content coding ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
async def test_a_coded_body_is_the_plain_one(
    api: aiohttp.ClientSession, deployment: Deployment, prompt: str, coding: str, path: str
) -> None:
    """One job under one key, whichever way it is sent."""
    call: dict[str, Any] = ask(QUICK, prompt)
    if path == "/v1/responses":
        call = {"model": QUICK, "input": prompt}
    elif path == "/v1/messages":
        call["max_tokens"] = 9
    plain = json.dumps(call).encode()
    name, compress = CODINGS[coding]
    headers = {"content-type": "application/json", "idempotency-key": prompt}
    answers = []
    for body, more in ((compress(plain), {"content-encoding": name}), (plain, {})):
        async with api.post(path, data=body, headers={**headers, **more}) as answer:
            assert answer.status == 200, await answer.text()
            answers.append(await answer.read())
    assert answers[0] == answers[1]
    assert deployment.sim_calls(prompt) == 1


@pytest.mark.parametrize("coding", CODINGS)
async def test_bombs_and_torn_ones_are_refused(
    api: aiohttp.ClientSession, prompt: str, coding: str
) -> None:
    name, compress = CODINGS[coding]
    headers = {"content-type": "application/json", "content-encoding": name}
    whole = compress(json.dumps(ask(QUICK, prompt)).encode())
    cases = {
        413: compress(b'{"model":"' + b"x" * 50_000_000),
        400: whole[: len(whole) - 6],
    }
    for status, body in cases.items():
        assert len(body) < MAX_BODY
        async with api.post("/v1/chat/completions", data=body, headers=headers) as answer:
            assert answer.status == status, await answer.text()
            assert (await answer.json())["error"]["message"]


async def test_an_unknown_coding_is_named(api: aiohttp.ClientSession) -> None:
    headers = {"content-type": "application/json", "content-encoding": "br"}
    async with api.post("/v1/chat/completions", data=b"{}", headers=headers) as answer:
        error = (await answer.json())["error"]
        assert (answer.status, error["code"]) == (415, "unsupported_content_encoding")
        assert "'br'" in error["message"]
        assert answer.headers["accept-encoding"] == "gzip, deflate, zstd"


async def test_a_large_one_goes_to_the_child(
    api: aiohttp.ClientSession, deployment: Deployment, prompt: str
) -> None:
    """As a plain one does: many parts, which are few bytes when sent."""
    call = ask(QUICK, prompt, metadata={"list": json.dumps([0] * 30_000)})
    body = gzip.compress(json.dumps(call).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    async with api.post("/v1/chat/completions", data=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    assert deployment.sim_calls(prompt) == 1


async def test_a_small_body_too(api: aiohttp.ClientSession, taken: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": "deflate"}
    wish = zlib.compress(b'{"scope":"events"}')
    async with api.post(f"/v1/jobs/{taken}/tickets", data=wish, headers=headers) as answer:
        assert answer.status in (200, 201), await answer.text()


# ── What is passed on ──────────────────────────────────────────────────────────────────


async def test_embeddings(sdk: AsyncOpenAI, prompt: str) -> None:
    found = await sdk.embeddings.create(
        model="sim/embed", input=[prompt, "b"], encoding_format="float"
    )
    assert [len(each.embedding) for each in found.data] == [8, 8]


async def test_a_model_that_cannot_embed(sdk: AsyncOpenAI, prompt: str) -> None:
    with pytest.raises(Exception, match="speak") as refused:
        await sdk.embeddings.create(model="sim-messages/x", input=prompt)
    assert refused.value.status_code == 400  # type: ignore[attr-defined]
    with pytest.raises(OpenAINotFound):
        await sdk.embeddings.create(model="nope", input=prompt)


async def test_completions(sdk: AsyncOpenAI, prompt: str) -> None:
    found = await sdk.completions.create(model="sim/x", prompt=prompt)
    assert found.choices[0].text


async def test_the_next_target_answers(api: aiohttp.ClientSession, prompt: str) -> None:
    call = {"model": "second-answers", "input": prompt}
    async with api.post("/v1/embeddings", json=call) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["model"] == "tokens=12,interval=1ms"


async def test_a_providers_refusal_is_the_answer(sdk: AsyncOpenAI, prompt: str) -> None:
    with pytest.raises(Exception, match="429") as refused:
        await sdk.embeddings.create(model="sim/status=429", input=prompt)
    assert refused.value.status_code == 429  # type: ignore[attr-defined]


async def test_input_tokens(sdk: AsyncOpenAI, prompt: str) -> None:
    counted = await sdk.responses.input_tokens.count(model="sim-responses/x", input=prompt)
    assert counted.input_tokens > 0
    with pytest.raises(Exception, match="speak"):
        await sdk.responses.input_tokens.count(model="sim/x", input=prompt)


async def test_compact(sdk: AsyncOpenAI, prompt: str) -> None:
    said = [{"role": "user", "content": prompt}, {"role": "assistant", "content": "b"}]
    compacted = await sdk.responses.compact(model="sim-responses/x", input=said)  # type: ignore[arg-type]
    assert compacted.output[-1].type == "compaction"
    with pytest.raises(Exception, match="speak") as refused:
        await sdk.responses.compact(model="sim-messages/x", input=said)  # type: ignore[arg-type]
    assert refused.value.status_code == 400  # type: ignore[attr-defined]


async def test_what_a_provider_keeps_is_not_named(sdk: AsyncOpenAI, prompt: str) -> None:
    made = await sdk.responses.create(model="sim-responses/tokens=3,interval=0", input=prompt)
    for name in (made.id, "resp_foreign"):
        with pytest.raises(Exception, match="no response before") as refused:
            await sdk.responses.input_tokens.count(
                model="sim-responses/x", input=prompt, previous_response_id=name
            )
        assert refused.value.status_code == 400  # type: ignore[attr-defined]


async def test_a_large_call_is_passed_on_whole(api: aiohttp.ClientSession, prompt: str) -> None:
    texts = [prompt, *(str(place) for place in range(10_000))]
    async with api.post("/v1/embeddings", json={"model": "sim/x", "input": texts}) as answer:
        assert answer.status == 200, await answer.text()
        assert len((await answer.json())["data"]) == len(texts)


async def test_compact_begins_a_new_chain(
    sdk: AsyncOpenAI, deployment: Deployment, prompt: str
) -> None:
    said = [{"role": "user", "content": prompt}]
    compacted = await sdk.responses.compact(model="sim-responses/x", input=said)  # type: ignore[arg-type]
    items = [item.model_dump(exclude_none=True, warnings=False) for item in compacted.output]
    async with opened(deployment) as socket:
        items.append({"role": "user", "content": "go on"})
        await ask_over(socket, items, "sim-responses/tokens=3,interval=0", store=False)  # type: ignore[arg-type]
        assert (await until_end(socket))[-1]["type"] == "response.completed"
