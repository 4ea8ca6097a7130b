"""The LeaseWorker's batch jobs: slots kept from them, and filled by them."""

import asyncio
from typing import Any, cast

from broker.store.ear import Ear, Heard
from tests.unit.worker_bench import Bench, open_bench
from workers.hold import Hold

TEN = {"concurrency": 10, "batch_share": 0.8}
LONGEST = 0.4  # seconds; below any wait for a wake token that ends by itself


async def taken(bench: Bench, count: int) -> list[Hold]:
    return [await bench.taken() for _ in range(count)]


def listen(bench: Bench) -> "asyncio.Queue[bool]":
    """Of each wait for a wake token, whether batch jobs are listened for."""
    wait, make_ear = bench.store.queue.wait, bench.store.queue.ear
    heard: asyncio.Queue[bool] = asyncio.Queue()

    async def noted(*args: Any, batch: bool) -> None:
        heard.put_nowait(batch)
        await wait(*args, batch=batch)

    def ear(*args: Any) -> Ear:
        made = make_ear(*args)
        hear = made.next

        async def noted(seconds: float, most: int, most_batch: int) -> Heard:
            heard.put_nowait(most_batch > 0)
            return await hear(seconds, most, most_batch)

        cast(Any, made).next = noted
        return made

    cast(Any, bench.store.queue).wait = noted
    cast(Any, bench.store.queue).ear = ear
    return heard


async def test_slots_are_kept_for_interactive_jobs() -> None:
    async with open_bench(worker=TEN, begin=False) as bench:
        for number in range(12):
            await bench.submit(f"batch-{number}", batch=True)
        heard = listen(bench)
        bench.start()
        held = await taken(bench, 8)
        assert all(hold.batch for hold in held)
        while await heard.get():
            pass
        assert bench.worker.slots.free_batch == 0
        for number in range(2):
            key = await bench.submit(f"chat-{number}")
            assert (await bench.taken()).key == key
        assert bench.worker.slots.free == 0
        assert bench.work.started.empty()


async def test_interactive_jobs_may_take_every_slot() -> None:
    async with open_bench(worker=TEN) as bench:
        for number in range(10):
            await bench.submit(f"chat-{number}")
        await taken(bench, 10)
        assert bench.worker.slots.free == 0


async def test_a_single_slot_takes_batch_jobs_too() -> None:
    async with open_bench(worker={"concurrency": 1, "batch_share": 0.1}) as bench:
        key = await bench.submit("batch", batch=True)
        assert (await bench.taken()).key == key


async def test_a_freed_batch_slot_is_filled_at_once() -> None:
    """The poller waits for interactive jobs alone then, and hears of no batch job."""
    async with open_bench(worker=TEN, begin=False) as bench:
        for number in range(12):
            await bench.submit(f"batch-{number}", batch=True)
        bench.start()
        held = await taken(bench, 8)
        for hold in held[:4]:
            async with asyncio.timeout(LONGEST):
                bench.work.let(hold.key)
                await bench.taken()
        assert len(bench.worker.holds) == 8


async def test_a_slot_freed_while_another_is_filled_is_filled_as_well() -> None:
    async with open_bench(worker={"concurrency": 3, "batch_share": 0.7}, begin=False) as bench:
        keys = [await bench.submit(f"batch-{number}", batch=True) for number in range(5)]
        heard = listen(bench)
        bench.start()
        first, second = await taken(bench, 2)
        assert [first.key, second.key] == keys[:2]
        claim = bench.store.queue.claim
        filling, go_on = asyncio.Event(), asyncio.Event()

        async def slow(*args: Any, **options: Any) -> Any:
            found = await claim(*args, **options)
            if found:
                filling.set()
                await go_on.wait()
            return found

        cast(Any, bench.store.queue).claim = slow
        while await heard.get():
            pass
        async with asyncio.timeout(LONGEST):
            bench.work.let(first.key)
            await filling.wait()
            bench.work.let(second.key)
            await bench.ended(second)
            go_on.set()
            await taken(bench, 2)


async def test_a_breaker_s_change_reaches_the_view() -> None:
    async with open_bench() as bench:
        channel = bench.store.keys.breaker_channel
        await bench.control.sent("SUBSCRIBE", channel.encode())
        push = bench.control.push
        assert push is not None
        push(channel.encode(), b"open 5000 one/a")
        view = bench.worker.breakers
        assert list(view._seen) == ["one/a"]
        assert view._seen["one/a"].state == "open"
        push(channel.encode(), b"closed 0 one/a")
        assert not view._seen
        assert bench.worker.ctx["breakers"] is view
