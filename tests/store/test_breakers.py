"""Circuit breakers over every store, step by step; ``test_breakers_model`` tries the rest.

Time passes by moving what is stored: the bucket that counts half windows, the end of a wait.
"""

import asyncio

import pytest

from broker import settings
from broker.model import Failure
from broker.store import Store, breakers
from broker.store.breakers import Breaker, parse_change
from tests.store.conftest import Open
from tests.store.samples import half_window_passes, left, listening, now_ms, raw, wait_is_over

NAME = "openai/gpt"
LIMITS = settings.Breaker(
    window=1e6, least_calls=4, failure_ratio=0.5, cooldown=1000.0, trial=2000.0
)


@pytest.fixture
def store(open_here: Open) -> Store:
    return open_here(breaker=LIMITS)


async def opened(store: Store) -> Breaker:
    return await store.breakers.report(NAME, 0, 4)


async def half_open(store: Store) -> None:
    await opened(store)
    await wait_is_over(store, NAME)
    assert (await store.breakers.trial(NAME))[0]


async def test_what_never_failed_is_closed(store: Store) -> None:
    assert await store.breakers.all() == []
    assert await store.breakers.trial(NAME) == (True, Breaker(NAME, "closed"))
    assert await store.breakers.all() == [], "asking counts nothing"
    assert await store.breakers.report(NAME, 100, 0) == Breaker(NAME, "closed")
    assert await store.breakers.all() == [Breaker(NAME, "closed", good=100)]


@pytest.mark.parametrize(
    ("good", "bad", "state"),
    [(0, 3, "closed"), (0, 4, "open"), (3, 2, "closed"), (2, 2, "open"), (99, 100, "open")],
)
async def test_it_takes_enough_calls_and_enough_failures(
    store: Store, good: int, bad: int, state: str
) -> None:
    await store.breakers.report(NAME, good, 0)
    for _ in range(bad):
        breaker = await store.breakers.report(NAME, 0, 1)
    assert breaker.state == state
    assert (900 < breaker.wait <= 1000) if state == "open" else breaker.wait == 0


async def test_success_opens_nothing(store: Store) -> None:
    await store.breakers.report(NAME, 0, 3)
    assert (await store.breakers.report(NAME, 1, 0)).state == "closed"
    assert (await store.breakers.report(NAME, 0, 1)).state == "open"


async def test_failures_count_for_two_half_windows(store: Store) -> None:
    await store.breakers.report(NAME, 0, 3)
    await half_window_passes(store, NAME)
    assert (await store.breakers.all())[0].bad == 3
    assert (await store.breakers.report(NAME, 0, 1)).state == "open"


async def test_failures_before_that_are_forgotten(store: Store) -> None:
    await store.breakers.report(NAME, 0, 3)
    await half_window_passes(store, NAME)
    await store.breakers.report(NAME, 2, 0)
    await half_window_passes(store, NAME)
    assert await store.breakers.all() == [Breaker(NAME, "closed", good=2)]
    assert (await store.breakers.report(NAME, 0, 1)).state == "closed"
    for _ in range(2):
        await half_window_passes(store, NAME)
    assert await store.breakers.all() == [Breaker(NAME, "closed")], "nobody called in the window"
    assert (await store.breakers.report(NAME, 0, 3)).state == "closed"


async def test_an_open_breaker_waits_for_its_cooldown(store: Store) -> None:
    await opened(store)
    granted, breaker = await store.breakers.trial(NAME)
    assert (granted, breaker.state) == (False, "open")
    assert 900 < breaker.wait <= 1000
    (shown,) = await store.breakers.all()
    assert 900 < shown.wait <= 1000
    assert (await store.breakers.report(NAME, 9, 0)).state == "open", "what was under way"


async def test_one_trial_for_two_that_ask_at_once(open_here: Open) -> None:
    one, two = open_here(breaker=LIMITS), open_here(breaker=LIMITS)
    await opened(one)
    await wait_is_over(one, NAME)
    asked = await asyncio.gather(*(each.breakers.trial(NAME) for each in (one, two) * 5))
    assert sorted(granted for granted, _ in asked) == [False] * 9 + [True]
    assert {breaker.state for _, breaker in asked} == {"half-open"}
    assert all(1900 < breaker.wait <= 2000 for _, breaker in asked)


async def test_a_trial_that_succeeds_closes_it_and_forgets_the_failures(store: Store) -> None:
    await half_open(store)
    assert await store.breakers.report(NAME, 1, 0, trial=True) == Breaker(NAME, "closed")
    assert await store.breakers.trial(NAME) == (True, Breaker(NAME, "closed"))
    assert (await store.breakers.report(NAME, 0, 1)).state == "closed"
    (shown,) = await store.breakers.all()
    assert (shown.good, shown.bad) == (1, 1)


