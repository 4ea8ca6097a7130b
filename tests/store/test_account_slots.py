"""What one account may take of a worker's slots, over every store."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from broker.store import Store
from broker.store.queue import Claim
from tests.store.samples import BATCH, HOLDER, new_job


class Held:
    """How a worker's slots are taken, as a test says."""

    def __init__(self, unheld: int, **accounts: int) -> None:
        self.share = 4.0
        self.unheld = unheld
        self.accounts: Mapping[str, int] = accounts
        self.left = 0

    def passed_over(self, count: int) -> None:
        self.left = count


async def queue_up(store: Store, count: int, account: str, **more: Any) -> None:
    for number in range(count):
        name = f"{account}-{number}"
        assert (await store.jobs.create(new_job(name, account=account, **more))).created


async def claim(store: Store, most: int, held: Held) -> list[Claim]:
    (partition,) = store.keys.partitions
    return await store.queue.claim(partition, HOLDER, most, occupancy=held)


def by_account(claims: list[Claim]) -> dict[str, int]:
    return dict(Counter(each.job.account for each in claims))


async def test_one_account_leaves_slots_free(store: Store) -> None:
    await queue_up(store, 12, "greedy")
    held = Held(10)
    assert by_account(await claim(store, 10, held)) == {"greedy": 8}
    assert held.left == 4
    held = Held(2, greedy=8)
    assert await claim(store, 2, held) == []
    await queue_up(store, 1, "other")
    held = Held(2, greedy=8)
    assert by_account(await claim(store, 2, held)) == {"other": 1}


async def test_jobs_that_were_left_keep_their_places(store: Store) -> None:
    await queue_up(store, 9, "greedy")
    first = await claim(store, 10, Held(10))
    later = await claim(store, 10, Held(10))
    names = [each.job.request_id for each in [*first, *later]]
    assert names == [f"greedy-{number}" for number in range(9)]


async def test_batch_jobs_count_as_well(store: Store) -> None:
    await queue_up(store, 12, "greedy", options=BATCH)
    assert by_account(await claim(store, 10, Held(10))) == {"greedy": 8}


async def test_without_a_share_any_number_is_taken(store: Store) -> None:
    await queue_up(store, 12, "greedy")
    held = Held(10)
    held.share = 0.0
    assert by_account(await claim(store, 12, held)) == {"greedy": 12}
    assert held.left == 0
