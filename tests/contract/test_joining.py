"""Calls without a key that come again: which of them join the one before, by every surface."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from rig.cluster import until
from tests.deployment import Deployment, account, ask

ANN, BEN, CAT = "key-of-ann", "key-of-ben", "key-of-cat"
JOIN = {"x-streamhold-join": "60"}
SLOW = "tokens=40,interval=25ms"  # a second
CONFIG = f"""
[routes.joined]
targets = ["sim/{SLOW}"]
join = 60

[routes.never]
targets = ["sim/{SLOW}"]
join = 0

[routes.two]
targets = ["sim/{SLOW}", "sim/tokens=3"]

{account("ann", ANN)}
{account("ben", BEN)}
{account("cat", CAT)}
join = 60
"""
CALLS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
}
CLAUDE_CODE = "claude-cli/2.1.332 (external, cli)"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("joining"), apis=2, config=CONFIG)
    yield deployment
    deployment.close()


@pytest.fixture
async def apis(deployment: Deployment) -> AsyncIterator[list[aiohttp.ClientSession]]:
    """A session with each API process; each call is on a connection of its own."""
    timeout = aiohttp.ClientTimeout(total=30)
    sessions = [
        aiohttp.ClientSession(
            url, timeout=timeout, connector=aiohttp.TCPConnector(limit=0, force_close=True)
        )
        for url in deployment.urls
    ]
    yield sessions
    for session in sessions:
        await session.close()


def body(kind: str, prompt: str, model: str = f"sim/{SLOW}", **more: Any) -> dict[str, Any]:
    if kind == "chat":
        return ask(model, prompt) | more
    if kind == "messages":
        return ask(model, prompt) | {"max_tokens": 500} | more
    return {"model": model, "input": prompt} | more


async def post(
    api: aiohttp.ClientSession,
    call: dict[str, Any],
    headers: dict[str, str] = JOIN,
    *,
    key: str = ANN,
    kind: str = "chat",
    cut: bool = False,
) -> tuple[int, str, str]:
    """Status, request id and text of a call; with ``cut`` it is left after some of its stream."""
    headers = {"authorization": f"Bearer {key}", **headers}
    async with api.post(CALLS[kind], json=call, headers=headers) as response:
        request_id = response.headers["x-request-id"]
        if cut:
            await response.content.readuntil(b"\n\n")
            response.close()
            return response.status, request_id, ""
        return response.status, request_id, await response.text()


async def until_it_is(api: aiohttp.ClientSession, request_id: str, state: str) -> None:
    headers = {"authorization": f"Bearer {ANN}"}

    async def reached() -> bool:
        async with api.get(f"/v1/jobs/{request_id}", headers=headers) as response:
            return bool((await response.json())["state"] == state)

    await until(reached)


@pytest.mark.parametrize("again", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("kind", CALLS)
async def test_a_stream_that_was_left_is_joined(
    deployment: Deployment,
    apis: list[aiohttp.ClientSession],
    prompt: str,
    kind: str,
    again: bool,
) -> None:
    call = body(kind, prompt)
    _, first, _ = await post(apis[0], call | {"stream": True}, kind=kind, cut=True)
    status, second, text = await post(apis[1], call | {"stream": again}, kind=kind)
    assert (status, second) == (200, first)
    whole = await post(apis[0], call | {"stream": again}, kind=kind)
    assert whole[1] != first, "its answer was taken"
    assert len(text) == pytest.approx(len(whole[2]), abs=200)
    assert deployment.sim_calls(prompt) == 2


async def test_a_caller_that_waited_and_left_is_joined(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    call = body("chat", prompt)
    waiting = asyncio.create_task(post(apis[0], call))
    await until(lambda: deployment.sim_calls(prompt))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await post(apis[1], call))[0] == 200
    assert (await post(apis[1], call))[0] == 200
    assert deployment.sim_calls(prompt) == 2, "the second one's answer was taken"


async def test_an_answer_that_was_over_before_the_retry_is_joined(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    call = body("chat", prompt, stream=True)
    _, first, _ = await post(apis[0], call, cut=True)

    await until_it_is(apis[0], first, "completed")
    _, second, text = await post(apis[1], call)
    assert (second, text.count("[DONE]")) == (first, 1)
    assert deployment.sim_calls(prompt) == 1


LAST_EVENTS = {
    "chat": b"data: [DONE]\n\n",
    "messages": b'data: {"type":"message_stop"}\n\n',
    "responses": b"event: response.completed\n",
}


@pytest.mark.parametrize("kind", CALLS)
async def test_a_client_that_leaves_at_the_last_event_has_its_answer(
    apis: list[aiohttp.ClientSession], prompt: str, kind: str
) -> None:
    """It doesn't wait for the end of the body, as some agents don't."""
    call = body(kind, prompt, "sim/tokens=3,interval=1ms", stream=True)
    headers = {"authorization": f"Bearer {ANN}", **JOIN}
    ids = set()
    for number in range(6):
        api = apis[number % 2]
        async with api.post(CALLS[kind], json=call, headers=headers) as response:
            ids.add(response.headers["x-request-id"])
            await response.content.readuntil(LAST_EVENTS[kind])
            if kind == "responses":
                await response.content.readuntil(b"\n\n")
            response.close()
    assert len(ids) == 6


async def test_equal_calls_that_are_all_read_stay_apart(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    call = body("chat", prompt, stream=True)
    found = await asyncio.gather(*(post(apis[n % 2], call) for n in range(6)))
    assert len({request_id for _, request_id, _ in found}) == 6
    assert all("[DONE]" in text for _, _, text in found)
    assert deployment.sim_calls(prompt) == 6


@pytest.mark.parametrize("stream", [True, False])
async def test_no_pair_of_independent_equal_calls_is_joined(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str, stream: bool
) -> None:
    """Some one after the other, some side by side; the large form is ``scripts/faults join``."""
    model = "sim/tokens=3,interval=1ms"

    async def pair(number: int) -> None:
        call = body("chat", f"{prompt}-{number}", model, stream=stream)
        first = post(apis[number % 2], call)
        second = post(apis[number // 2 % 2], call)
        if number % 3:
            found = [await first, await second]
        else:
            found = list(await asyncio.gather(first, second))
        assert [status for status, _, _ in found] == [200, 200]
        assert found[0][1] != found[1][1]

    await asyncio.gather(*(pair(number) for number in range(60)))
    assert sum(deployment.sim_calls(f"{prompt}-{number}") for number in range(60)) == 120


NOT_JOINED: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "another request": ({"temperature": 0.5}, JOIN, ANN),
    "another account's": ({}, JOIN, BEN),
    "with a key": ({}, {**JOIN, "idempotency-key": "KEY"}, ANN),
    "not asked for": ({}, {}, ANN),
    "switched off": ({}, {"x-streamhold-join": "0"}, ANN),
}


@pytest.mark.parametrize("name", NOT_JOINED)
async def test_what_is_not_the_same_call_is_not_joined(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str, name: str
) -> None:
    more, headers, key = NOT_JOINED[name]
    headers = {k: v.replace("KEY", f"k{secrets.token_hex(8)}") for k, v in headers.items()}
    call = body("chat", prompt, stream=True)
    _, first, _ = await post(apis[0], call, cut=True)
    _, second, _ = await post(apis[0], call | more, headers, key=key)
    assert second != first
    assert deployment.sim_calls(prompt) == 2


async def test_a_call_that_was_narrowed_otherwise_is_another(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    call = body("chat", prompt, "two", stream=True)
    _, first, _ = await post(apis[0], call, cut=True)
    _, second, _ = await post(apis[0], call, {**JOIN, "x-streamhold-targets": "sim/tokens=3"})
    assert second != first
    assert (await post(apis[0], call))[1] == first


JOINABLE: dict[str, tuple[str, dict[str, str], str, bool]] = {
    "a route says so": ("joined", {}, ANN, True),
    "an account says so": (f"sim/{SLOW}", {}, CAT, True),
    "a known client": (f"sim/{SLOW}", {"user-agent": CLAUDE_CODE}, ANN, True),
    "any client": (f"sim/{SLOW}", {"user-agent": "OpenAI/JS 6.1.0"}, ANN, False),
    "a route goes before an account": ("never", {}, CAT, False),
    "a route goes before what is known": ("never", {"user-agent": CLAUDE_CODE}, ANN, False),
    "a header goes before a route": ("never", JOIN, ANN, True),
    "a header switches it off": ("joined", {"x-streamhold-join": "0"}, CAT, False),
}


@pytest.mark.parametrize("name", JOINABLE)
async def test_who_says_that_a_call_is_joinable(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str, name: str
) -> None:
    model, headers, key, joins = JOINABLE[name]
    call = body("chat", prompt, model, stream=True)
    _, first, _ = await post(apis[0], call, headers, key=key, cut=True)
    _, second, _ = await post(apis[1], call, headers, key=key)
    assert (second == first) is joins


async def test_not_for_longer_than_asked(apis: list[aiohttp.ClientSession], prompt: str) -> None:
    call, short = body("chat", prompt, stream=True), {"x-streamhold-join": "0.5"}
    _, first, _ = await post(apis[0], call, short, cut=True)
    await asyncio.sleep(0.9)
    assert (await post(apis[0], call, short))[1] != first


async def test_a_job_that_has_no_answer_is_not_joined(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    call = body("chat", prompt, stream=True)
    headers = {"authorization": f"Bearer {ANN}"}
    for verb, path in (("POST", "/v1/jobs/{}/cancel"), ("DELETE", "/v1/jobs/{}")):
        _, first, _ = await post(apis[0], call, cut=True)
        async with apis[0].request(verb, path.format(first), headers=headers) as response:
            assert response.status < 300
        status, second, text = await post(apis[1], call)
        assert (status, second != first, "[DONE]" in text) == (200, True, True)
    failing = body("chat", prompt + "-fails", "sim/tokens=9,interval=20ms,dropafter=5", stream=True)
    _, first, _ = await post(apis[0], failing, cut=True)
    await until_it_is(apis[0], first, "failed")
    assert (await post(apis[1], failing))[1] != first


async def test_a_failure_that_was_seen_is_the_end(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    for stream in (True, False):
        call = body("chat", prompt, "sim/status=400", stream=stream)
        ids = {(await post(apis[n % 2], call))[1] for n in range(3)}
        assert len(ids) == 3


async def test_a_response_in_the_background_is_answered_at_once_and_never_joined(
    apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    call = body("responses", prompt, background=True)
    found = [await post(apis[n % 2], call, kind="responses") for n in range(2)]
    ids = [json.loads(text)["id"] for _, _, text in found]
    assert len(set(ids)) == 2


async def test_a_response_keeps_its_id_when_it_is_joined(
    apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    call = body("responses", prompt, stream=True)
    headers = {"authorization": f"Bearer {ANN}", **JOIN}
    places = []
    for api in apis:
        async with api.post("/v1/responses", json=call, headers=headers) as response:
            places.append(response.headers["location"])
            await response.content.readuntil(b"\n\n")
            response.close()
    assert places[0] == places[1]


async def test_a_large_body_is_joined_too(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    padding = {"role": "system", "content": "x" * 300_000}
    call = body("chat", prompt, stream=True)
    call["messages"] = [padding, *call["messages"]]
    _, first, _ = await post(apis[0], call, cut=True)
    _, second, text = await post(apis[1], call)
    assert (second, "[DONE]" in text) == (first, True)
    assert deployment.sim_calls(prompt) == 1


async def test_joining_keeps_a_job_that_its_readers_leaving_would_cancel(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    leaving = {**JOIN, "x-streamhold-on-disconnect": "cancel", "x-streamhold-grace": "1"}
    call = body("chat", prompt, "sim/tokens=80,interval=50ms", stream=True)
    _, first, _ = await post(apis[0], call, leaving, cut=True)
    await asyncio.sleep(0.5)
    _, second, text = await post(apis[1], call, leaving)
    assert (second, text.count("[DONE]")) == (first, 1)


@pytest.mark.parametrize("how", ["events", "result"])
async def test_an_answer_that_was_read_by_the_jobs_address_was_taken(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str, how: str
) -> None:
    call = body("chat", prompt, stream=True)
    headers = {"authorization": f"Bearer {ANN}"}
    _, first, _ = await post(apis[0], call, cut=True)
    path = {"events": "events?view=dialect", "result": "result?wait=10"}[how]
    async with apis[1].get(f"/v1/jobs/{first}/{path}", headers=headers) as response:
        assert response.status == 200
        await response.read()
    assert (await post(apis[0], call))[1] != first


async def test_a_look_at_the_native_view_is_no_reading(
    deployment: Deployment, apis: list[aiohttp.ClientSession], prompt: str
) -> None:
    call = body("chat", prompt, stream=True)
    headers = {"authorization": f"Bearer {ANN}"}
    _, first, _ = await post(apis[0], call, cut=True)
    async with apis[1].get(f"/v1/jobs/{first}/events", headers=headers) as response:
        await response.read()
    assert (await post(apis[0], call))[1] == first


@pytest.mark.parametrize("value", ["-1", "nan", "forever", "86401", ""])
async def test_a_time_out_of_its_range_is_refused(
    apis: list[aiohttp.ClientSession], prompt: str, value: str
) -> None:
    call = body("chat", prompt)
    status, _, text = await post(apis[0], call, {"x-streamhold-join": value})
    assert (status, json.loads(text)["error"]["param"]) == (400, "x-streamhold-join")


async def test_the_job_shows_it(apis: list[aiohttp.ClientSession], prompt: str) -> None:
    _, request_id, _ = await post(apis[0], body("chat", prompt, "joined"), {})
    headers = {"authorization": f"Bearer {ANN}"}
    async with apis[0].get(f"/v1/jobs/{request_id}", headers=headers) as response:
        assert (await response.json())["options"] == {"join": 60}
