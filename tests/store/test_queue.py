"""The queue over every store: order, fairness, claims, hand-backs, wake tokens."""

import asyncio

from broker.model import JobState, job_key
from broker.store import Store
from broker.store.queue import Claim, Released
from broker.store.streams import Verdict
from tests.store.conftest import Open
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    frames,
    left,
    names,
    new_job,
    raw,
    rescue,
    running,
    waiting,
)


async def queue(store: Store, account: str, *requests: str) -> None:
    for request in requests:
        assert (await store.jobs.create(new_job(request, account=account))).created


async def claim(store: Store, most: int = 100, holder: str = HOLDER) -> list[Claim]:
    return await store.queue.claim(store.keys.partitions[0], holder, most)


async def order(store: Store, most: int = 100) -> list[str]:
    return [claimed.job.request_id for claimed in await claim(store, most)]


async def release(store: Store, *claims: Claim, leaving: bool = False) -> int:
    leases = [Released(claimed.job.key, claimed.token) for claimed in claims]
    return await store.queue.release(store.keys.partitions[0], HOLDER, leases, leaving=leaving)


async def test_one_account_is_served_in_order(store: Store) -> None:
    requests = [f"r{n}" for n in range(12)]
    await queue(store, "acme", *requests)
    assert await order(store, 5) + await order(store) == requests


async def test_a_long_queue_delays_its_own_account_only(store: Store) -> None:
    await queue(store, "acme", "a1", "a2", "a3", "a4")
    await queue(store, "bolt", "b1", "b2")
    await queue(store, "cord", "c1")
    assert await order(store) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


async def test_who_comes_later_does_not_overtake_what_was_served(store: Store) -> None:
    await queue(store, "acme", "a1", "a2", "a3")
    assert await order(store, 2) == ["a1", "a2"]
    await queue(store, "bolt", "b1", "b2")
    assert await order(store) == ["a3", "b1", "b2"]


async def test_an_emptied_queue_forgets_who_was_served(store: Store) -> None:
    await queue(store, "acme", "a1", "a2", "a3")
    await claim(store)
    await queue(store, "acme", "a4")
    await queue(store, "bolt", "b1")
    assert await order(store) == ["a4", "b1"]


async def test_a_rescued_job_does_not_turn_the_virtual_time_back(store: Store) -> None:
    await queue(store, "acme", "a1", "a2", "a3", "a4", "a5")
    claims = await claim(store, 3)
    assert await release(store, claims[0]) == 1
    assert await order(store, 1) == ["a1"]
    await queue(store, "bolt", "b1", "b2", "b3")
    assert await order(store) == ["a4", "b1", "a5", "b2", "b3"]


async def test_a_retried_job_is_queued_behind_the_others(store: Store) -> None:
    failed = await running(store, "failed")
    await append(store, batch(failed, 1, final=JobState.FAILED))
    await queue(store, "acme", "r1", "r2")
    await store.jobs.retry(failed.job.key)
    assert await order(store) == ["r1", "r2", "failed"]


async def test_a_claim_takes_the_job_with_all_that_is_needed(store: Store) -> None:
    await store.jobs.create(new_job(metadata={"a": 1}))
    (claimed,) = await claim(store)
    job = claimed.job
    assert (job.state, job.claims, job.metadata) == (JobState.RUNNING, 1, {"a": 1})
    assert job.started_ms is not None
    assert (claimed.task, claimed.body) == (b"task of r1", new_job().body)
    assert (await store.jobs.get(job.key)) == job
    assert await waiting(store) == (0, 0)


async def test_a_large_body_is_stored_compressed(store: Store) -> None:
    body = b'{"model":"m","prompt":"' + b"again " * 2000 + b'"}'
    claimed = await running(store, body=body)
    assert claimed.body == body
    stored = await raw(store).get(names(store, claimed.job.key)["body"])
    assert stored is not None
    assert stored[:1] == b"z"
    assert len(stored) < 1000


async def test_a_lost_body_is_none(store: Store) -> None:
    await store.jobs.create(new_job())
    await raw(store).delete(names(store, new_job().key)["body"])
    (claimed,) = await claim(store)
    assert claimed.body is None


