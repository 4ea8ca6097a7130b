"""Retries don't multiply: how often a provider is called that answers 500 to a caller who comes
again and again, as agents do.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, InternalServerError

from rig.cluster import until
from tests.contract.jobs import act, get
from tests.deployment import Deployment, ask

LEAST, COOLDOWN = 4, 1.0  # calls; seconds
CODEX = {"user-agent": "codex_exec/0.171.0 (Debian 12.0.0; x86_64) unknown"}
DOWN = "status=500,tokens=2,interval=0"
RESPONSES = "/v1/responses"
CONFIG = f"""
[breaker]
least_calls = {LEAST}
cooldown = {COOLDOWN}

[worker]
backoff = 0.01
rescue_tick = 0.1

[routes.sole]
targets = ["sim-responses/{DOWN}"]

[routes.again]
targets = ["sim/status=500,failfirst={LEAST + 1},tokens=2,interval=0"]

[routes.later]
targets = ["sim/status=500,failfirst={LEAST},tokens=3,interval=0"]

[routes.few]
targets = ["sim/status=500,failfirst=2,tokens=4,interval=0"]

[routes.pair]
targets = ["sim/status=500,tokens=5,interval=0", "sim/status=500,tokens=6,interval=0"]
"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("retries")
    deployment = Deployment(folder, apis=2, workers=2, config=CONFIG)
    yield deployment
    deployment.close()


@pytest.fixture
async def api(deployment: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(deployment.urls[0]) as session:
        yield session


async def test_thirty_posts_of_an_agent_are_few_calls(
    deployment: Deployment, api: aiohttp.ClientSession
) -> None:
    """Thirty in a row, streamed, without a key; all that are refused are told for how long."""
    prompt = "thirty posts"
    body = {"model": "sole", "input": prompt, "stream": True}
    begun = time.monotonic()
    seen: list[tuple[int, str | None, str]] = []
    slowest = 0.0
    for _ in range(30):
        at = time.monotonic()
        async with api.post(RESPONSES, json=body, headers=CODEX) as response:
            error = (await response.json())["error"]
            seen.append((response.status, response.headers.get("retry-after"), error["type"]))
            assert "x-should-retry" not in response.headers  # it may well
        slowest = max(slowest, time.monotonic() - at)
    took = time.monotonic() - begun
    assert deployment.sim_calls(prompt) <= LEAST + 1 + took / COOLDOWN
    first, last = seen[:LEAST], seen[LEAST:]
    assert {each[::2] for each in first} == {(502, "provider_error")}
    assert {status for status, _, _ in last} <= {502, 503}  # 502: its trials
    shut = [wait for status, wait, kind in last if (status, kind) == (503, "circuit_open")]
    assert len(shut) >= 20
    assert set(shut) == {"1"}
    assert slowest < COOLDOWN


async def test_the_attempts_of_each_post_are_one(api: aiohttp.ClientSession) -> None:
    """For a caller who comes again; one who doesn't has all attempts made for him."""
    for headers, attempts in (({"x-stainless-retry-count": "0"}, 1), ({}, 3)):
        body = ask("few", f"attempts {attempts}")
        async with api.post("/v1/chat/completions", json=body, headers=headers) as response:
            assert response.status == (502 if attempts == 1 else 200)
            job = await get(api, f"/v1/jobs/{response.headers['x-request-id']}")
            assert len(job["attempts"]) == attempts


async def test_the_next_target_is_tried_all_the_same(api: aiohttp.ClientSession) -> None:
    body = ask("pair", "pair")
    async with api.post("/v1/chat/completions", json=body, headers=CODEX) as response:
        assert response.status == 502
        job = await get(api, f"/v1/jobs/{response.headers['x-request-id']}")
        models = [each["model"] for each in job["attempts"]]
        assert models == ["status=500,tokens=5,interval=0", "status=500,tokens=6,interval=0"]


async def test_a_call_under_a_key_is_made_again_once_the_target_is_back(
    deployment: Deployment, api: aiohttp.ClientSession
) -> None:
    """Refused while the breaker was open, it is one job, and at last one answer."""
    for number in range(LEAST):
        other = ask("again", "keyed call")
        headers = {"idempotency-key": f"opening-{number}", "x-streamhold-attempts": "1"}
        async with api.post("/v1/chat/completions", json=other, headers=headers) as response:
            assert response.status == 502
            assert response.headers["x-should-retry"] == "false"  # of its own key
    headers = {"idempotency-key": "keyed", "x-streamhold-attempts": "1"}
    async with api.post(
        "/v1/chat/completions", json=ask("again", "another"), headers=headers
    ) as response:
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert "x-should-retry" not in response.headers
        assert (await response.json())["error"]["type"] == "circuit_open"
    assert deployment.sim_calls("another") == 0
    job = await get(api, "/v1/jobs/keyed")
    assert (job["state"], job["attempts"], job["error"]["retryable"]) == ("failed", [], True)

    statuses = []

    async def answered() -> bool:
        body = ask("again", "another")
        async with api.post("/v1/chat/completions", json=body, headers=headers) as response:
            statuses.append(response.status)
            return response.status != 503

    await until(answered, 10)
    assert statuses[-1] == 502  # the trial, which this one was: an answer of the provider's
    assert deployment.sim_calls("another") == 1


async def test_a_batch_job_waits_for_its_target(
    deployment: Deployment, api: aiohttp.ClientSession
) -> None:
    opening = {"request": ask("later", "batch"), "options": {"attempts": 1}}
    for number in range(LEAST):
        await act(api, "/v1/jobs", 202, {**opening, "request_id": f"opens-{number}"})
        await get(api, f"/v1/jobs/opens-{number}/result?wait=10", status=502)
    waiting = {"request": ask("later", "batch"), "options": {"priority": "batch"}}
    ids = [f"waits-{number}" for number in range(5)]
    for name in ids:
        await act(api, "/v1/jobs", 202, {**waiting, "request_id": name})
    await asyncio.sleep(COOLDOWN / 4)
    assert deployment.sim_calls("batch") == LEAST
    for name in ids:
        await get(api, f"/v1/jobs/{name}/result?wait=20")
        assert len((await get(api, f"/v1/jobs/{name}"))["attempts"]) == 1
    assert deployment.sim_calls("batch") == LEAST + len(ids)


async def test_an_sdk_with_its_own_retries_makes_no_more_calls_than_it_tries(
    deployment: Deployment,
) -> None:
    async with AsyncOpenAI(
        base_url=f"{deployment.urls[1]}/v1", api_key="none", max_retries=2
    ) as sdk:
        body: dict[str, Any] = ask("sim/status=500,tokens=9", "an sdk")
        with pytest.raises(InternalServerError):
            await sdk.chat.completions.create(**body)
    assert deployment.sim_calls("an sdk") <= 3
