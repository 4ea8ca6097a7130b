"""Slots: what is free, what is promised, and when a change is told."""

import asyncio

from workers.slots import Slots


def test_a_promise_is_kept_free_until_its_claim_is_answered() -> None:
    slots = Slots(10, 0.8, 1)
    with slots.promise(4, 3):
        assert (slots.free, slots.free_batch, slots.awaited) == (6, 5, True)
        slots.take(batch=True)
        assert (slots.free, slots.free_batch) == (5, 4)
    assert (slots.free, slots.free_batch, slots.awaited) == (9, 7, False)


def test_interactive_jobs_leave_no_more_to_batch_jobs_than_is_free() -> None:
    slots = Slots(10, 0.8, 1)
    for _ in range(9):
        slots.take(batch=False)
    assert (slots.free, slots.free_batch) == (1, 1)


def test_all_partitions_waits_together_are_promised_half_of_what_is_free() -> None:
    for partitions in (1, 2, 5):
        slots = Slots(20, 0.8, partitions)
        for _ in range(partitions):
            ready = slots.ready()
            assert ready is not None
            slots.promise(*ready).__enter__()
        assert slots.free >= 10
        assert slots.free_batch >= 8


def test_few_slots_are_promised_to_no_wait() -> None:
    slots = Slots(4, 1.0, 2)
    assert slots.ready() == (1, 1)
    slots.take(batch=False)
    assert slots.ready() is None


def test_a_wait_without_room_for_batch_jobs_is_for_the_others_only_where_they_are_full() -> None:
    slots = Slots(20, 0.1, 1)
    assert slots.ready() == (2, 1)
    slots.take(batch=True)
    assert slots.ready() is None, "a batch job that comes must be taken at once"
    slots.take(batch=True)
    assert slots.ready() == (2, 0)


async def test_a_change_is_told() -> None:
    slots = Slots(2, 1.0, 2)
    slots.take(batch=True)
    waiting = asyncio.create_task(slots.change())
    await asyncio.sleep(0)
    assert not waiting.done()
    slots.give_back(batch=True)
    async with asyncio.timeout(5):
        await waiting
    assert all(freed.is_set() for freed in slots.room)


def test_slots_are_counted_by_account_where_each_has_a_share() -> None:
    slots = Slots(10, 0.8, 1, account_share=4.0)
    slots.take("a", batch=False)
    slots.take("a", batch=True)
    slots.take("b", batch=False)
    assert (dict(slots.accounts), slots.unheld) == ({"a": 2, "b": 1}, 7)
    slots.give_back("b", batch=False)
    assert (dict(slots.accounts), slots.unheld) == ({"a": 2}, 8)


def test_who_ends_makes_room_for_jobs_that_were_left() -> None:
    slots = Slots(10, 0.8, 1, account_share=4.0)
    slots.take("a", batch=False)
    slots.passed_over(3)
    assert slots.left_some
    slots.give_back("a", batch=False)
    assert slots.room[0].is_set()
    slots.passed_over(0)
    assert not slots.left_some
