"""An API process's part of joining: what it says of its readers, and until when."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from broker.api.joining import Joining
from broker.errors import StoreAway
from broker.queue import Submission
from broker.store.joins import Joined, Joins, Seen
from broker.store.keys import Partition
from broker.tail import Tail
from rig.cluster import until

HOME = Partition(0, "p:")


class Store:
    """What the store is asked and told; ``away`` makes it fail."""

    def __init__(self) -> None:
        self.away = False
        self.answers = [Joined("own")]
        self.asked: list[int] = []
        self.seen: list[Seen] = []
        self.beats = 0
        self.ask: Any = None

    def home(self, name: str) -> Partition:
        return HOME

    def channel(self, holder: str) -> str:
        return f"ask:{holder}"

    def hear(self, channel: str, call: Any) -> None:
        assert channel == "ask:api"
        self.ask = call

    async def join(self, *args: Any, seconds: float, since: int) -> Joined:
        if self.away:
            raise StoreAway()
        self.asked.append(since)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def report(
        self, partition: Partition, holder: str, seen: Sequence[Seen], kept: dict[str, float]
    ) -> None:
        if self.away:
            raise StoreAway()
        self.seen += seen
        self.beats += 1


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def joining(store: Store) -> AsyncIterator[Joining]:
    joining = Joining(cast(Joins, store), cast(Tail, store), "api", 5.0)
    task = asyncio.create_task(joining.run())
    yield joining
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


SUBMISSION = Submission("acme", "own", "chat", {"model": "m"}, b"{}")


async def told(store: Store, count: int) -> list[str]:
    await until(lambda: len(store.seen) >= count, 5)
    return [seen.ending for seen in store.seen]


async def test_a_process_that_holds_nothing_says_nothing(store: Store, joining: Joining) -> None:
    store.ask()
    await asyncio.sleep(0.05)
    assert store.beats == 0


async def test_it_says_at_once_that_it_is_there_when_it_is_asked(
    store: Store, joining: Joining
) -> None:
    hold = await joining.join(SUBMISSION, 60.0)
    store.ask()
    await asyncio.sleep(0.05)
    assert store.beats >= 1
    hold.ended()
    assert await told(store, 1) == ["ended"]


async def test_what_became_of_a_reader_is_said_once(store: Store, joining: Joining) -> None:
    hold = await joining.join(SUBMISSION, 60.0)
    hold.left()
    hold.ended()
    hold.left()
    assert await told(store, 1) == ["left"]
    await asyncio.sleep(0.05)
    assert len(store.seen) == 1


async def test_a_store_that_is_away_is_told_when_it_is_back(store: Store, joining: Joining) -> None:
    holds = [await joining.join(SUBMISSION, 60.0) for _ in range(3)]
    store.away = True
    for hold in holds:
        hold.left()
    await asyncio.sleep(0.15)
    assert store.seen == []
    store.away = False
    assert await told(store, 3) == ["left"] * 3
    assert len({seen.mark for seen in store.seen}) == 3


async def test_a_hold_of_which_the_answer_was_lost_is_let_go_of_by_its_mark(
    store: Store, joining: Joining
) -> None:
    store.away = True
    with pytest.raises(StoreAway):
        await joining.join(SUBMISSION, 60.0)
    store.away = False
    assert await told(store, 1) == ["left"]
    assert store.seen[0].job_key == ""
    assert store.seen[0].mark.startswith("api/")


async def test_a_call_that_is_not_decided_asks_again_and_can_be_given_up(
    store: Store, joining: Joining
) -> None:
    store.answers = [Joined("own", waits_since=7), Joined("own", waits_since=7), Joined("x", True)]
    hold = await joining.join(SUBMISSION, 60.0)
    assert (hold.request_id, hold.joined, store.asked) == ("x", True, [0, 7, 7])
    store.answers = [Joined("own", waits_since=9)]
    waiting = asyncio.create_task(joining.join(SUBMISSION, 60.0))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await told(store, 1) == ["left"]


async def test_at_the_end_nothing_is_held_any_more(store: Store, joining: Joining) -> None:
    for _ in range(1200):
        await joining.join(SUBMISSION, 60.0)
    await joining.close()
    assert [seen.ending for seen in store.seen] == ["left"] * 1200
    assert joining.orders() == []
