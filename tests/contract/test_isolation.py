"""What one account names, asks or can't be sent is nothing to another: ids, limits, breakers."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from tests.contract.conftest import ALICE, BOB
from tests.contract.jobs import get
from tests.contract.responses import QUICK, begin, respond
from tests.deployment import Deployment, account
from tests.odd_values import FULL, ODD, Path, paths, spoiled

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
OWN = {"x-request-id", "date", "content-length"}  # of which every answer has its own


@pytest.fixture
async def bob(deployment: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    """A session of Bob's with the first API process."""
    timeout = aiohttp.ClientTimeout(total=30)
    headers = {"authorization": f"Bearer {BOB}"}
    async with aiohttp.ClientSession(
        deployment.urls[0], headers=headers, timeout=timeout
    ) as session:
        yield session


# ── Ids ────────────────────────────────────────────────────────────────────────────────


async def of_alice(sdk: AsyncOpenAI, prompt: str) -> dict[str, str]:
    """Responses of Alice's in every state, by id."""
    hanging = "voice/tokens=3,interval=1ms,hangafter=2"
    running = await respond(sdk, hanging, f"{prompt}-r", background=True)
    stream = await begin(sdk, hanging, f"{prompt}-u", store=False)
    unstored = await anext(stream)
    assert unstored.type == "response.created"
    await stream.close()
    ended = await respond(sdk, QUICK, f"{prompt}-e", store=False)
    deleted = await respond(sdk, QUICK, f"{prompt}-d")
    await sdk.responses.delete(deleted.id)
    cancelled = await respond(sdk, hanging, f"{prompt}-c", background=True)
    await sdk.responses.cancel(cancelled.id)
    failed = await respond(sdk, "voice/status=400", f"{prompt}-f", background=True)
    completed = await respond(sdk, QUICK, prompt)
    guessed = completed.id[:-1] + ("A" if completed.id[-1] != "A" else "B")
    return {
        "running": running.id,
        "not stored, running": unstored.response.id,
        "not stored": ended.id,
        "deleted": deleted.id,
        "cancelled": cancelled.id,
        "failed": failed.id,
        "completed": completed.id,
        "never made": guessed,
        "of the old kind": completed.id[:25],
        "nonsense": "x",
    }


