"""A worker lost in mid-stream: another goes on with what it held, under the route's policy."""

import asyncio
import signal

import pytest

from broker.model import JobState
from rig.answers import Witness, uncut, witness_all
from rig.cluster import WAIT, Cluster
from rig.sse_reader import SseReader
from tests.fault.conftest import Make

COUNT = 20
MODEL = "tokens=300,interval=20ms,prefill"  # six seconds; starting a worker takes one or two
CONFIG = f"""
[worker]
drain = 0.5
[providers.pre]
base_url = "SIM_URL"
prefill = true
[routes.continue]
targets = ["pre/{MODEL}"]
on_loss = "continue"
[routes.replay]
targets = ["pre/{MODEL}"]
on_loss = "replay"
"""


async def _begin(make_cluster: Make, policies: list[str]) -> tuple[Cluster, dict[str, Witness]]:
    """Calls that all run in one worker, and a second worker that has nothing yet."""
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    names = [f"{policy}-{n}" for n in range(COUNT // len(policies)) for policy in policies]
    witnesses = await witness_all(cluster, {n: n.split("-", maxsplit=1)[0] for n in names})
    await cluster.add_worker()
    for witness in witnesses.values():
        await witness.chat.reached(lambda r: len(r.events) > 10, WAIT)
    return cluster, witnesses


async def _check(witness: Witness, *ends: str) -> None:
    """The answer came whole to readers that stayed, in one attempt more than ended like this."""
    policy = witness.prompt.split("-", maxsplit=1)[0]
    terminal = await witness.finish()
    assert terminal.state is JobState.COMPLETED, terminal.error
    assert witness.said == uncut(MODEL, witness.prompt)
    assert witness.modes == ["fresh", *[policy] * len(ends)]
    job = await witness.cluster.job(witness.prompt)
    assert [attempt.outcome for attempt in job.attempts] == [*ends, "completed"]
    assert job.losses == ends.count("lost")
    for attempt in job.attempts[:-1]:
        assert (attempt.usage or {})["estimated"] is True


async def test_kill(make_cluster: Make) -> None:
    cluster, witnesses = await _begin(make_cluster, ["continue", "replay"])
    cluster.signal_worker(0, signal.SIGKILL)
    await asyncio.gather(*(_check(witness, "lost") for witness in witnesses.values()))


async def test_two_kills(make_cluster: Make) -> None:
    """What the second worker goes on with was written by two: neither's text is lost."""
    cluster, witnesses = await _begin(make_cluster, ["continue"])
    cluster.signal_worker(0, signal.SIGKILL)
    for witness in witnesses.values():
        await witness.native.reached(_second_goes_on, WAIT)
    cluster.signal_worker(1, signal.SIGKILL)
    await cluster.add_worker()
    await asyncio.gather(*(_check(witness, "lost", "lost") for witness in witnesses.values()))


def _second_goes_on(reader: SseReader) -> bool:
    """Whether the second attempt has delivered something."""
    begun = [place for place, event in enumerate(reader.events) if event.name == b"attempt"]
    return len(begun) == 2 and len(reader.events) > begun[1] + 5


@pytest.mark.parametrize("policy", ["continue", "replay"])
async def test_drain(make_cluster: Make, policy: str) -> None:
    """What lasts longer than the drain time is handed over at once; it is no loss."""
    cluster, witnesses = await _begin(make_cluster, [policy])
    cluster.signal_worker(0, signal.SIGTERM)
    await asyncio.gather(*(_check(witness, "handed_over") for witness in witnesses.values()))
    assert await asyncio.to_thread(cluster.workers[0].process.wait, WAIT) == 0
