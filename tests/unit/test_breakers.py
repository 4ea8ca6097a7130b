"""A worker's view of the breakers, over the store's own scripts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from broker.errors import StoreAway
from broker.model import Failure
from broker.routing import Target
from broker.settings import Breaker as Limits
from broker.store import Store, breakers
from broker.store.breakers import Breaker
from tests.store.samples import listening, raw, until
from tests.unit.stores import make_settings, open_fake
from workers import breakers as module
from workers.breakers import BreakerView
from workers.providers import failures

A, B = Target("one", "a"), Target("two", "b")
BAD = Failure("provider_error", "It fell over.")
FINAL = Failure("invalid_request_error", "Bad request.", remedy="final")
LIMITS = Limits(least_calls=3, cooldown=30.0, trial=60.0)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with open_fake(make_settings(breaker=LIMITS)) as store:
        yield store


@asynccontextmanager
async def running(store: Store) -> AsyncIterator[BreakerView]:
    view = BreakerView(store.breakers)
    task = asyncio.create_task(view.run())
    try:
        yield view
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def stored(store: Store, target: Target = A) -> Breaker:
    found = {each.name: each for each in await store.breakers.all()}
    return found.get(str(target), Breaker(str(target), "closed"))


async def open_breaker(store: Store, target: Target = A, *, due: bool = False) -> Breaker:
    """Open it; if ``due`` its cooldown is over."""
    breaker = await store.breakers.report(str(target), 0, LIMITS.least_calls)
    assert breaker.state == "open"
    if due:
        key = f"{store.keys.partitions[0].prefix}breaker:{target}"
        await raw(store).hset(key, "until", 0)
        return Breaker(breaker.name, "open")
    return breaker


def change(breaker: Breaker) -> bytes:
    return f"{breaker.state} {breaker.wait * 1000:.0f} {breaker.name}".encode()


async def passage(view: BreakerView, target: Target = A, **how: Any) -> Any:
    leave = await view.admit(target, **how)
    assert leave is not None
    return leave


# ── Choosing ───────────────────────────────────────────────────────────────────────────


async def test_what_is_not_known_is_not_shut(store: Store) -> None:
    view = BreakerView(store.breakers)
    assert view.shut([A, B]) == {}
    commands: list[Any] = []
    cast(Any, store.breakers).trial = commands.append
    assert await view.admit(A) is not None  # without a round trip
    assert commands == []


async def test_an_open_target_is_shut_for_its_cooldown(store: Store) -> None:
    view = BreakerView(store.breakers)
    view.on_change(b"open 30000 one/a")
    shut = view.shut([A, B])
    assert list(shut) == [A]
    assert 29.0 < shut[A] <= 30.0
    view.on_change(b"closed 0 one/a")
    assert view.shut([A, B]) == {}


async def test_one_call_is_the_trial_and_the_others_are_refused(store: Store) -> None:
    mine, others = BreakerView(store.breakers), BreakerView(store.breakers)
    breaker = await open_breaker(store, due=True)
    for view in (mine, others):
        view.on_change(change(breaker))
        assert view.shut([A]) == {}  # a trial is due
    channel = store.keys.breaker_channel
    async with listening(store, channel) as heard:
        assert await mine.admit(A) is not None
        assert (await heard()).startswith(b"half-open 60000 ")
    assert await others.admit(A) is None
    assert A in others.shut([A])  # for as long as the trial may take
    assert await mine.admit(A) is None
    assert (await stored(store)).state == "half-open"


async def test_a_target_that_is_the_least_bad_is_called_without_being_a_trial(store: Store) -> None:
    view = BreakerView(store.breakers)
    view.on_change(change(await open_breaker(store, due=True)))
    leave = await passage(view, anyway=True)
    leave.answered()
    leave.ended(None)
    await view._report()
    assert (await stored(store)).state == "open"


async def test_a_breaker_that_closed_meanwhile_lets_through(store: Store) -> None:
    view = BreakerView(store.breakers)
    view.on_change(b"open 0 one/a")  # old news
    leave = await passage(view)
    leave.answered()
    assert view._counts == {}  # it was no trial
    assert view._seen == {}


async def test_without_the_store_nothing_is_held_against_a_target(store: Store) -> None:
    view = BreakerView(store.breakers)
    view.on_change(b"open 0 one/a")

    async def away(*args: Any, **options: Any) -> Any:
        raise StoreAway()

    cast(Any, store.breakers).trial = away
    assert await view.admit(A) is not None


# ── Counting ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("failure", "good", "bad"),
    [(None, 1, 0), (BAD, 0, 1), (FINAL, 1, 0)],
    ids=["well", "badly", "by the call's own fault"],
)
async def test_a_call_counts_by_how_it_ended(
    store: Store, failure: Failure | None, good: int, bad: int
) -> None:
    view = BreakerView(store.breakers)
    leave = await passage(view)
    leave.answered()
    leave.ended(failure)
    await view._report()
    breaker = await stored(store)
    assert (breaker.good, breaker.bad) == (good, bad)


async def test_a_call_that_was_given_up_counts_nothing(store: Store) -> None:
    view = BreakerView(store.breakers)
    (await passage(view)).given_up()
    assert view._counts == {}


async def trial(store: Store) -> tuple[BreakerView, Any]:
    view = BreakerView(store.breakers)
    view.on_change(change(await open_breaker(store, due=True)))
    return view, await passage(view)


async def test_a_trial_passes_with_its_first_word(store: Store) -> None:
    view, leave = await trial(store)
    leave.answered()
    await view._report()
    breaker = await stored(store)
    assert (breaker.state, breaker.bad) == ("closed", 0)
    assert view.shut([A]) == {}
    leave.answered()
    leave.ended(BAD)  # cut off later: a failure like any other
    await view._report()
    assert (await stored(store)).state == "closed"
    assert (await stored(store)).bad == 1


async def test_a_trial_that_fails_opens_it_for_another_cooldown(store: Store) -> None:
    view, leave = await trial(store)
    leave.ended(BAD)
    await view._report()
    breaker = await stored(store)
    assert breaker.state == "open"
    assert 29.0 < breaker.wait <= 30.0
    assert A in view.shut([A])


async def test_a_trial_whose_call_was_at_fault_closes_it(store: Store) -> None:
    view, leave = await trial(store)
    leave.ended(FINAL)
    await view._report()
    assert (await stored(store)).state == "closed"


async def test_a_trial_that_was_given_up_is_another_s_at_once(store: Store) -> None:
    view, leave = await trial(store)
    leave.given_up()
    await view._report()
    assert (await stored(store)).state == "open"
    assert view.shut([A]) == {}
    assert await view.admit(A) is not None


# ── Reporting ──────────────────────────────────────────────────────────────────────────


async def test_what_fails_opens_every_worker_s_copy(store: Store) -> None:
    async with running(store) as view, listening(store, store.keys.breaker_channel) as heard:
        for _ in range(LIMITS.least_calls):
            (await passage(view)).ended(BAD)
        published = await heard()
        other = BreakerView(store.breakers)
        other.on_change(published)
        assert A in other.shut([A])
        await until(lambda: _is(A in view.shut([A])))


async def _is(held: bool) -> bool:
    return held


async def test_calls_are_reported_together(store: Store) -> None:
    reports: list[tuple[str, int, int]] = []
    report = store.breakers.report

    async def noted(name: str, good: int, bad: int, **more: Any) -> Breaker:
        reports.append((name, good, bad))
        return await report(name, good, bad, **more)

    cast(Any, store.breakers).report = noted
    async with running(store) as view:
        await asyncio.sleep(0)
        for _ in range(5):
            (await passage(view)).ended(None)
            (await passage(view, B)).ended(None)
        (await passage(view, B)).ended(BAD)  # hurries them
        await until(lambda: _is(len(reports) == 2))
    assert sorted(reports) == [("one/a", 5, 0), ("two/b", 5, 1)]


async def test_what_is_counted_during_a_report_is_in_the_next(store: Store) -> None:
    view = BreakerView(store.breakers)
    report = store.breakers.report

    async def slow(name: str, good: int, bad: int, **more: Any) -> Breaker:
        if good == 1:
            view.count("one/a", 2, 0, trial=False)
        return await report(name, good, bad, **more)

    cast(Any, store.breakers).report = slow
    view.count("one/a", 1, 0, trial=False)
    await view._report()
    assert (await stored(store)).good == 3
    assert view._counts == {}


async def test_counts_wait_for_a_store_that_is_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FLUSH", 0.001)
    report, fails = store.breakers.report, 3

    async def away(*args: Any, **options: Any) -> Breaker:
        nonlocal fails
        if fails:
            fails -= 1
            raise StoreAway()
        return await report(*args, **options)

    cast(Any, store.breakers).report = away
    async with running(store) as view:
        (await passage(view)).ended(BAD)

        async def counted() -> bool:
            return (await stored(store)).bad == 1

        await until(counted)
    assert fails == 0


async def test_a_change_that_was_missed_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FLUSH", 0.001)
    monkeypatch.setattr(module, "_REFRESH", 0.001)
    async with running(store) as view:
        await open_breaker(store)
        await until(lambda: _is(A in view.shut([A])))
        await raw(store).hset(f"{store.keys.partitions[0].prefix}breaker:{A}", "state", "closed")
        await until(lambda: _is(view.shut([A]) == {}))


# ── Names ──────────────────────────────────────────────────────────────────────────────


async def test_made_up_names_are_known_once_they_have_answered(store: Store) -> None:
    """``one/a`` is a route's; ``one/x`` and ``one/y`` are what a caller wrote."""
    view = BreakerView(store.breakers)
    x, y = Target("one", "x"), Target("one", "y")
    assert [view.is_known(str(each)) for each in (A, x, y)] == [True, False, False]
    (await passage(view, x)).ended(None)
    assert [view.is_known(str(each)) for each in (A, x, y)] == [True, True, False]
    (await passage(view, y)).ended(FINAL)
    assert not view.is_known(str(y))


