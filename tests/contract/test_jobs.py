"""``/v1/jobs``: a job's life without a stream; its record, its result, the listing."""

import asyncio

import aiohttp
import pytest
from openai import AsyncOpenAI

from tests.contract.conftest import BOB
from tests.contract.jobs import OPEN, QUICK, Sessions, act, ended, get, submit
from tests.deployment import Deployment, ask


async def test_submit_twice_is_one_job(deployment: Deployment, apis: Sessions, prompt: str) -> None:
    metadata = {"user": "u-1", "tags": ["a", {"b": None}]}
    job = await submit(apis[0], QUICK, prompt, metadata=metadata)
    assert job["state"] in ("queued", "running")
    assert (job["request_id"], job["dialect"], job["model"]) == (prompt, "chat", QUICK)
    again = await submit(apis[1], QUICK, prompt, 200)
    assert again["request_id"] == prompt
    job = await ended(apis[1], prompt)
    assert job["state"] == "completed"
    assert job["metadata"] == metadata
    assert job["cursor"] == 17
    assert job["usage"]["completion_tokens"] == 12
    assert job["error"] is None
    assert job["created_at"] <= job["started_at"] <= job["ended_at"]
    (attempt,) = job["attempts"]
    assert (attempt["number"], attempt["provider"]) == (1, "sim")
    assert attempt["outcome"] == "completed"
    assert attempt["usage"] == job["usage"]
    assert attempt["provider_id"].startswith("chatcmpl-")
    assert deployment.sim_calls(prompt) == 1


async def test_an_id_is_made_when_none_is_given(api: aiohttp.ClientSession, prompt: str) -> None:
    async with api.post("/v1/jobs", json={"request": ask(QUICK, prompt)}) as response:
        job = await response.json()
        assert response.headers["x-request-id"] == job["request_id"]
    assert (await get(api, job["links"]["self"]))["request_id"] == job["request_id"]


async def test_the_surfaces_share_request_ids(
    deployment: Deployment, sdk: AsyncOpenAI, api: aiohttp.ClientSession, prompt: str
) -> None:
    await submit(api, QUICK, prompt)
    answer = await sdk.chat.completions.create(
        model=QUICK,
        messages=[{"role": "user", "content": prompt}],
        extra_headers={"Idempotency-Key": prompt},
    )
    assert (
        answer.model_dump()
        == type(answer).model_validate(await get(api, f"/v1/jobs/{prompt}/result")).model_dump()
    )
    assert deployment.sim_calls(prompt) == 1


async def test_the_result_is_waited_for(apis: Sessions, prompt: str) -> None:
    model = "sim/tokens=12,interval=20ms,id=chatcmpl-one"
    await submit(apis[0], model, prompt)
    path = f"/v1/jobs/{prompt}/result"
    async with apis[0].get(path) as response:
        assert response.status == 202
        assert response.headers["retry-after"]
        assert (await response.json())["state"] in ("queued", "running")
    waited = await asyncio.gather(*(get(api, f"{path}?wait=30") for api in apis))
    async with apis[0].post("/v1/chat/completions", json=ask(model, prompt)) as response:
        direct = await response.json()
    assert waited == [direct, direct]
    assert await get(apis[1], path) == direct
    assert direct["choices"][0]["message"]["content"]


async def test_a_wait_ends_with_its_time(api: aiohttp.ClientSession, prompt: str) -> None:
    await submit(api, OPEN, prompt)
    job = await get(api, f"/v1/jobs/{prompt}/result?wait=0.05", 202)
    assert job["request_id"] == prompt
    await act(api, f"/v1/jobs/{prompt}/cancel", 200)
    await get(api, f"/v1/jobs/{prompt}/result?wait=never", 400)


async def test_the_result_of_a_failed_job_is_its_failure(
    api: aiohttp.ClientSession, prompt: str
) -> None:
    await submit(api, "sim/status=422", prompt)
    async with api.get(f"/v1/jobs/{prompt}/result?wait=30") as response:
        assert response.status == 422
        assert response.content_type == "application/problem+json"
        assert response.headers["x-should-retry"] == "false"
        problem = await response.json(content_type=None)
    assert problem["provider_status"] == 422
    job = await get(api, f"/v1/jobs/{prompt}")
    assert (job["state"], job["delivered"]) == ("failed", False)
    assert job["error"]["type"] == problem["type"].rpartition(":")[2]


# ── Listings ───────────────────────────────────────────────────────────────────────────


async def test_the_list_is_filtered_and_paged(apis: Sessions, prompt: str) -> None:
    model = f"{QUICK},id={prompt}"  # a model of this test's own
    broken = f"sim/status=400,id={prompt}"
    names = [f"{prompt}-{number}" for number in range(7)]
    for name in names:
        await submit(apis[0], model, name)
        await ended(apis[0], name)
    await submit(apis[0], broken, f"{prompt}-broken")
    await ended(apis[0], f"{prompt}-broken")
    found: list[str] = []
    after = ""
    for page in range(3):  # from one process to the other, between the pages
        answer = await get(apis[page % 2], f"/v1/jobs?model={model}&limit=3{after}")
        found += [job["request_id"] for job in answer["data"]]
        after = f"&after={answer['next']}"
    assert found == names[::-1]
    assert answer["next"] is None
    failed = await get(apis[1], f"/v1/jobs?state=failed&model={broken}")
    assert [job["request_id"] for job in failed["data"]] == [f"{prompt}-broken"]
    assert (await get(apis[1], f"/v1/jobs?state=failed&model={model}"))["data"] == []


async def test_the_list_has_bounds_of_time(api: aiohttp.ClientSession, prompt: str) -> None:
    # Several, for not every millisecond is a binary fraction just below its own value.
    for number in range(8):
        job = await submit(api, QUICK, f"{prompt}-{number}")
        created = job["created_at"]
        inside = await get(api, f"/v1/jobs?since={created}&until={created}")
        assert job["request_id"] in [one["request_id"] for one in inside["data"]]
        for bounds in (f"until={created - 0.001}", f"since={created + 0.001}"):
            outside = await get(api, f"/v1/jobs?{bounds}&limit=100")
            assert job["request_id"] not in [one["request_id"] for one in outside["data"]]


@pytest.mark.parametrize(
    "query", ["state=odd", "limit=0", "limit=101", "limit=x", "after=odd!", "order=asc", "since=x"]
)
async def test_a_bad_listing(api: aiohttp.ClientSession, query: str) -> None:
    async with api.get(f"/v1/jobs?{query}") as response:
        assert response.status == 400
        assert response.content_type == "application/problem+json"
        assert (await response.json(content_type=None))["param"] == query.partition("=")[0]


async def test_accounts_do_not_see_each_other(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    await submit(api, OPEN, prompt)
    headers = {"x-api-key": BOB}
    async with aiohttp.ClientSession(deployment.urls[1], headers=headers) as bob:
        for path in ("", "/events", "/result"):
            await get(bob, f"/v1/jobs/{prompt}{path}", 404)
        for path in ("/cancel", "/retry"):
            await act(bob, f"/v1/jobs/{prompt}{path}", 404)
        async with bob.delete(f"/v1/jobs/{prompt}") as response:
            assert response.status == 404
        listed = await get(bob, "/v1/jobs?limit=100")
        assert prompt not in [job["request_id"] for job in listed["data"]]
        await submit(bob, QUICK, prompt)  # the same id in another account is another job
    assert (await get(api, f"/v1/jobs/{prompt}"))["state"] in ("queued", "running")
    await act(api, f"/v1/jobs/{prompt}/cancel", 200)
