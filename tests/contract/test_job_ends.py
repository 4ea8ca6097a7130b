"""Cancel, delete and retry: what ends a job early, and what begins it again."""

import asyncio

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from rig.program import until
from tests.contract.jobs import DELIVERED, OPEN, QUICK, Sessions, act, ended, get, said, submit
from tests.contract.raw import data_of, events_of
from tests.deployment import Deployment


@pytest.mark.parametrize("way", ["cancel", "delete"])
async def test_a_running_job_is_stopped(
    deployment: Deployment, apis: Sessions, prompt: str, way: str
) -> None:
    aborted = deployment.sim_aborted
    await submit(apis[0], OPEN, prompt)
    await said(apis[0], prompt)
    async with apis[0].get(f"/v1/jobs/{prompt}/events?after={DELIVERED - 1}") as response:
        # One event has come: from here on the reader is told of what is new, and looks no more
        # at a stream that a deletion may have taken away.
        await response.content.readuntil(b"\n\n")
        if way == "cancel":
            job = await act(apis[1], f"/v1/jobs/{prompt}/cancel", 200)
            assert job["state"] == "cancelled"
        else:
            async with apis[1].delete(f"/v1/jobs/{prompt}") as deleted:
                assert deleted.status == 204
        assert until(lambda: deployment.sim_aborted == aborted + 1, 1.0)
        body = await response.read()
    (event,) = events_of(body)
    assert event.startswith(b"id: 15\nevent: end\n")
    assert data_of(event)["state"] == "cancelled"
    if way == "cancel":
        again = await act(apis[0], f"/v1/jobs/{prompt}/cancel", 200)
        assert again["state"] == "cancelled"
        await get(apis[0], f"/v1/jobs/{prompt}/result", 409)
    else:
        await _is_gone(apis, prompt)
    assert deployment.sim_calls(prompt) == 1


async def _is_gone(apis: Sessions, prompt: str) -> None:
    """All that is left of a deleted job is that there was one."""
    for path in ("", "/events", "/result"):
        await get(apis[0], f"/v1/jobs/{prompt}{path}", 410)
    for path in ("/cancel", "/retry"):
        await act(apis[1], f"/v1/jobs/{prompt}{path}", 410)
    async with apis[0].delete(f"/v1/jobs/{prompt}") as response:
        assert response.status == 410
    await submit(apis[0], OPEN, prompt, 410)
    listed = await get(apis[1], "/v1/jobs?limit=100")
    assert prompt not in [job["request_id"] for job in listed["data"]]


async def test_a_cancelled_call_ends_for_its_caller(
    apis: Sessions, sdk: AsyncOpenAI, prompt: str
) -> None:
    await submit(apis[0], OPEN, prompt)
    call = asyncio.create_task(
        sdk.chat.completions.create(
            model=OPEN,
            messages=[{"role": "user", "content": prompt}],
            extra_headers={"Idempotency-Key": prompt},
        )
    )
    await said(apis[0], prompt)
    await act(apis[1], f"/v1/jobs/{prompt}/cancel", 200)
    with pytest.raises(openai.ConflictError) as caught:
        await call
    assert caught.value.type == "cancelled"
    assert caught.value.response.headers["x-should-retry"] == "false"


async def test_the_end_of_a_job_stays_as_it_was(api: aiohttp.ClientSession, prompt: str) -> None:
    await submit(api, QUICK, prompt)
    job = await ended(api, prompt)
    assert await act(api, f"/v1/jobs/{prompt}/cancel", 200) == job


async def test_a_failed_job_that_delivered_nothing_is_retried(
    deployment: Deployment, apis: Sessions, prompt: str
) -> None:
    await submit(apis[0], "sim/tokens=12,interval=1ms,status=500,failfirst=3", prompt)
    failed = await ended(apis[0], prompt)
    assert (failed["state"], failed["delivered"], len(failed["attempts"])) == ("failed", False, 3)
    assert deployment.sim_calls(prompt) == 3
    await act(apis[1], f"/v1/jobs/{prompt}/retry", 202)
    answer = await get(apis[1], f"/v1/jobs/{prompt}/result?wait=30")
    assert len(answer["choices"][0]["message"]["content"].split()) == 12
    job = await get(apis[0], f"/v1/jobs/{prompt}")
    assert job["state"] == "completed"
    assert [each["outcome"] for each in job["attempts"]] == ["failed"] * 3 + ["completed"]
    assert job["cursor"] > failed["cursor"]  # no number is used twice
    assert deployment.sim_calls(prompt) == 4


async def test_a_reader_at_the_old_end_sees_the_retry(apis: Sessions, prompt: str) -> None:
    await submit(apis[0], "sim/tokens=12,interval=1ms,status=400,failfirst=1", prompt)
    failed = await ended(apis[0], prompt)
    await act(apis[0], f"/v1/jobs/{prompt}/retry", 202)
    async with apis[1].get(f"/v1/jobs/{prompt}/events?after={failed['cursor']}") as response:
        events = events_of(await response.read())
    assert data_of(events[0])["number"] == 2
    assert data_of(events[-1])["state"] == "completed"


@pytest.mark.parametrize("model", [QUICK, "sim/tokens=12,interval=1ms,dropafter=5", OPEN])
async def test_other_jobs_are_not_retried(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str, model: str
) -> None:
    await submit(api, model, prompt)
    if model == OPEN:  # neither while it runs, nor once it is cancelled
        await said(api, prompt)
        await act(api, f"/v1/jobs/{prompt}/retry", 409)
        await act(api, f"/v1/jobs/{prompt}/cancel", 200)
    job = await ended(api, prompt)
    problem = await act(api, f"/v1/jobs/{prompt}/retry", 409)
    assert problem["code"] == "not_retriable"
    assert await get(api, f"/v1/jobs/{prompt}") == job
    assert deployment.sim_calls(prompt) == 1
