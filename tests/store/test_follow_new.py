"""A job made behind its first reader's subscription, over real servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from broker.codec import verbatim
from broker.errors import RequestIdReused, StoreAway
from broker.frames import Kind, message_head
from broker.model import JobState
from broker.settings import Secret, Settings
from broker.settings import Store as StoreSettings
from broker.store import Store, open_store
from broker.store.new_job import Creation
from broker.store.scripts import Executor
from broker.tail import Reader, Tail
from tests.store.samples import append, batch, new_job, raw, until

NAMES = iter(range(1000))
KEY = new_job().key


class Scene:
    """A tail that is up, over a deployment of its own."""

    def __init__(self, url: str) -> None:
        deployment = f"follow{next(NAMES)}"
        settings = Settings(store_url=Secret(url), store=StoreSettings(deployment=deployment))
        self.store: Store = open_store(settings, "test")
        self.tail = Tail(self.store, "test-tail")
        self.channel = self.store.keys.channel(KEY)

    async def create(self, over: Executor) -> Creation:
        return await self.store.jobs.create(new_job(), over)

    async def follow(self) -> tuple[Reader, Creation]:
        return await self.tail.follow_new(KEY, self.create)

    async def answer(self) -> None:
        """A worker takes the job and answers it whole."""
        (claim,) = await self.store.queue.claim(self.store.keys.partition(KEY), "w", 1)
        await append(self.store, batch(claim, 1, b"data: a", final=JobState.COMPLETED))

    async def subscribers(self) -> int:
        ((_, count),) = await raw(self.store).pubsub_numsub(self.channel)
        return int(count)


@pytest.fixture
async def scene(store_url: str) -> AsyncIterator[Scene]:
    scene = Scene(store_url)
    running = asyncio.create_task(scene.tail.run())
    await scene.tail.connected(asyncio.get_running_loop().time() + 5)
    yield scene
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await scene.store.close()


async def read(reader: Reader) -> list[bytes]:
    """The bodies of what comes next."""
    async with asyncio.timeout(5):
        return [frame.body for segment in await reader.next() for frame in segment.frames]


async def test_the_subscription_stands_before_what_is_sent_behind_it(scene: Scene) -> None:
    said = message_head(1, 1, []) + verbatim(Kind.DIALECT, b"data: at once")

    async def say(over: Executor) -> Any:
        return await over.execute("PUBLISH", scene.channel, said)

    reader, heard_by = await scene.tail.follow_new(KEY, say)
    assert heard_by == 1
    reader.begin()
    assert await read(reader) == [b"data: at once"]
    reader.close()


async def test_a_new_job_s_reader_is_live_at_once(scene: Scene) -> None:
    reader, creation = await scene.follow()
    assert creation.created
    reader.begin()
    await scene.answer()
    assert (await read(reader))[0] == b"data: a"
    reader.close()


async def test_a_second_caller_attaches_over_the_same_subscription(scene: Scene) -> None:
    (one, made), (other, found) = await asyncio.gather(scene.follow(), scene.follow())
    assert [made.created, found.created] == [True, False]
    assert await scene.subscribers() == 1
    one.begin()
    await scene.answer()
    assert await read(one) == await read(other)
    one.close()
    other.close()


async def test_a_server_that_forgot_the_script_is_taught_it_again(scene: Scene) -> None:
    await raw(scene.store).script_flush()
    reader, creation = await scene.follow()
    assert creation.created
    reader.begin()
    await scene.answer()
    assert (await read(reader))[0] == b"data: a"
    reader.close()


async def test_what_refuses_the_job_leaves_no_subscription(scene: Scene) -> None:
    await scene.store.jobs.create(new_job(body=b'{"model":"other"}'))
    with pytest.raises(RequestIdReused):
        await scene.follow()
    assert scene.tail.readers == 0

    async def ended() -> bool:
        return await scene.subscribers() == 0

    await until(ended)


async def test_a_connection_lost_before_the_answer_is_away(scene: Scene) -> None:
    async def lost(over: Executor) -> Creation:
        scene.tail._wire.drop()
        return await scene.create(over)

    with pytest.raises(StoreAway):
        await scene.tail.follow_new(KEY, lost)
    assert scene.tail.readers == 0


async def test_a_job_made_over_another_connection_than_its_subscription_is_caught_up(
    scene: Scene,
) -> None:
    """What was said between the two is in the store, and the reader knows that it must look."""

    async def again(over: Executor) -> Creation:
        await over.execute("PING")  # the subscription is acknowledged
        generation = scene.tail.generation
        scene.tail._wire.drop()

        async def noticed() -> bool:
            return scene.tail.generation > generation

        await until(noticed)
        creation = await scene.create(over)
        await scene.answer()
        return creation

    reader, creation = await scene.tail.follow_new(KEY, again)
    assert creation.created
    reader.begin()
    assert (await read(reader))[0] == b"data: a"
    reader.close()


async def test_a_caller_that_leaves_meanwhile_leaves_no_subscription(scene: Scene) -> None:
    following = asyncio.create_task(scene.follow())
    await asyncio.sleep(0)  # one turn: both are sent
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert scene.tail.readers == 0

    async def ended() -> bool:
        return await scene.subscribers() == 0

    await until(ended)
    job = await scene.store.jobs.get(KEY)
    assert job.state is JobState.QUEUED, "its caller's leaving is no cancel"