async def test_anothers_response_is_as_if_it_were_not(
    sdk: AsyncOpenAI, bob: aiohttp.ClientSession, prompt: str
) -> None:
    """One and the same answer for all states, but for the id that it says again."""
    names = await of_alice(sdk, prompt)
    calls = [
        ("GET", ""),
        ("GET", "?stream=true"),
        ("GET", "/input_items"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ]
    answers: dict[str, set[str]] = {}
    for what, name in names.items():
        for method, more in calls:
            async with bob.request(method, f"/v1/responses/{name}{more}") as response:
                rows = [(name.lower(), value) for name, value in response.headers.items()]
                headers = sorted(row for row in rows if row[0] not in OWN)
                assert {row[0] for row in rows} >= OWN
                text = (await response.text()).replace(name, "NAME")
                shown = json.dumps([response.status, headers, text])
            answers.setdefault(shown, set()).add(what)
    (answer,) = answers
    assert answer.startswith("[404, ")
    assert "response_not_found" in answer
    assert (await sdk.responses.retrieve(names["running"])).status == "in_progress"
    for what in ("running", "not stored, running"):
        await sdk.responses.cancel(names[what])


async def test_nobody_goes_on_from_anothers_response(
    sdk: AsyncOpenAI, bob: aiohttp.ClientSession, deployment: Deployment, prompt: str
) -> None:
    names = await of_alice(sdk, prompt)
    answers = set()
    for what in ("running", "not stored", "deleted", "failed", "completed", "never made"):
        asked = {"model": QUICK, "input": f"{prompt}-bob", "previous_response_id": names[what]}
        async with bob.post("/v1/responses", json=asked) as response:
            assert response.status == 400
            answers.add((await response.text()).replace(names[what], "NAME"))
    (answer,) = answers
    assert json.loads(answer)["error"]["code"] == "previous_response_not_found"
    assert deployment.sim_calls(f"{prompt}-bob") == 0
    await sdk.responses.cancel(names["running"])


@pytest.mark.parametrize(
    ("path", "asked", "code"),
    [
        ("/v1/responses", {"previous_response_id": "resp_" + "0a" * 24}, "previous_response"),
        ("/v1/responses", {"conversation": "conv_1"}, "foreign_id"),
        ("/v1/responses", {"input": [{"type": "item_reference", "id": "msg_1"}]}, "item_not_found"),
        ("/v1/messages", {"container": "container_1"}, "foreign_id"),
    ],
)
async def test_what_a_provider_keeps_is_named_by_nobody(
    bob: aiohttp.ClientSession,
    deployment: Deployment,
    prompt: str,
    path: str,
    asked: dict[str, Any],
    code: str,
) -> None:
    full: dict[str, Any] = {"model": QUICK, "input": prompt, **asked}
    if path == "/v1/messages":
        say = [{"role": "user", "content": prompt}]
        full = {"model": "sim-messages/tokens=1", "max_tokens": 9, "messages": say, **asked}
    async with bob.post(path, json=full) as response:
        assert response.status == (404 if code == "item_not_found" else 400)
        assert code in await response.text()
    assert deployment.sim_calls(prompt) == 0


# ── What can't be sent ─────────────────────────────────────────────────────────────────

UNSENDABLE: list[Any] = [
    *(["a\r\nx: 1"], ["a\n"], ["\0"], ["é"], ["\u2028"], ["a b"], [""], ["a,b"]),
    *(["a" * 300], ["a" * 200] * 30, [1], [None], [["a"]], "a", 5, {}, True),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    config = f"""
[server]
passed_calls = 2
[breaker]
least_calls = 3
[routes.claude]
targets = ["sim-messages/tokens=1,interval=0", "sim-messages/tokens=2,interval=0"]
{account("alice", ALICE)}
{account("bob", BOB)}
"""
    deployment = Deployment(tmp_path_factory.mktemp("guarded"), config=config)
    yield deployment
    deployment.close()


async def test_what_can_t_be_sent_speaks_against_nobody(guarded: Deployment, prompt: str) -> None:
    asked: dict[str, Any] = {
        "model": "claude",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": prompt}],
    }
    headers = {"x-api-key": BOB}
    async with aiohttp.ClientSession(guarded.urls[0], headers=headers) as session:
        for betas in UNSENDABLE:
            odd = {**asked, "anthropic_beta": betas}
            for path, body in (
                ("/v1/messages", odd),
                ("/v1/messages/count_tokens", odd),
                ("/v1/jobs", {"dialect": "messages", "request": odd}),
            ):
                async with session.post(path, json=body) as response:
                    assert response.status == 400, (path, betas)
                    assert "anthropic_beta" in await response.text()
        odd_header = {"anthropic-beta": "é"}
        async with session.post("/v1/messages", json=asked, headers=odd_header) as response:
            assert response.status == 400
        assert guarded.sim_calls(prompt) == 0
        async with session.post(
            "/v1/messages", json=asked, headers={"x-api-key": ALICE}
        ) as response:
            assert (await response.json())["usage"]["output_tokens"] == 1, "the first target's"
        (sim,) = [
            each
            for each in (await get(session, "/v1/providers"))["data"]
            if each["id"] == "sim-messages"
        ]
        states = {(each["breaker"]["state"], each["breaker"]["failed"]) for each in sim["targets"]}
        assert states == {("closed", 0)}


@pytest.mark.parametrize(
    "model",
    [
        *("sim-gemini/../x", "sim-gemini/a/../../b", "sim-gemini/%2e%2e/b", "sim-gemini/a?b"),
        *("sim-gemini/a:countTokens", "sim-gemini/files/x", "sim/" + "x" * 300, "sim/a\nb"),
    ],
)
async def test_a_model_that_leads_elsewhere(guarded: Deployment, prompt: str, model: str) -> None:
    say = [{"role": "user", "content": prompt}]
    headers = {"x-api-key": BOB}
    async with aiohttp.ClientSession(guarded.urls[0], headers=headers) as session:
        body = {"model": model, "messages": say}
        async with session.post("/v1/chat/completions", json=body) as response:
            found = await response.json()
            assert response.status in (400, 404)
            assert found["error"]["param"] == "model"
        async with session.post("/v1/messages/count_tokens", json=body) as response:
            assert response.status in (400, 404)
    assert guarded.sim_calls(prompt) == 0


async def test_an_account_counts_so_many_at_once_and_holds_up_no_other(
    guarded: Deployment, prompt: str
) -> None:
    def asked(model: str) -> dict[str, Any]:
        return {"model": model, "messages": [{"role": "user", "content": prompt}]}

    path, slow = "/v1/messages/count_tokens", asked("sim-messages/hang")
    bob, alice = {"x-api-key": BOB}, {"x-api-key": ALICE}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(guarded.urls[0], timeout=timeout) as session:
        quick = asked("sim-messages/tokens=1")

        async def counted() -> bool:
            return (await _status(session, path, quick, bob))[0] == 200

        for _ in range(2):  # whoever leaves makes room
            held = [asyncio.create_task(_status(session, path, slow, bob)) for _ in range(6)]
            done: set[asyncio.Task[Any]] = set()
            while len(done) < 4:
                left = [task for task in held if task not in done]
                done |= (await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED))[0]
            for task in done:
                status, headers, body = task.result()
                assert (status, headers["retry-after"]) == (429, "1")
                assert body["error"]["code"] == "too_many_calls"
            assert (await _status(session, path, quick, alice))[0] == 200
            for task in held:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)
            async with asyncio.timeout(10):
                while not await counted():
                    pass


