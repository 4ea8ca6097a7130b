"""A call whose provider goes on with it by itself is attached to, and never made twice.

Two kinds of such providers: responses in the background, and another deployment of our own.
"""

import asyncio
import json
import signal

import pytest

from broker.model import JobState
from rig.answers import Witness, uncut
from rig.cluster import WAIT, Cluster, until
from rig.sse_reader import SseReader
from tests.fault.conftest import Make

TOKENS = "tokens=100,interval=20ms"
LONG = "tokens=250,interval=20ms"
CUT = f"{TOKENS},dropafter=40,failfirst=9"
CONFIG = f"""
[worker]
drain = 0.5
[providers.voice]
base_url = "SIM_URL"
dialect = "responses"
resumes = true
[routes.m]
targets = ["voice/{TOKENS}"]
[routes.long]
targets = ["voice/{LONG}"]
[routes.endless]
targets = ["voice/tokens=5000,interval=20ms"]
[routes.anew]
targets = ["voice/{TOKENS}"]
on_loss = "replay"
[routes.held]
targets = ["voice/{LONG},tools"]
hold_tool_calls = true
[routes.cuts]
targets = ["voice/{CUT}"]
[routes.fails]
targets = ["voice/{TOKENS},errorafter=60"]
"""
OUTER = """
[worker]
drain = 0.5
[providers.inner]
base_url = "INNER_URL/v1"
resumes = true
[routes.m]
targets = ["inner/sim/{tokens}"]
"""


def _attached(reader: SseReader) -> list[int]:
    """The attempts that were attached to, as the native view told."""
    return [json.loads(e.data)["number"] for e in reader.events if e.name == b"attached"]


async def _running(cluster: Cluster, prompt: str, model: str = "m", events: int = 15) -> Witness:
    witness = await Witness(cluster, prompt, model).begin()
    await witness.chat.reached(lambda r: len(r.events) >= events, WAIT)
    return witness


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_another_worker_goes_on_with_the_call(
    make_cluster: Make, how: signal.Signals
) -> None:
    """Lost or handed over: the provider is called once, and the attempt is one."""
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    calls = [_running(cluster, f"p-{n}", "long") for n in range(3)]
    witnesses = await asyncio.gather(*calls, _running(cluster, "held", "held", events=1))
    await cluster.add_worker()
    cluster.signal_worker(0, how)
    for witness in witnesses:
        terminal = await witness.finish()
        assert terminal.state is JobState.COMPLETED, terminal.error
        model = f"{LONG},tools" if witness.prompt == "held" else LONG
        assert witness.said == uncut(model, witness.prompt)
        assert _attached(witness.native) == [1]
        (attempt,) = (await cluster.job(witness.prompt)).attempts
        assert attempt.outcome == "completed"
        assert "estimated" not in (attempt.usage or {})
    counts = await cluster.sim_counts()
    assert (counts["total"], counts["aborted"]) == (4, 0)


