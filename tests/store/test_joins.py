"""Which call without a key gets whose job: what the store knows of readers, and when."""

import asyncio
import itertools
from typing import Any

import pytest

from broker.model import job_key
from broker.store import Store, joins
from broker.store.joins import LAPSE, LONGEST, SETTLING, UNCONNECTED, Ending, Joined, Seen, name_of
from tests.store.conftest import Open
from tests.store.samples import new_job, now_ms, raw

NAME = name_of("acme", "d" * 64)
ASKED = 60.0  # seconds
_MARKS = itertools.count(1)


class Api:
    """An API process, as the store sees it."""

    def __init__(self, store: Store, holder: str) -> None:
        self.store = store
        self.holder = holder
        self.marks: dict[str, str] = {}  # by request id

    async def call(
        self, request_id: str, *, seconds: float = ASKED, since: int = 0, name: str = NAME
    ) -> Joined:
        """One question; what it got is held."""
        mark = f"{self.holder}/{next(_MARKS)}"
        key = job_key("acme", request_id)
        got = await self.store.joins.join(
            name, key, request_id, self.holder, mark, seconds=seconds, since=since
        )
        if not got.waits_since:
            self.marks[got.request_id] = mark
        return got

    async def say(self, request_id: str, ending: Ending, *, known: bool = True) -> None:
        key = job_key("acme", request_id) if known else ""
        seen = Seen(NAME, key, self.marks[request_id], ending)
        await self.store.joins.report(self.store.joins.home(NAME), self.holder, [seen], {})

    async def beat(self) -> None:
        await self.store.joins.report(self.store.joins.home(NAME), self.holder, [], {})

    async def silent(self, seconds: float) -> None:
        """Let it have been heard last so long ago, when its readers were there already."""
        then = await now_ms(self.store) - round(seconds * 1000)
        await raw(self.store).zadd(place(self.store, "readers"), {self.holder: then})
        await raw(self.store).zadd(place(self.store, "awake"), {self.holder: then})
        for key, value in (await entries(self.store)).items():
            words = value.split()
            if words[5] == self.holder:
                words[2] = str(then)
                await raw(self.store).hset(place(self.store, f"join:{NAME}"), key, " ".join(words))


def place(store: Store, key: str) -> str:
    return store.joins.home(NAME).prefix + key


async def entries(store: Store) -> dict[str, str]:
    found = await raw(store).hgetall(place(store, f"join:{NAME}"))
    return {key.decode(): value.decode() for key, value in found.items()}


async def long_ago(store: Store, seconds: float = SETTLING + 0.1) -> int:
    """When a call asked first that has waited for so long."""
    return await now_ms(store) - round(seconds * 1000)


@pytest.fixture
def one(store: Store) -> Api:
    return Api(store, "api-1")


@pytest.fixture
def two(store: Store) -> Api:
    return Api(store, "api-2")


async def test_a_call_that_has_no_equal_is_its_own(one: Api) -> None:
    assert await one.call("a") == Joined("a")


async def test_a_lost_call_is_joined_by_one_equal_call(one: Api, two: Api) -> None:
    await one.call("a")
    await one.say("a", "left")
    assert await two.call("b") == Joined("a", joined=True)
    assert (await one.call("c")).waits_since, "it is read again"
    await two.say("a", "left")
    assert await one.call("c") == Joined("a", joined=True)


async def test_a_call_whose_answer_was_taken_is_not_joined(store: Store, one: Api) -> None:
    await one.call("a")
    await one.say("a", "ended")
    assert await entries(store) == {}
    assert await one.call("b") == Joined("b")


async def test_a_call_equal_to_one_that_is_read_is_its_own_once_that_is_certain(
    store: Store, one: Api, two: Api
) -> None:
    await one.call("a")
    asked = await two.call("b")
    assert asked.waits_since == pytest.approx(await now_ms(store), abs=1000)
    long = await long_ago(store)
    assert await one.call("b", since=long) == Joined("b"), "the same process knows at once"
    await one.say("b", "ended")
    since = await long_ago(store)
    await one.beat()
    assert await two.call("b", since=since) == Joined("b")
    assert len(await entries(store)) == 2


async def test_a_beat_from_before_the_news_has_settled_decides_nothing(
    store: Store, one: Api, two: Api
) -> None:
    await one.call("a")
    await one.silent(0.3)
    since = await long_ago(store, 0.4)
    assert (await two.call("b", since=since)).waits_since == since


async def test_a_beat_of_a_stand_in_keeps_readers_and_decides_nothing(
    store: Store, one: Api, two: Api
) -> None:
    """It does not know what the loop has not seen yet."""
    await one.call("a")
    await one.silent(2 * LAPSE)
    script, prefix, args = store.joins.beat(store.joins.home(NAME), "api-1")
    await store._scripts.run(script, prefix, *args)
    since = await long_ago(store)
    assert (await two.call("b", since=since)).waits_since == since
    assert await two.call("b", since=await long_ago(store, LONGEST)) == Joined("b")


