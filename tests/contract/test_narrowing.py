"""Job options: what a caller narrows holds, and nothing gets wider."""

from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from broker.api.options import header_of
from tests.contract.jobs import act, ended, get, submit
from tests.contract.sdk import keyed, whole
from tests.deployment import Deployment, ask


def headers(request_id: str, **options: str) -> dict[str, str]:
    return keyed(request_id) | {header_of(name): text for name, text in options.items()}


async def models(api: aiohttp.ClientSession, prompt: str) -> list[tuple[str, str]]:
    """The targets' models that were tried, and how each ended."""
    job = await get(api, f"/v1/jobs/{prompt}")
    return [(attempt["model"], attempt["outcome"]) for attempt in job["attempts"]]


async def test_only_the_wanted_targets_are_called_in_the_wanted_order(
    sdk: AsyncOpenAI, api: aiohttp.ClientSession, prompt: str
) -> None:
    wanted = "sim/status=500, sim/tokens=4"
    answer = await whole(sdk, "several", prompt, extra_headers=headers(prompt, targets=wanted))
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    assert await models(api, prompt) == [("status=500", "failed"), ("tokens=4", "completed")]
    job = await get(api, f"/v1/jobs/{prompt}")
    assert job["options"] == {"targets": ["sim/status=500", "sim/tokens=4"]}


@pytest.mark.parametrize(
    ("model", "options", "calls"),
    [
        ("failing", {}, 3),
        ("failing", {"retries": "0"}, 1),
        ("failing", {"retries": "1"}, 2),
        ("failing", {"attempts": "2"}, 2),
        ("failing", {"retries": "9", "attempts": "9"}, 3),  # no more than the route allows
        ("several", {"targets": "sim/status=500", "retries": "0"}, 1),
    ],
)
async def test_attempts_are_as_few_as_asked_for(
    deployment: Deployment,
    sdk: AsyncOpenAI,
    prompt: str,
    model: str,
    options: dict[str, str],
    calls: int,
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await whole(sdk, model, prompt, extra_headers=headers(prompt, **options))
    assert caught.value.status_code == 502
    assert deployment.sim_calls(prompt) == calls


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deadline_ends_the_call_in_time(
    deployment: Deployment,
    sdk: AsyncOpenAI,
    api: aiohttp.ClientSession,
    prompt: str,
    stream: bool,
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await sdk.chat.completions.create(
            model="silent",
            messages=[{"role": "user", "content": prompt}],
            stream=stream,
            extra_headers=headers(prompt, deadline="0.3"),
        )
    assert (caught.value.status_code, caught.value.type) == (504, "deadline_exceeded")
    job = await get(api, f"/v1/jobs/{prompt}")
    assert job["error"]["type"] == "deadline_exceeded"
    assert 0.29 < job["deadline_at"] - job["created_at"] < 0.31
    assert job["ended_at"] - job["deadline_at"] < 5
    assert await models(api, prompt) == [("hang", "failed")]


async def test_a_route_s_own_deadline_can_t_be_put_off(
    api: aiohttp.ClientSession, prompt: str
) -> None:
    job = await submit(api, "silent", prompt, options={"deadline": 600})
    assert round(job["deadline_at"] - job["created_at"]) == 30
    await act(api, f"/v1/jobs/{prompt}/cancel", 200)


REFUSED = [
    ({"targets": "sim/tokens=5"}, "targets"),
    ({"targets": "sim/tokens=3,sim/tokens=5"}, "targets"),
    ({"attempts": "0"}, "x-streamhold-attempts"),
    ({"priority": "urgent"}, "x-streamhold-priority"),
    ({"patience": "1"}, "x-streamhold-patience"),
]


@pytest.mark.parametrize(("options", "param"), REFUSED)
async def test_what_is_wider_or_wrong_is_refused_in_the_caller_s_dialect(
    deployment: Deployment,
    sdk: AsyncOpenAI,
    api: aiohttp.ClientSession,
    prompt: str,
    options: dict[str, str],
    param: str,
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await whole(sdk, "several", prompt, extra_headers=headers(prompt, **options))
    assert (caught.value.type, caught.value.param) == ("invalid_request_error", param)
    body = {"request": ask("several", prompt)}
    async with api.post("/v1/jobs", json=body, headers=headers(prompt, **options)) as response:
        assert (response.status, response.content_type) == (400, "application/problem+json")
        problem: dict[str, Any] = await response.json(content_type=None)
    assert (problem["code"], problem["param"]) == ("invalid_request", param)
    await get(api, f"/v1/jobs/{prompt}", 404)
    assert deployment.sim_calls(prompt) == 0


async def test_options_in_the_body_stand_in_place_of_headers(
    api: aiohttp.ClientSession, prompt: str
) -> None:
    body = {
        "request": ask("several", prompt),
        "options": {"targets": ["sim/tokens=4"], "priority": "batch"},
    }
    given = headers(prompt, targets="sim/tokens=3", retries="0")
    async with api.post("/v1/jobs", json=body, headers=given) as response:
        assert response.status == 202
    job = await ended(api, prompt)
    assert job["options"] == body["options"]
    assert await models(api, prompt) == [("tokens=4", "completed")]


async def test_options_are_no_part_of_the_request(api: aiohttp.ClientSession, prompt: str) -> None:
    first = await submit(api, "several", prompt, options={"targets": ["sim/tokens=4"]})
    again = await submit(api, "several", prompt, 200, options={"retries": 0})
    assert again["options"] == first["options"]