async def test_a_trial_that_fails_opens_it_again(store: Store) -> None:
    await half_open(store)
    assert await store.breakers.report(NAME, 0, 1, trial=True) == Breaker(NAME, "open", 1000.0)
    assert not (await store.breakers.trial(NAME))[0]


async def test_other_calls_do_not_end_a_trial(store: Store) -> None:
    await half_open(store)
    for good, bad in ((9, 0), (0, 9)):
        breaker = await store.breakers.report(NAME, good, bad)
        assert breaker.state == "half-open"
        assert 1900 < breaker.wait <= 2000


async def test_a_trial_that_was_lost_is_given_to_another(store: Store) -> None:
    await half_open(store)
    assert not (await store.breakers.trial(NAME))[0]
    await wait_is_over(store, NAME)
    assert (await store.breakers.trial(NAME))[0]
    assert not (await store.breakers.trial(NAME))[0]
    assert (await store.breakers.report(NAME, 1, 0, trial=True)).state == "closed"


async def test_a_trial_told_twice_is_one_change(store: Store) -> None:
    await half_open(store)
    await store.breakers.report(NAME, 1, 0, trial=True)
    assert (await store.breakers.report(NAME, 1, 0, trial=True)).state == "closed"
    await half_open(store)
    await store.breakers.report(NAME, 0, 1, trial=True)
    assert (await store.breakers.report(NAME, 1, 0, trial=True)).state == "open"


async def test_changes_are_published_and_remembered(store: Store) -> None:
    before = await now_ms(store)
    async with listening(store, store.keys.breaker_channel) as heard:
        await half_open(store)
        await store.breakers.report(NAME, 0, 1, trial=True)
        await wait_is_over(store, NAME)
        await store.breakers.trial(NAME)
        await store.breakers.report(NAME, 1, 0, trial=True)
        changes = [parse_change(await heard()) for _ in range(5)]
    assert [(each.state, each.wait) for each in changes] == [
        ("open", 1000.0),
        ("half-open", 2000.0),
        ("open", 1000.0),
        ("half-open", 2000.0),
        ("closed", 0.0),
    ]
    assert {each.name for each in changes} == {NAME}
    (shown,) = await store.breakers.all()
    assert shown.changed_ms is not None
    assert before <= shown.changed_ms <= await now_ms(store)


def test_a_change_is_parsed_whatever_the_target_is_called() -> None:
    assert parse_change("half-open 1500 p/a model é".encode()) == Breaker(
        "p/a model é", "half-open", 1.5
    )


async def test_what_is_called_no_more_goes_away(store: Store) -> None:
    key = f"{store.keys.partitions[0].prefix}breaker:{NAME}"
    await store.breakers.report(NAME, 1, 0)
    await store.breakers.report("openai/other", 1, 0)
    assert await left(store, key) > 1_900_000_000, "two windows"
    await raw(store).delete(key)
    assert [each.name for each in await store.breakers.all()] == ["openai/other"]


async def test_names_that_callers_make_up_are_bounded(
    open_here: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's own stay, however long they counted nothing: an open one above all."""
    monkeypatch.setattr(breakers, "MOST", 3)
    store = open_here(breaker=LIMITS, routes={"m": settings.Route(targets=(NAME,))})
    await opened(store)
    for number in range(5):
        await store.breakers.report(f"openai/{number}", 1, 0)
    names = [each.name for each in await store.breakers.all()]
    assert names == ["openai/2", "openai/3", "openai/4", NAME]
    prefix = store.keys.partitions[0].prefix
    assert not await raw(store).exists(f"{prefix}breaker:openai/0")
    (own,) = await store.breakers.of([NAME])
    assert own.state == "open"


async def test_breakers_live_in_the_first_partition(store: Store) -> None:
    await opened(store)
    found = await raw(store).keys(store.settings.store.deployment + ":*breaker*")
    assert all(b"{p0}" in name for name in found)


async def test_the_last_failure_is_kept_with_its_time(store: Store) -> None:
    gone = Failure("invalid_request_error", "model: a", status=404, remedy="next", fault="operator")
    cut = Failure("provider_cut", "It broke off.")
    before = await now_ms(store)
    await store.breakers.report(NAME, 0, 1, why=gone)
    (shown,) = await store.breakers.all()
    assert shown.why == gone
    assert before <= (shown.why_ms or 0) <= await now_ms(store)
    await store.breakers.report(NAME, 5, 0, why=cut)  # none of these failed
    await store.breakers.report(NAME, 0, 1)  # an older worker does not say
    assert (await store.breakers.all())[0].why == gone
    await store.breakers.report(NAME, 0, 2, why=cut)
    (shown,) = await store.breakers.all()
    assert (shown.why, shown.state) == (cut, "closed")  # 5 of 9 went well
    key = f"{store.keys.partitions[0].prefix}breaker:{NAME}"
    await raw(store).hset(key, "why", '{"type":7}')  # a newer release's
    assert (await store.breakers.all())[0].why is None