async def test_a_process_that_is_not_heard_of_has_lost_its_readers(
    store: Store, one: Api, two: Api
) -> None:
    await one.call("a")
    await one.silent(LAPSE + 0.1)
    assert await two.call("b") == Joined("a", joined=True)


async def test_without_a_connection_it_is_not_waited_for_as_long(
    store: Store, one: Api, two: Api, address: str | None
) -> None:
    await one.call("a")
    heard = raw(store).pubsub()
    await heard.subscribe(store.joins.channel("api-1"))
    while (await heard.get_message(timeout=1.0)) is None:
        pass
    await one.silent((UNCONNECTED + LAPSE) / 2)
    assert (await two.call("b")).waits_since
    asked = await heard.get_message(ignore_subscribe_messages=True, timeout=1.0)
    assert asked is not None, "it is asked for a beat"
    await heard.unsubscribe()
    while (await heard.get_message(timeout=1.0)) is None:
        pass
    assert await two.call("b") == Joined("a", joined=True)
    await heard.aclose()


async def test_nobody_is_taken_for_gone_while_the_store_was_away(
    store: Store, one: Api, two: Api
) -> None:
    await one.call("a")
    await one.silent(5 * LAPSE)
    now = await now_ms(store)
    tick = place(store, "tick")
    since = await long_ago(store, 2 * LONGEST)
    for last, until in ((now - 100_000, 0), (now, now + 60_000), (now + 100_000, 0)):
        await raw(store).hset(tick, mapping={"last": last, "until": until})
        assert (await two.call("b", since=since)).waits_since, "as long as that takes"
    await raw(store).hset(tick, mapping={"last": now, "until": now - 1})
    assert await two.call("b", since=since) == Joined("a", joined=True)


async def test_nobody_waits_longer_than_for_the_longest(store: Store, one: Api, two: Api) -> None:
    await one.call("a")
    await raw(store).zrem(place(store, "awake"), "api-1")
    since = await long_ago(store, LONGEST - 1.0)
    assert (await two.call("b", since=since)).waits_since == since
    since = await long_ago(store, LONGEST + 0.1)
    assert await two.call("b", since=since) == Joined("b")


async def test_each_of_many_lost_calls_is_joined_by_one_of_many(
    store: Store, one: Api, two: Api
) -> None:
    lost = [f"lost-{n}" for n in range(20)]
    for name in lost:
        since = await long_ago(store)
        assert await one.call(name, since=since) == Joined(name)
    for name in lost[:10]:
        await one.say(name, "left")
    calls = [api.call(f"again-{n}") for n in range(15) for api in (two,)]
    got = await asyncio.gather(*calls)
    joined = [each.request_id for each in got if each.joined]
    assert sorted(joined) == sorted(lost[:10])
    assert sum(1 for each in got if each.waits_since) == 5, "the others are read"


async def test_the_call_that_was_made_first_is_joined_first(store: Store, one: Api) -> None:
    for name in ("z", "a", "m"):
        await one.call(name, since=await long_ago(store))
        await asyncio.sleep(0.002)
    for name in ("a", "m", "z"):
        await one.say(name, "left")
    assert [(await one.call(f"again-{n}")).request_id for n in range(3)] == ["z", "a", "m"]


@pytest.mark.parametrize(("asked", "again"), [(1.0, 60.0), (60.0, 1.0)])
async def test_no_longer_than_either_asks_for(
    store: Store, one: Api, two: Api, asked: float, again: float
) -> None:
    await one.call("a", seconds=asked)
    await one.say("a", "left")
    key, value = next(iter((await entries(store)).items()))
    words = value.split()
    words[3] = str(int(words[3]) - 1500)
    await raw(store).hset(place(store, f"join:{NAME}"), key, " ".join(words))
    assert await two.call("b", seconds=again) == Joined("b")
    assert (key in await entries(store)) is (asked == 60.0), "what is over is forgotten"


async def test_a_process_is_gone_since_it_was_heard_last(store: Store, one: Api, two: Api) -> None:
    await one.call("a", seconds=5.0)
    await one.silent(6.0)
    assert await two.call("b", seconds=60.0) == Joined("b")


async def test_who_was_joined_has_no_say_any_more(store: Store, one: Api, two: Api) -> None:
    """It was taken for gone, and comes back."""
    await one.call("a")
    await one.silent(LAPSE + 1)
    assert (await two.call("b")).joined
    before = await entries(store)
    for ending in ("left", "ended"):
        await one.say("a", ending)
        assert await entries(store) == before
    await two.say("a", "ended")
    assert await entries(store) == {}


@pytest.mark.parametrize("ending", ["left", "ended"])
async def test_a_hold_whose_answer_was_lost_is_found_by_its_mark(
    store: Store, one: Api, two: Api, ending: Ending
) -> None:
    await one.call("a", since=await long_ago(store))
    await one.call("b", since=await long_ago(store))
    await one.say("b", ending, known=False)
    got = await two.call("c")
    assert (got == Joined("b", joined=True)) is (ending == "left")
    assert bool(got.waits_since) is (ending == "ended")