async def test_made_up_names_open_no_breaker_but_their_own(store: Store) -> None:
    async with running(store) as view:
        bad = Target("one", "x")
        for _ in range(LIMITS.least_calls):
            (await passage(view, bad)).ended(BAD)
        await until(lambda: truth(bool(view.shut([bad]))))
        assert not view.shut([A, Target("one", "another"), Target("two", "x")])
    assert await store.breakers.all() == []  # nobody is shown what a caller wrote
    (found,) = await store.breakers.of(["one/x"])
    assert found.state == "open"


async def test_inventions_push_out_no_other_s_breaker(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers, "MOST", 2)
    await store.breakers.report("one/real", 1, 0)
    for number in range(5):
        await store.breakers.report(f"one/x{number}", 0, 3, known=False)
    assert [each.name for each in await store.breakers.all()] == ["one/real"]
    made = await store.breakers.of([f"one/x{number}" for number in range(5)])
    assert [each.name for each in made] == ["one/x3", "one/x4"]
    await store.breakers.report("one/x4", 1, 0)  # it has answered
    await store.breakers.report("one/x4", 0, 1, known=False)  # as a worker says that has not heard
    assert [each.name for each in await store.breakers.all()] == ["one/real", "one/x4"]


async def test_an_invention_s_breaker_outlasts_a_reading_of_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, x = BreakerView(store.breakers), Target("one", "x")
    view.on_change(b"open 30000 one/x")
    view._take(await store.breakers.all())
    assert x in view.shut([x])
    monkeypatch.setattr(module, "_STALE", -31.0)
    view._take(await store.breakers.all())
    assert view.shut([x]) == {}


async def test_what_another_worker_has_proven_is_known(store: Store) -> None:
    await store.breakers.report("one/x", 1, 0)
    async with running(store) as view:
        await until(lambda: truth(view.is_known("one/x")))


async def truth(value: bool) -> bool:
    return value


async def test_proven_names_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    view = BreakerView(store.breakers)
    for name in "xyxz":
        view.prove(Target("one", name))
    assert [view.is_known(f"one/{each}") for each in "xyz"] == [True, False, True]


async def test_what_could_not_be_sent_counts_for_nobody(store: Store) -> None:
    view = BreakerView(store.breakers)
    for _ in range(2 * LIMITS.least_calls):
        (await passage(view)).ended(failures.unsent())
    assert not view._counts


async def test_a_damaged_breaker_keeps_no_other_from_being_counted(store: Store) -> None:
    await raw(store).set(f"{store.keys.partitions[0].prefix}breaker:{A}", "x")
    async with running(store) as view:
        view.count(str(A), 0, 1, trial=False)
        view.count(str(B), 0, LIMITS.least_calls, trial=False)

        async def opened() -> bool:
            return (await stored(store, B)).state == "open"

        await until(opened)
