"""A proxy on a local port, over real processes that die: programs see nothing, providers one call.

The SDKs are as they come: without our transport, without a key, without retries.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from bench.faults.cases.sidecar import extra_calls, through_kills
from rig.answers import uncut
from rig.cluster import WAIT, Cluster, ask, until
from tests.contract.sdk import begin, text_of, whole
from tests.fault.conftest import Make
from tests.soak.proxy import Link

TOKENS = 100
SIM = f"tokens={TOKENS},interval=40ms"
CONFIG = """
[server]
ping = 0.3
drain = 0.3
[providers.claude]
base_url = "SIM_URL"
dialect = "messages"
[providers.voice]
base_url = "SIM_URL"
dialect = "responses"
"""


@dataclass
class Scene:
    """Three API processes, a network that leads to one of them, a proxy, and the SDKs on that."""

    cluster: Cluster
    link: Link
    url: str
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic
    now: int = 0

    def kill(self) -> None:
        """kill -9 of the process that is in use; the next one takes its place."""
        self.cluster.signal_api(self.now, signal.SIGKILL)
        self.now += 1
        self.lead()

    def lead(self) -> None:
        """Have the network lead to the process of now."""
        port = int(self.cluster.urls[self.now].rpartition(":")[2])
        self.link.upstream = ("127.0.0.1", port)

    async def kill_at(self, progress: Callable[[], int], *places: int) -> None:
        for place in places:
            await until(lambda place=place: progress() >= place)  # type: ignore[misc]
            assert progress() < TOKENS, "the answer was over before it could be cut"
            self.kill()


@pytest.fixture
async def scene(make_cluster: Make) -> AsyncIterator[Scene]:
    cluster = await make_cluster(apis=3, workers=1, config=CONFIG)
    link = await Link("api").start()
    url = await cluster.proxy(f"http://127.0.0.1:{link.port}", "--silence", "2")
    options: dict[str, Any] = {"api_key": "x", "max_retries": 0, "timeout": WAIT}
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", **options) as openai,
        AsyncAnthropic(base_url=url, **options) as anthropic,
    ):
        scene = Scene(cluster, link, url, openai, anthropic)
        scene.lead()
        yield scene
    await link.close()


async def chat(scene: Scene, seen: list[str]) -> None:
    async for chunk in await begin(scene.openai, f"sim/{SIM}", "prompt"):
        seen.append(text_of([chunk]))


async def messages(scene: Scene, seen: list[str]) -> None:
    async with scene.anthropic.messages.stream(
        model=f"claude/{SIM}", max_tokens=1000, messages=[{"role": "user", "content": "prompt"}]
    ) as stream:
        async for text in stream.text_stream:
            seen.append(text)
        assert (await stream.get_final_message()).stop_reason == "end_turn"


async def responses(scene: Scene, seen: list[str]) -> None:
    async with scene.openai.responses.stream(model=f"voice/{SIM}", input="prompt") as stream:
        async for event in stream:
            if event.type == "response.output_text.delta":
                seen.append(event.delta)
        assert (await stream.get_final_response()).output_text == "".join(seen)


Reading = Callable[[Scene, list[str]], Any]
DIALECTS = pytest.mark.parametrize("read", [chat, messages, responses])


async def check(scene: Scene, seen: list[str]) -> None:
    """The text is the provider's, all of it, and it was asked once."""
    assert len("".join(seen).split()) == TOKENS
    assert "".join(seen) == uncut(SIM, "prompt")["content"]
    assert await scene.cluster.sim_calls("prompt") == 1


@pytest.mark.timeout(90)
@DIALECTS
async def test_a_stream_while_the_api_is_killed(scene: Scene, read: Reading) -> None:
    seen: list[str] = []
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(read(scene, seen))
        group.create_task(scene.kill_at(lambda: len(seen), 3, 30))
    await check(scene, seen)


