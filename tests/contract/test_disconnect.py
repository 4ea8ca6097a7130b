"""``on_disconnect``: a job whose readers leave is cancelled if it was created so, and only then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from rig.cluster import until
from tests.contract.jobs import DELIVERED, OPEN, Sessions, act, ended, get, submit
from tests.deployment import Deployment, ask

GRACE = 1.0  # seconds, the least there is
PINGS = 12  # about two seconds, beyond any grace
CANCEL = {"x-streamhold-on-disconnect": "cancel", "x-streamhold-grace": f"{GRACE:g}"}
OPTIONS = {"on_disconnect": "cancel", "grace": GRACE}


@asynccontextmanager
async def reading(
    api: aiohttp.ClientSession, prompt: str, **headers: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    """A chat stream that has said all that it will; leaving closes the connection."""
    headers["Idempotency-Key"] = prompt
    call = ask(OPEN, prompt, stream=True)
    async with api.post("/v1/chat/completions", json=call, headers=headers) as response:
        assert response.status == 200
        async for line in response.content:
            if line == b"id: %d\n" % DELIVERED:
                break
        yield response
        response.close()


async def pinged(response: aiohttp.ClientResponse, times: int = PINGS) -> None:
    """Stay until so many keep-alive lines have come."""
    async for line in response.content:
        times -= line == b": ping\n"
        if times <= 0:
            return
    raise AssertionError("the stream ended")


async def until_closed(deployment: Deployment, prompt: str) -> None:
    """The call to the provider was closed by its caller."""
    counts = deployment.sim_url.removesuffix("/v1") + "/sim/calls"
    async with aiohttp.ClientSession() as session:

        async def closed() -> bool:
            async with session.get(counts) as response:
                return prompt in (await response.json())["closed"]

        await until(closed, 5)


async def cancelled(api: aiohttp.ClientSession, prompt: str) -> Any:
    """The job, which must end now: of its readers' leaving. A look at it is no reading."""

    async def over() -> bool:
        return (await get(api, f"/v1/jobs/{prompt}"))["ended_at"] is not None

    await until(over, GRACE + 5)
    job = await get(api, f"/v1/jobs/{prompt}")
    assert job["state"] == "cancelled"
    assert (job["error"]["type"], job["error"]["code"]) == ("cancelled", "disconnected")
    return job


async def test_a_job_whose_reader_leaves_is_cancelled_after_its_grace(
    deployment: Deployment, apis: Sessions, prompt: str
) -> None:
    async with reading(apis[0], prompt, **CANCEL) as response:
        await pinged(response)  # for as long as it is read nothing happens
        assert (await get(apis[1], f"/v1/jobs/{prompt}"))["state"] == "running"
    loop = asyncio.get_running_loop()
    left = loop.time()
    await cancelled(apis[1], prompt)
    assert loop.time() - left > GRACE - 0.1
    await until_closed(deployment, prompt)
    (attempt,) = (await ended(apis[0], prompt))["attempts"]
    assert (attempt["model"], deployment.sim_calls(prompt)) == (OPEN.removeprefix("sim/"), 1)


async def test_who_comes_again_within_the_grace_has_not_left(
    deployment: Deployment, apis: Sessions, prompt: str
) -> None:
    async with reading(apis[0], prompt, **CANCEL):
        pass
    async with reading(apis[1], prompt) as response:  # it is the job's option, not the call's
        await pinged(response)
    async with apis[0].get(f"/v1/jobs/{prompt}/events?after={DELIVERED}") as response:
        await pinged(response)
    assert await get(apis[0], f"/v1/jobs/{prompt}/result?wait=2", 202)
    job = await get(apis[0], f"/v1/jobs/{prompt}")
    assert (job["state"], deployment.sim_calls(prompt)) == ("running", 1)
    await cancelled(apis[0], prompt)


async def test_by_default_leaving_changes_nothing(apis: Sessions, prompt: str) -> None:
    async with reading(apis[0], prompt):
        pass
    async with reading(apis[0], f"{prompt}-cancelled", **CANCEL):
        pass
    await cancelled(apis[0], f"{prompt}-cancelled")  # left later, and gone already
    job = await get(apis[1], f"/v1/jobs/{prompt}")
    assert (job["state"], job["options"]) == ("running", {})
    await act(apis[0], f"/v1/jobs/{prompt}/cancel", 200)


async def test_a_job_that_nobody_ever_reads_has_its_grace_from_its_creation(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    await submit(api, OPEN, prompt, options=OPTIONS)
    job = await cancelled(api, prompt)
    assert job["ended_at"] - job["created_at"] > GRACE - 0.1
    await until_closed(deployment, prompt)


async def test_a_call_without_streaming_reads_too(
    deployment: Deployment, apis: Sessions, prompt: str
) -> None:
    headers = {**CANCEL, "Idempotency-Key": prompt}
    model = "sim/tokens=12,interval=200ms"  # over two seconds
    call = ask(model, prompt)
    async with apis[0].post("/v1/chat/completions", json=call, headers=headers) as response:
        assert response.status == 200
        assert (await response.json())["choices"][0]["finish_reason"] == "stop"
    assert deployment.sim_calls(prompt) == 1
