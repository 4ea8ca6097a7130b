"""Running the scripts: loading, a server that forgot them, one whose memory is full."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any

import pytest

from broker.errors import StoreAway, StoreFull, StoreRefused, StreamholdError
from broker.model import JobState
from broker.settings import Secret, Settings
from broker.store import Store, open_store
from broker.store.queue import Released
from broker.store.scripts import ReplyError, Scripts, source, translate
from broker.store.streams import Verdict
from rig.store_server import StoreServer
from tests.conftest import STORES
from tests.store.samples import append, batch, frames, new_job, raw, rescue, running

SCRIPTS = sorted(
    file.name.removesuffix(".lua")
    for file in (files("broker.store") / "lua").iterdir()
    if not file.name.endswith(".part.lua")
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_whole_and_names_its_keys(name: str) -> None:
    text = source(name)
    assert text.startswith("#!lua")
    assert "--@include" not in text
    assert "\n-- KEYS[1]" in text
    assert "\n-- ARGV" in text
    assert "\n-- Returns" in text


async def test_what_a_server_forgot_is_loaded_again(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a"))
    await raw(store).script_flush()
    assert await append(store, batch(claim, 2, b"data: b")) == [Verdict.APPENDED]
    await raw(store).script_flush()
    assert not (await store.jobs.create(new_job())).created
    assert list(await frames(store, claim.job.key)) == [1, 2]


async def test_a_failing_script_is_refused(store: Store) -> None:
    prefix = store.keys.partitions[0].prefix
    await raw(store).set(prefix + "queue", "text")
    with pytest.raises(StoreRefused):
        await store.jobs.create(new_job())


class Forgetful:
    """A server that is restarted between any two commands."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    async def execute(self, *args: str | bytes | int) -> Any:
        self.sent.append(args[0])
        if args[0] == "EVALSHA":
            raise ReplyError("NOSCRIPT No matching script.")
        return b"digest"

    async def server(self) -> str:
        return ""


async def test_a_server_that_forgets_at_once_is_away() -> None:
    server = Forgetful()
    with pytest.raises(StoreAway):
        await Scripts(server).run("renew", "p", "holder", 1)
    assert server.sent == ["EVALSHA", "SCRIPT", "EVALSHA"]


@pytest.mark.parametrize(
    ("reply", "ours"),
    [
        ("LOADING server is loading the dataset in memory", StoreAway),
        ("BUSY server is busy running a script", StoreAway),
        ("READONLY Can not run script with write flag on readonly replica.", StoreAway),
        ("MASTERDOWN Link with MASTER is down", StoreAway),
        ("NOREPLICAS Not enough good replicas to write.", StoreAway),
        ("CLUSTERDOWN Hash slot not served", StoreAway),
        ("MISCONF Errors writing to the AOF file", StoreAway),
        ("NOSCRIPT No matching script.", StoreAway),
        ("OOM allow-oom flag is not set on the script", StoreFull),
        ("OOM command not allowed when used memory > 'maxmemory'.", StoreFull),
        ("ERR user_script:1: OOM command not allowed when used memory", StoreFull),
        ("WRONGTYPE Operation against a key", StoreRefused),
        ("ERR user_script:12: attempt to index a nil value", StoreRefused),
    ],
)
def test_error_replies_in_our_terms(reply: str, ours: type[StreamholdError]) -> None:
    assert type(translate(ReplyError(reply))) is ours


@pytest.fixture(params=STORES)
async def full_store(
    request: pytest.FixtureRequest, make_store: Callable[..., StoreServer]
) -> AsyncIterator[Store]:
    """A server of the test's own, whose memory the test may declare full."""
    store = open_store(Settings(store_url=Secret(make_store(request.param).url)), "test")
    yield store
    await store.close()


async def test_a_full_store_takes_no_new_jobs_and_ends_the_old(full_store: Store) -> None:
    store = full_store
    failed = await running(store, "failed")
    await append(store, batch(failed, 1, final=JobState.FAILED))
    claim, other = await running(store, "r1"), await running(store, "r2")
    await store.jobs.create(new_job("r3"))
    await store.jobs.create(new_job("r4"))
    await raw(store).config_set("maxmemory", 1)

    with pytest.raises(StoreFull):
        await store.jobs.create(new_job("r5"))
    with pytest.raises(StoreFull):
        await store.jobs.retry(failed.job.key)
    partition = store.keys.partitions[0]
    assert await append(store, batch(claim, 1, b"data: a")) == [Verdict.APPENDED]
    assert await store.leases.renew(partition, "w", [(claim.job.key, claim.token)]) == [True]
    assert await append(store, batch(claim, 2, final=JobState.COMPLETED)) == [Verdict.APPENDED]
    assert await store.jobs.cancel(other.job.key) is JobState.CANCELLED
    assert await store.jobs.cancel(new_job("r4").key) is JobState.CANCELLED
    await store.jobs.delete(other.job.key)
    assert (await rescue(store)).queued == 1
    (third,) = await store.queue.claim(partition, "w", 5)
    leases = [Released(third.job.key, third.token)]
    assert await store.queue.release(partition, "w", leases, leaving=True) == 1
    assert list(await frames(store, claim.job.key)) == [1, 2]

    await raw(store).config_set("maxmemory", 0)
    assert (await store.jobs.create(new_job("r5"))).created


async def test_a_full_store_lets_a_worker_drain_and_gives_what_is_needed(full_store: Store) -> None:
    store = full_store
    partition = store.keys.partitions[0]
    await raw(store).config_set("maxmemory", 1)
    ear = store.queue.ear(partition, "worker-1")
    waiting = asyncio.ensure_future(ear.next(30.0, 1, 1))
    await store.queue.recall(partition, "worker-1")
    assert (await waiting).claims == []
    await ear.close()
    assert len(await store.ticket_key.get()) == 32
    assert await store.mark("cron:tick:1", 60.0)
    assert not await store.mark("cron:tick:1", 60.0)
    await store.layout.check()
    assert (await store.breakers.report("p/m", 0, 1)).state == "closed"
    assert (await store.breakers.trial("p/m"))[0]
    await store.leases.attend(partition, [("nothing", 1)])


async def test_a_recall_that_nobody_hears_is_forgotten(store: Store) -> None:
    partition = store.keys.partitions[0]
    await store.queue.recall(partition, "worker-1")
    assert 0 < await raw(store).pttl(partition.recall("worker-1")) <= 10_000


async def test_a_full_store_can_be_taught_its_scripts_again(full_store: Store) -> None:
    claim = await running(full_store)
    await raw(full_store).config_set("maxmemory", 1)
    await raw(full_store).script_flush()
    assert await append(full_store, batch(claim, 1, b"data: a")) == [Verdict.APPENDED]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_has_no_function_that_it_does_not_call(name: str) -> None:
    """The server makes each anew at every run."""
    text = source(name)
    code = "\n".join(line.partition("--")[0] for line in text.splitlines())
    for function in re.findall(r"^local function (\w+)", text, re.MULTILINE):
        assert len(re.findall(rf"(?<!')\b{function}\b(?!')", code)) > 1, function