@pytest.mark.timeout(90)
@DIALECTS
async def test_a_stream_while_the_network_is_lost(scene: Scene, read: Reading) -> None:
    """First nothing arrives any more, for longer than silence lasts; then all is refused."""
    seen: list[str] = []

    async def lose() -> None:
        await until(lambda: len(seen) >= 5)
        scene.link.stall()
        await asyncio.sleep(3)
        scene.link.refusing = True
        scene.link.cut(reset=True)
        await asyncio.sleep(2)
        assert len(seen) < TOKENS
        scene.link.heal()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(read(scene, seen))
        group.create_task(lose())
    await check(scene, seen)


@pytest.mark.timeout(90)
async def test_a_whole_answer_while_the_api_is_killed(scene: Scene) -> None:
    """The very first call of all, before the proxy has had any answer."""
    asking = asyncio.ensure_future(whole(scene.openai, f"sim/{SIM}", "prompt"))
    await scene.cluster.until_called("prompt", 1)
    scene.kill()
    answer = await asking
    await check(scene, [answer.choices[0].message.content or ""])


@pytest.mark.timeout(90)
async def test_other_requests_while_the_api_is_away(scene: Scene) -> None:
    """They wait for it: listings, a job's own events, its result."""
    session, base = scene.cluster.session, f"{scene.url}/v1/jobs"
    scene.link.upstream = None
    body = {"request_id": "job", "request": ask(f"sim/{SIM}", "prompt")}
    submitting = asyncio.ensure_future(session.post(base, json=body))
    await asyncio.sleep(0.5)
    assert not submitting.done()
    scene.lead()
    assert (await submitting).status == 202
    waiting = asyncio.ensure_future(session.get(f"{base}/job/result?wait=30"))
    async with session.get(f"{base}/job/events") as response:
        first = await response.content.readuntil(b"\n\n")
        scene.kill()
        rest = await response.read()
    assert (await waiting).status == 200
    events = [event for event in (first + rest).split(b"\n\n") if b"id: " in event]
    assert b"event: end" in events[-1]
    numbers = [int(event.partition(b"id: ")[2].partition(b"\n")[0]) for event in events]
    assert numbers == list(range(1, numbers[-1] + 1))
    async with session.get(base) as response:
        assert [job["request_id"] for job in (await response.json())["data"]] == ["job"]
    assert await scene.cluster.sim_calls("prompt") == 1


@pytest.mark.timeout(90)
async def test_who_leaves_cancels_its_job_where_that_is_wanted(scene: Scene) -> None:
    """At once, though the grace of a reader is ten seconds; a lost network cancels nothing."""
    address = f"http://127.0.0.1:{scene.link.port}"
    url = await scene.cluster.proxy(address, "--on-leave", "cancel")
    body = ask(f"sim/{SIM}", "prompt", stream=True)
    for read_on in (True, False):
        async with scene.cluster.session.post(f"{url}/v1/chat/completions", json=body) as response:
            await response.content.readuntil(b"id: 5\n")
            if read_on:
                scene.kill()
                assert (await response.read()).endswith(b"data: [DONE]\n\n")
    await scene.cluster.until_aborted(1, 5)
    assert await scene.cluster.sim_calls("prompt") == 2


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_many_streams_while_the_api_is_killed(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1)
    through = await through_kills(cluster, 60, 2, 100)
    assert (through.seen, through.callers.broken()) == (0, 0)
    assert await through.callers.different() == 0
    assert await extra_calls(cluster, 60) == 0


async def test_its_log_is_plain_and_holds_no_prompt_and_no_key(scene: Scene) -> None:
    sdk = scene.openai.with_options(api_key="sk-secret")
    await whole(sdk, "sim/tokens=3,interval=0", "a prompt of mine")
    scene.kill()
    scene.link.upstream = None
    asking = asyncio.ensure_future(whole(sdk, "sim/tokens=3,interval=0", "a prompt of mine"))
    await asyncio.sleep(0.3)
    scene.lead()
    await asking
    (proxy,) = scene.cluster.proxies
    proxy.close()
    lines = proxy.log.read_text().splitlines()
    assert "listening on http://127.0.0.1:" in lines[0]
    assert any("was lost; calls: 1 waiting for it" in line for line in lines)
    assert not any("secret" in line or "prompt" in line or "{" in line for line in lines)