async def test_a_job_is_claimed_once(open_here: Open) -> None:
    one, two = open_here(), open_here()
    await queue(one, "acme", *(f"r{n}" for n in range(20)))
    taken = await asyncio.gather(
        *(claim(store, 3, f"worker-{n}") for n in range(5) for store in (one, two))
    )
    keys = [claimed.job.key for claims in taken for claimed in claims]
    assert len(keys) == len(set(keys)) == 20


async def test_tokens_only_ever_rise(store: Store) -> None:
    tokens: list[int] = []
    for _ in range(3):
        await queue(store, "acme", f"r{len(tokens)}", f"s{len(tokens)}")
        claims = await claim(store)
        tokens += [claimed.token for claimed in claims]
        await store.jobs.cancel(claims[0].job.key)
        await release(store, claims[1])
        tokens += [claimed.token for claimed in await claim(store)]
    assert tokens == sorted(set(tokens))


async def test_a_forgotten_counter_draws_no_token_twice(store: Store) -> None:
    claimed = await running(store)
    fence = store.keys.partitions[0].prefix + "fence"
    await raw(store).delete(fence)
    key = claimed.job.key
    await raw(store).hset(names(store, key)["job"], "state", "queued")
    await arm(store)  # mends it: as the store would be after losing its last second
    (again,) = await claim(store)
    assert again.job.key == key
    assert again.token > claimed.token


async def test_what_is_not_queued_any_more_is_passed_over(store: Store) -> None:
    await queue(store, "acme", "r1", "r2")
    await raw(store).delete(names(store, job_key("acme", "r1"))["job"])
    assert await order(store) == ["r2"]


async def test_a_released_job_is_first_and_its_old_holder_fenced(store: Store) -> None:
    await queue(store, "acme", "r1", "r2", "r3")
    first, second = await claim(store, 2)
    await append(store, batch(first, 1, b"data: a"))
    assert await release(store, first, leaving=True) == 1
    assert await append(store, batch(first, 2, b"data: b")) == [Verdict.FENCED]
    assert await release(store, first) == 0
    assert (await store.jobs.get(first.job.key)).state is JobState.QUEUED
    again, third = await claim(store)
    assert [again.job.request_id, third.job.request_id] == ["r1", "r3"]
    assert (again.job.claims, again.job.losses, again.job.last) == (2, 0, 1)
    assert await append(store, batch(again, 2, b"data: b")) == [Verdict.APPENDED]
    assert await append(store, batch(second, 1, b"data: a")) == [Verdict.APPENDED]
    assert len(await frames(store, first.job.key)) == 2


async def test_what_has_ended_is_not_handed_back(store: Store) -> None:
    claimed = await running(store)
    await append(store, batch(claimed, 1, final=JobState.COMPLETED))
    assert await release(store, claimed) == 0
    assert await waiting(store) == (0, 0)


async def test_leaving_takes_the_worker_off_the_list(store: Store) -> None:
    partition = store.keys.partitions[0]
    await store.leases.renew(partition, HOLDER, [])
    assert (await rescue(store)).workers == 1
    await release(store, leaving=True)
    assert (await rescue(store)).workers == 0


async def test_waiting_ends_with_a_wake_token(store: Store) -> None:
    partition = store.keys.partitions[0]
    asleep = asyncio.create_task(store.queue.wait(partition, 4))
    await queue(store, "acme", "r1")
    await asyncio.wait_for(asleep, 4)
    assert await waiting(store) == (1, 0)


async def test_waiting_ends_with_the_time(store: Store) -> None:
    await store.queue.wait(store.keys.partitions[0], 0.05)
    assert await waiting(store) == (0, 0)


async def test_there_are_never_more_wake_tokens_than_jobs(store: Store) -> None:
    await queue(store, "acme", "r1", "r2", "r3", "r4")
    assert await waiting(store) == (4, 4)
    claims = await claim(store, 3)
    assert await waiting(store) == (1, 1)
    await release(store, *claims)
    assert await waiting(store) == (4, 4)
    claims = await claim(store)
    await arm(store)
    await expire(store, *(claimed.job.key for claimed in claims))
    assert len((await rescue(store)).rescued) == 4
    assert await waiting(store) == (4, 4)


async def test_a_final_job_leaves_no_key_without_an_end(store: Store) -> None:
    claimed = await running(store)
    await append(store, batch(claimed, 1, b"data: a", final=JobState.COMPLETED))
    for kind, name in names(store, claimed.job.key).items():
        assert await left(store, name) != -1, kind