async def _status(
    session: aiohttp.ClientSession, path: str, body: Any, headers: dict[str, str]
) -> tuple[int, Any, Any]:
    async with session.post(path, json=body, headers=headers) as response:
        return response.status, response.headers, await response.json()


# ── Odd values ─────────────────────────────────────────────────────────────────────────

MODELS = [f"sim{kind}/tokens=1,interval=0" for kind in ("", "-messages", "-responses", "-gemini")]
SEED, CASES = 10, 240


def cases() -> Iterator[tuple[str, Path, str, str]]:
    drawn = random.Random(SEED)
    for _ in range(CASES):
        dialect = drawn.choice(list(FULL))
        path = drawn.choice(list(paths(FULL[dialect])))
        yield dialect, path, drawn.choice(list(ODD)), drawn.choice(MODELS)


async def test_an_odd_value_is_never_a_defect(api: aiohttp.ClientSession) -> None:
    """Whatever dialect its provider speaks. The deployment's log is looked at at its end."""
    gate = asyncio.Semaphore(8)

    async def ask(dialect: str, path: Path, odd: str, model: str) -> None:
        request = {**FULL[dialect], "model": model, "stream": False}
        body = spoiled(request, path, ODD[odd])
        as_job = b'{"dialect":"%b","request":%b}' % (dialect.encode(), body)
        kind = {"content-type": "application/json"}
        async with gate:
            async with api.post(PATHS[dialect], data=body, headers=kind) as response:
                text = await response.text()
                assert response.status != 500, (dialect, path, odd, model, text)
                assert "internal_error" not in text
            async with api.post("/v1/jobs", data=as_job, headers=kind) as response:
                assert response.status in (200, 202, 400, 404), (path, odd, await response.text())

    async with asyncio.timeout(100):
        await asyncio.gather(*(ask(*case) for case in cases()))


@pytest.mark.parametrize(
    "levels", [1, 31, 32, 150, 199, 200, 201, 600, 900, 960, 967, 975, 990, 1500]
)
async def test_metadata_of_any_depth(api: aiohttp.ClientSession, prompt: str, levels: int) -> None:
    """Taken, and shown by every listing, or refused."""
    body = b'{"request":{"model":"plain","messages":[{"role":"user","content":"%b"}]},' % (
        prompt.encode()
    )
    body += b'"metadata":' + b'{"a":' * levels + b"1" + b"}" * (levels + 1)
    kind = {"content-type": "application/json"}
    async with api.post("/v1/jobs", data=body, headers=kind) as response:
        assert response.status == (202 if levels < 32 else 400), await response.text()
    async with api.get("/v1/jobs?limit=100") as response:
        assert response.status == 200