async def test_a_call_that_a_proxy_sends_again_is_the_same_call(
    store: Store, one: Api, two: Api
) -> None:
    await one.call("a")
    assert await two.call("a") == Joined("a")
    await one.say("a", "ended")
    assert len(await entries(store)) == 1, "it is the second one's now"


@pytest.mark.parametrize("begun", [True, False])
async def test_a_reader_that_goes_on_by_the_jobs_address_holds_it_again(
    store: Store, one: Api, two: Api, begun: bool
) -> None:
    key = job_key("acme", "a")
    await one.call("a")
    found = await store.joins.hold(NAME, key, "api-2", "m1", begun=begun)
    assert found == ("held" if begun else "read")
    await one.say("a", "left")
    found = await store.joins.hold(NAME, key, "api-2", "m2", begun=False)
    assert found == ("read" if begun else "held")
    two.marks["a"] = "m1" if begun else "m2"
    assert (await one.call("b")).waits_since, "the one before has no say any more"
    await two.say("a", "ended")
    assert await store.joins.hold(NAME, key, "api-2", "m3", begun=True) == "nothing"
    assert await one.call("b") == Joined("b")


async def test_what_was_read_to_its_end_beside_a_reader_that_left_is_taken(
    store: Store, one: Api, two: Api
) -> None:
    home = store.joins.home(NAME)
    seen = Seen(NAME, job_key("acme", "a"), "", "ended")
    await one.call("a")
    await store.joins.report(home, "api-2", [seen], {})
    assert len(await entries(store)) == 1, "it is read"
    await one.say("a", "left")
    await store.joins.report(home, "api-2", [seen], {})
    assert await two.call("b") == Joined("b")


async def test_other_accounts_requests_and_targets_are_others() -> None:
    names = [
        name_of("acme", "d1"),
        name_of("acme", "d2"),
        name_of("acm", "ed1"),
        name_of("acme", "d1", ["one/a"]),
        name_of("acme", "d1", ["one/b"]),
        name_of("acme", "d1", ["one/a", "one/b"]),
    ]
    assert len(set(names)) == len(names)
    assert all(len(name) == 20 for name in names)
    assert name_of("acme", "d1", ()) == name_of("acme", "d1")


async def test_entries_are_kept_for_what_was_asked_and_a_minute(store: Store, one: Api) -> None:
    key = place(store, f"join:{NAME}")
    await one.call("a", seconds=10.0)
    assert 60_000 < await raw(store).pttl(key) <= 70_000
    await raw(store).pexpire(key, 5_000)
    await store.joins.report(store.joins.home(NAME), "api-1", [], {NAME: 10.0})
    assert 60_000 < await raw(store).pttl(key) <= 70_000, "while it is read"
    await store.joins.report(store.joins.home(NAME), "api-1", [], {"nothing": 10.0})
    assert not await raw(store).exists(place(store, "join:nothing"))


async def test_beyond_the_most_calls_are_their_own_and_not_kept(
    store: Store, one: Api, two: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "MOST", 3)
    for name in ("a", "b", "c", "d"):
        assert await one.call(name, since=await long_ago(store)) == Joined(name)
    assert (await two.call("e")).equals == 3
    await one.say("d", "left")
    assert (await two.call("e")).waits_since
    await one.say("b", "left")
    assert await two.call("e") == Joined("b", joined=True)


async def test_what_was_damaged_is_thrown_away(store: Store, one: Api) -> None:
    key = place(store, f"join:{NAME}")
    await raw(store).hset(key, mapping={"x": "nonsense", "y": ""})
    assert await one.call("a") == Joined("a")
    assert len(await entries(store)) == 1
    await raw(store).delete(key)
    await raw(store).set(key, "no hash")
    await one.say("a", "left")
    assert await one.call("b") == Joined("b")


async def test_a_job_that_nobody_asked_to_be_joinable_costs_nothing(store: Store) -> None:
    assert (await store.jobs.create(new_job())).created
    keys = [key.decode() for key in await raw(store).keys("*")]
    mine = [key for key in keys if key.startswith(store.keys.partitions[0].prefix)]
    assert mine
    assert not [key for key in mine if "join" in key or "readers" in key or "awake" in key]


async def test_it_holds_over_partitions(open_here: Open) -> None:
    """What decides is in one of them, wherever the jobs are."""
    store = open_here(partitions=8)
    one, two = Api(store, "api-1"), Api(store, "api-2")
    ids: list[Any] = [f"r{n}" for n in range(12)]
    for name in ids:
        await one.call(name, since=await long_ago(store))
        await one.say(name, "left")
        assert await two.call("again") == Joined(name, joined=True)
        await two.say(name, "ended")
    homes = {store.keys.partition(job_key("acme", name)).number for name in ids}
    assert len(homes) > 1
