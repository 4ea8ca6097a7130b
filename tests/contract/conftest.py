"""The deployment that the contract tests share: two API processes, one worker, two accounts.

Tests of other accounts' jobs need two; with any, a missing or a wrong key is an error. The
ping is short, so that keep-alive lines stand in every slow stream; the body limit is small.
"""

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.deployment import Deployment, account, ask

ALICE, BOB = "key-of-alice", "key-of-bob"
MAX_BODY = 200_000  # bytes
ORIGIN = "http://app.localhost:3000"  # whose pages may call
HEADER_HOLD = 1.5  # seconds
CONFIG = f"""
[server]
ping = 0.2
header_hold = {HEADER_HOLD}
max_body = {MAX_BODY}
max_parts = 100_000
allowed_origins = ["{ORIGIN}"]

[breaker]
least_calls = 100_000

[worker]
backoff = 0.01

[providers.revoked]
base_url = "{{sim}}"
api_key_env = "REVOKED_KEY"

[providers.whole]
base_url = "{{sim}}"
dialect = "messages"
streams = false

[providers.lossy]
base_url = "{{sim}}"
dialect = "messages"
allow_loss = ["seed"]

[providers.voice]
base_url = "{{sim}}"
dialect = "responses"

[providers.voice2]
base_url = "{{sim}}"
dialect = "responses"

[routes.spoken]
targets = ["voice/tokens=12,interval=1ms"]

[routes.spoken-second]
targets = ["voice/status=500", "voice2/tokens=12,interval=1ms"]

[routes.spoken-after-begun]
targets = ["voice/tokens=12,interval=1ms,errorafter=0", "voice2/tokens=12,interval=1ms"]

[routes.spoken-again]
targets = ["voice/tokens=30,interval=5ms,dropafter=12,failfirst=1"]
on_loss = "replay"

[routes.spoken-last]
targets = ["sim-messages/tokens=3,interval=0", "voice/tokens=12,interval=1ms"]

[routes.counted-first]
targets = ["sim/tokens=12,interval=1ms", "sim-messages/tokens=12,interval=1ms"]

[routes.overloaded-or-elsewhere]
targets = ["sim-messages/status=529", "sim/tokens=12,interval=1ms"]

[routes.then-unasked]
targets = [
    "sim/tokens=12,interval=1ms,dropafter=5",
    {{ target = "sim-messages/tokens=12,interval=1ms", prefill = true }},
]

[routes.plain]
targets = ["sim/tokens=12,interval=1ms"]

[routes.second-answers]
targets = ["sim/status=500", "sim/tokens=12,interval=1ms"]

[routes.revoked-first]
targets = ["revoked/tokens=12", "sim/tokens=12,interval=1ms"]

[routes.several]
targets = ["sim/tokens=3", "sim/tokens=4", "sim/status=500"]

[routes.failing]
targets = ["sim/status=500"]
retries = 2

[routes.silent]
targets = ["sim/hang"]
deadline = 30

{account("alice", ALICE)}
{account("bob", BOB)}
"""
UNHEARD = "a prompt that never reaches a provider"
REVOKED = {"REVOKED_KEY": "sk-bad"}  # the key that the simulated provider refuses


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    deployment = Deployment(folder, apis=2, config=CONFIG, env=REVOKED)
    yield deployment
    deployment.close()


@pytest.fixture
def prompt(request: pytest.FixtureRequest) -> str:
    """A prompt of the test's own; it is a request id as well."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return f"{name[:80]}-{secrets.token_hex(4)}"


@pytest.fixture
async def apis(deployment: Deployment) -> AsyncIterator[list[aiohttp.ClientSession]]:
    """A session of Alice's with each API process."""
    timeout = aiohttp.ClientTimeout(total=30)
    headers = {"authorization": f"Bearer {ALICE}"}
    sessions = [
        aiohttp.ClientSession(url, headers=headers, timeout=timeout) for url in deployment.urls
    ]
    yield sessions
    for session in sessions:
        await session.close()


@pytest.fixture
def api(apis: list[aiohttp.ClientSession]) -> aiohttp.ClientSession:
    """A session of Alice's with the first API process."""
    return apis[0]


@pytest.fixture
async def sdks(deployment: Deployment) -> AsyncIterator[list[AsyncOpenAI]]:
    """An official client of Alice's for each API process. It never retries by itself."""
    clients = [
        AsyncOpenAI(base_url=f"{url}/v1", api_key=ALICE, max_retries=0, timeout=30)
        for url in deployment.urls
    ]
    yield clients
    for client in clients:
        await client.close()


@pytest.fixture
def sdk(sdks: list[AsyncOpenAI]) -> AsyncOpenAI:
    """An official client of Alice's for the first API process."""
    return sdks[0]


@pytest.fixture
async def claude(deployment: Deployment) -> AsyncIterator[AsyncAnthropic]:
    """An official client of the messages dialect, Alice's. It never retries by itself."""
    url = deployment.urls[0]
    async with AsyncAnthropic(base_url=url, api_key=ALICE, max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def taken(deployment: Deployment) -> str:
    """The request id of a completed job of Alice's, whose stream has 17 frames."""
    request_id = f"taken-{secrets.token_hex(4)}"
    call = Request(
        f"{deployment.urls[0]}/v1/chat/completions",
        json.dumps(ask("plain", request_id)).encode(),
        {"x-api-key": ALICE, "idempotency-key": request_id, "content-type": "application/json"},
    )
    with urlopen(call, timeout=20) as response:
        assert response.status == 200
    return request_id


@pytest.fixture
async def nothing_created(deployment: Deployment, taken: str) -> AsyncIterator[None]:
    """After the test the accounts have the same jobs, and no provider heard of it."""
    async with aiohttp.ClientSession(deployment.urls[0]) as session:

        async def state() -> list[Any]:
            found: list[Any] = [deployment.sim_calls(UNHEARD), deployment.sim_calls(taken)]
            for key in (ALICE, BOB):
                query, headers = "/v1/jobs?limit=100", {"x-api-key": key}
                async with session.get(query, headers=headers) as response:
                    found += [job["request_id"] for job in (await response.json())["data"]]
            return found

        before = await state()
        yield
        assert await state() == before