async def test_two_workers_die(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    witness = await _running(cluster, "twice", "long")
    await cluster.add_worker()
    cluster.signal_worker(0, signal.SIGKILL)
    await witness.native.reached(lambda r: _attached(r) == [1], WAIT)
    seen = len(witness.chat.events)
    await witness.chat.reached(lambda r: len(r.events) > seen + 5, WAIT)
    await cluster.add_worker()
    cluster.signal_worker(1, signal.SIGKILL)
    assert (await witness.finish()).state is JobState.COMPLETED
    assert witness.said == uncut(LONG, "twice")
    assert _attached(witness.native) == [1, 1]


async def test_a_cut_connection_is_made_again(make_cluster: Make) -> None:
    """No worker died: the one that holds the job attaches at once."""
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    witness = await _running(cluster, "cut", "cuts")
    terminal = await witness.finish()
    assert terminal.state is JobState.COMPLETED, terminal.error
    assert witness.said == uncut(CUT, "cut")
    assert _attached(witness.native) == [1]


async def test_a_cancelled_job_is_cancelled_there(make_cluster: Make) -> None:
    """Whether its worker is there to see it or is dead."""
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    await _running(cluster, "seen", "endless")
    await _cancel(cluster, "seen")
    await cluster.until_aborted(1)
    await _running(cluster, "unseen", "endless")
    cluster.signal_worker(0, signal.SIGKILL)
    await _cancel(cluster, "unseen")
    await cluster.add_worker()
    await cluster.until_aborted(2)


async def _cancel(cluster: Cluster, prompt: str) -> None:
    async with cluster.session.post(f"{cluster.urls[0]}/v1/jobs/{prompt}/cancel") as response:
        assert (await response.json())["state"] == "cancelled"


async def test_an_answer_that_fails_there_fails_here(make_cluster: Make) -> None:
    """The provider's own failure is no cut: what is left to do is the route's to say."""
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    witness = await _running(cluster, "fails", "fails")
    terminal = await witness.finish()
    assert (terminal.state, terminal.error and terminal.error.type) == (
        JobState.FAILED,
        "provider_stream_error",
    )
    assert _attached(witness.native) == []


async def test_another_deployment_is_attached_to_by_the_calls_name(make_cluster: Make) -> None:
    """A worker of the outer one dies, then the inner API process that it reads from."""
    inner = await make_cluster(apis=2, workers=1)
    config = OUTER.replace("INNER_URL", inner.urls[0]).format(tokens=TOKENS)
    outer = await make_cluster(apis=1, workers=1, config=config)
    witness = await Witness(outer, "nested", "m").begin()
    await witness.chat.reached(lambda r: len(r.events) > 15, WAIT)
    await outer.add_worker()
    outer.signal_worker(0, signal.SIGKILL)
    await witness.chat.finish(WAIT)
    await witness.native.finish(WAIT)
    assert witness.said == uncut(TOKENS, "nested")
    assert _attached(witness.native) == [1]
    (attempt,) = (await outer.job("nested")).attempts
    assert attempt.outcome == "completed"
    assert await inner.sim_calls("nested") == 1

    second = await Witness(outer, "stopped", "m").begin()
    await second.chat.reached(lambda r: len(r.events) > 15, WAIT)
    await _cancel(outer, "stopped")
    await inner.until_aborted(1)


async def test_a_response_that_is_gone_is_asked_for_anew(make_cluster: Make) -> None:
    """A caller that lets nothing be stored has no call to attach to."""
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    body = {"model": "anew", "input": "anew", "store": False, "stream": True}
    url, headers = f"{cluster.urls[0]}/v1/responses", {"Idempotency-Key": "anew"}
    async with cluster.session.post(url, json=body, headers=headers) as response:
        assert response.status == 200
        await response.content.readuntil(b"response.in_progress")
        await cluster.add_worker()
        cluster.signal_worker(0, signal.SIGKILL)

        async def over() -> bool:
            return (await cluster.job("anew")).state.final

        await until(over)
    job = await cluster.job("anew")
    assert [each.outcome for each in job.attempts] == ["lost", "completed"]
    assert await cluster.sim_calls("anew") == 2


async def test_a_caller_of_the_same_dialect_goes_on_from_the_cursor(make_cluster: Make) -> None:
    """The provider's own numbers say where; every event is there once."""
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    body = {"model": "long", "input": "straight", "stream": True}
    url, headers = f"{cluster.urls[0]}/v1/responses", {"Idempotency-Key": "straight"}
    async with cluster.session.post(url, json=body, headers=headers) as response:
        await cluster.until_jobs(["straight"], lambda job: job.last > 20)
        number, cursor = (await cluster.job("straight")).cursor or (0, 0)
        assert (number, cursor) >= (1, 18)
        await cluster.add_worker()
        cluster.signal_worker(0, signal.SIGKILL)
        text = await asyncio.wait_for(response.text(), WAIT)
    told = [json.loads(part.partition("data: ")[2]) for part in text.split("\n\n") if "{" in part]
    kinds = [event["type"] for event in told]
    assert kinds.count("response.created") == kinds.count("response.completed") == 1
    deltas = [e["delta"] for e in told if e["type"] == "response.output_text.delta"]
    (message,) = told[-1]["response"]["output"]
    assert message["content"][0]["text"] == "".join(deltas)
    assert len(deltas) == 250
    job = await cluster.job("straight")
    assert [each.outcome for each in job.attempts] == ["completed"]
    assert await cluster.sim_calls("straight") == 1
