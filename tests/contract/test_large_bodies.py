"""Calls of many parts, which are worked on apart: as small ones in all that a caller sees."""

from typing import Any

import aiohttp
import pytest

from broker.offload.size import MOST_PARTS
from tests.contract.test_translation import PROVIDERS
from tests.deployment import Deployment

MANY = MOST_PARTS // 2  # messages, of three parts each
MODEL = "tokens=12,interval=1ms"
TURN = {"role": "user", "content": "a"}


def chat(model: str, prompt: str, **more: Any) -> dict[str, Any]:
    messages = [*[TURN] * MANY, {"role": "user", "content": prompt}]
    return {"model": model, "messages": messages, **more}


def asked(surface: str, model: str, prompt: str) -> tuple[str, dict[str, Any]]:
    call = chat(model, prompt)
    if surface == "chat":
        return "/v1/chat/completions", call
    if surface == "messages":
        return "/v1/messages", {**call, "max_tokens": 100}
    return "/v1/responses", {"model": model, "input": call["messages"]}


def text_of(surface: str, answer: dict[str, Any]) -> str:
    if surface == "chat":
        text: str = answer["choices"][0]["message"]["content"]
        return text
    content = answer["content"] if surface == "messages" else answer["output"][0]["content"]
    return "".join(part["text"] for part in content)


def prompt_tokens(usage: dict[str, Any]) -> int:
    return int(usage.get("prompt_tokens") or usage["input_tokens"])


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("surface", ["chat", "messages", "responses"])
async def test_every_pair_of_dialects(
    api: aiohttp.ClientSession, prompt: str, surface: str, provider: str
) -> None:
    path, call = asked(surface, f"{provider}/{MODEL}", prompt)
    async with api.post(path, json=call) as response:
        answer = await response.json()
        assert response.status == 200, answer
    path, small = asked(surface, f"{provider}/{MODEL}", prompt)
    field = "input" if surface == "responses" else "messages"
    small[field] = small[field][-1:]
    async with api.post(path, json=small) as response:
        assert text_of(surface, answer) == text_of(surface, await response.json())
    assert prompt_tokens(answer["usage"]) > MANY


async def test_the_same_key_is_the_same_job_and_another_body_a_conflict(
    apis: list[aiohttp.ClientSession], deployment: Deployment, prompt: str
) -> None:
    headers = {"idempotency-key": prompt}
    call = chat(f"sim-messages/{MODEL}", prompt)
    answers = []
    for api in apis:
        async with api.post("/v1/chat/completions", json=call, headers=headers) as response:
            assert response.status == 200
            answers.append(await response.json())
    assert answers[0] == answers[1]
    assert deployment.sim_calls(prompt) == 1
    call["messages"][0] = {"role": "user", "content": "b"}
    async with apis[0].post("/v1/chat/completions", json=call, headers=headers) as response:
        assert response.status == 422


async def test_a_stream_is_resumed_after_a_cursor(
    apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    headers, path = {"idempotency-key": prompt}, "/v1/chat/completions"
    call = chat(f"sim/{MODEL}", prompt, stream=True, stream_options={"include_usage": True})
    async with apis[0].post(path, json=call, headers=headers) as response:
        whole = (await response.read()).split(b"\n\n")
    assert b"[DONE]" in whole[-2]
    headers["last-event-id"] = whole[3].partition(b"\n")[0].removeprefix(b"id: ").decode()
    async with apis[1].post(path, json=call, headers=headers) as response:
        rest = (await response.read()).split(b"\n\n")
    assert rest == whole[4:]


async def test_a_job_is_made_of_an_envelope(
    api: aiohttp.ClientSession, deployment: Deployment, prompt: str
) -> None:
    new = {
        "request_id": prompt,
        "request": chat(f"sim-gemini/{MODEL}", prompt),
        "metadata": {"team": "ml"},
        "options": {"deadline": 60},
    }
    async with api.post("/v1/jobs", json=new) as response:
        job = await response.json()
        assert response.status == 202, job
    assert (job["request_id"], job["metadata"]) == (prompt, {"team": "ml"})
    assert job["options"] == {"deadline": 60}
    async with api.get(f"/v1/jobs/{prompt}/result?wait=20") as response:
        assert response.status == 200
    new["options"] = {"deadline": -1}
    new["request_id"] = f"{prompt}-2"
    async with api.post("/v1/jobs", json=new) as response:
        assert response.status == 400


async def test_a_lost_answer_is_continued_by_a_provider_of_another_dialect(
    api: aiohttp.ClientSession, prompt: str
) -> None:
    async with api.post("/v1/chat/completions", json=chat("then-unasked", prompt)) as response:
        answer = await response.json()
        assert response.status == 200, answer
    async with api.post(
        "/v1/chat/completions",
        json={"model": "then-unasked", "messages": [{"role": "user", "content": prompt}]},
    ) as response:
        assert text_of("chat", answer) == text_of("chat", await response.json())


async def test_the_next_target_is_asked_as_well(
    api: aiohttp.ClientSession, deployment: Deployment, prompt: str
) -> None:
    async with api.post("/v1/chat/completions", json=chat("second-answers", prompt)) as response:
        assert response.status == 200
    assert deployment.sim_calls(prompt) == 2


async def test_what_cannot_be_expressed_is_refused_by_its_name(
    api: aiohttp.ClientSession, deployment: Deployment, prompt: str
) -> None:
    call = chat("sim-messages/tokens=3", prompt, n=2)
    async with api.post("/v1/chat/completions", json=call) as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["param"]) == (400, "unexpressible", "n")
    assert deployment.sim_calls(prompt) == 0


async def test_its_input_is_listed_by_pages(api: aiohttp.ClientSession, prompt: str) -> None:
    path, call = asked("responses", f"voice/{MODEL}", prompt)
    async with api.post(path, json=call) as response:
        name = (await response.json())["id"]
    async with api.get(f"{path}/{name}/input_items?limit=2") as response:
        page = await response.json()
    assert [item["content"][0]["text"] for item in page["data"]] == [prompt, "a"]
    assert page["has_more"]
    async with api.get(f"{path}/{name}/input_items?limit=2&after={page['last_id']}") as response:
        later = await response.json()
    assert later["data"][0]["id"] != page["last_id"]
    async with api.get(f"{path}/{name}/input_items?after=item_none") as response:
        assert response.status == 400


async def test_its_tokens_are_counted(api: aiohttp.ClientSession, prompt: str) -> None:
    call = chat(f"sim-messages/{MODEL}", prompt)
    async with api.post("/v1/messages/count_tokens", json=call) as response:
        assert response.status == 200
        assert (await response.json())["input_tokens"] > MANY


async def test_more_parts_than_are_allowed_are_refused(deployment: Deployment) -> None:
    body = b'{"model":"plain","messages":[' + b"{}," * 60_000 + b"{}]}"
    headers = {"x-api-key": "key-of-alice", "content-type": "application/json"}
    async with (
        aiohttp.ClientSession(deployment.urls[0], headers=headers) as api,
        api.post("/v1/chat/completions", data=body) as response,
    ):
        assert response.status == 413
        assert "parts" in (await response.json())["error"]["message"]
