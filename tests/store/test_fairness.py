"""Long histories of the queue over every store: the order, and what nobody has to wait for.

The order is compared with a naive model's, claim by claim; the bounds are seen in the order.
"""

import random

import pytest

from broker.model import job_key
from broker.store import Store
from broker.store.queue import Released
from tests.store.model import Model
from tests.store.samples import BATCH, BODY, HOLDER, INTERACTIVE, new_job, waiting, waiting_batch


class History:
    """A store and its model; ``claimed`` is every job in the order it was claimed in."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.partition = store.keys.partitions[0]
        self.model = Model()
        self.claimed: list[str] = []
        self._names = 0

    async def create(self, account: str, *, batch: bool = False) -> str:
        self._names += 1
        name = f"r{self._names}"
        new = new_job(name, account=account, options=BATCH if batch else INTERACTIVE)
        assert (await self.store.jobs.create(new)).created
        self.model.create(new.key, account, BODY, batch=batch)
        return new.key

    async def claim(self, most: int, most_batch: int) -> dict[str, int]:
        """The claimed keys and their tokens."""
        claims = await self.store.queue.claim(self.partition, HOLDER, most, most_batch)
        keys = [claim.job.key for claim in claims]
        assert keys == self.model.claim(most, most_batch)
        assert len(keys) <= most
        assert sum(self.model.jobs[key].batch for key in keys) <= most_batch
        self.claimed += keys
        return {claim.job.key: claim.token for claim in claims}

    async def release(self, claims: dict[str, int]) -> None:
        leases = [Released(key, token) for key, token in claims.items()]
        released = self.store.queue.release(self.partition, HOLDER, leases, leaving=False)
        assert await released == len(claims)
        for key in claims:
            self.model.give_back(key, lost=False)

    async def check_lengths(self) -> None:
        queued = len(self.model.queue()), len(self.model.queue(batch=True))
        for length, (jobs, tokens) in zip(
            queued, (await waiting(self.store), await waiting_batch(self.store)), strict=True
        ):
            assert jobs == length
            assert tokens <= jobs


@pytest.mark.parametrize("seed", range(3))
async def test_a_long_history_is_served_as_the_model_says(store: Store, seed: int) -> None:
    drawn = random.Random(seed)
    history = History(store)
    for _ in range(250):
        if drawn.random() < 0.6:
            await history.create(
                drawn.choice(("acme", "acme", "bolt", "cord")), batch=drawn.random() < 0.6
            )
        else:
            claims = await history.claim(drawn.randint(1, 4), drawn.randint(0, 3))
            if drawn.random() < 0.3:
                await history.release(claims)
        await history.check_lengths()
    while history.model.queue() or history.model.queue(batch=True):
        assert await history.claim(9, 3)
    await history.check_lengths()
    created = {
        job_key(job.account, f"r{n}") for n, job in enumerate(history.model.jobs.values(), 1)
    }
    assert set(history.claimed) == created, "every job was claimed in the end"


@pytest.mark.parametrize("seed", range(3))
async def test_thousands_of_batch_jobs_delay_no_other_accounts_interactive_job(
    store: Store, seed: int
) -> None:
    """The account's own as little: interactive jobs and batch jobs queue apart."""
    drawn = random.Random(seed)
    history = History(store)
    for _ in range(400):
        await history.create("acme", batch=True)
    for _ in range(40):
        await history.claim(drawn.randint(1, 4), drawn.randint(1, 4))
        for _ in range(drawn.randint(0, 3)):
            await history.create("cord", batch=drawn.random() < 0.3)
        key = await history.create(drawn.choice(("bolt", "acme")))
        before = len(history.claimed)
        rivals = 4  # heads of the other flows, at most: acme's and cord's of either priority
        while key not in await history.claim(1, 1):
            assert len(history.claimed) - before <= rivals
        await history.check_lengths()


async def test_with_batch_at_its_cap_an_interactive_job_is_next(store: Store) -> None:
    history = History(store)
    for _ in range(50):
        await history.create("acme", batch=True)
    for _ in range(20):
        key = await history.create("bolt")
        assert list(await history.claim(1, 0)) == [key]


@pytest.mark.parametrize("rivals", [1, 3])
async def test_no_batch_job_waits_for_more_than_its_turn(store: Store, rivals: int) -> None:
    """Interactive jobs never end, of several accounts: each of these goes before a batch job
    eight times at most, and the batch jobs before it go first.
    """
    history = History(store)
    accounts = [f"rival{n}" for n in range(rivals)]
    for account in accounts * 12:
        await history.create(account)
    keys = [await history.create("acme", batch=True) for _ in range(6)]
    most = len(keys) * (8 * rivals + 1)
    while len(history.claimed) < most:
        for key in await history.claim(1, 1):
            if key not in keys:
                await history.create(history.model.jobs[key].account)
    ranks = [history.claimed.index(key) + 1 for key in keys]
    assert ranks == sorted(ranks)
    assert all(rank <= number * (8 * rivals + 1) for number, rank in enumerate(ranks, 1))
