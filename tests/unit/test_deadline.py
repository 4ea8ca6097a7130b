"""A deadline over a stretch of a task: what it cuts off, and whose a cancellation is."""

import asyncio

import pytest

from workers.providers.deadline import Deadline


def due(seconds: float) -> Deadline:
    loop = asyncio.get_running_loop()
    return Deadline(loop, loop.time() + seconds)


async def test_what_waits_beyond_it_is_cut_off() -> None:
    never, deadline = asyncio.get_running_loop().create_future(), due(0)
    with pytest.raises(TimeoutError), deadline:
        await never
    assert deadline.expired
    assert never.cancelled()
    assert not _running().cancelling()


async def test_one_that_has_passed_still_lets_a_turn_go_by() -> None:
    with due(-60) as deadline:
        pass
    await asyncio.sleep(0)
    assert not deadline.expired


async def test_what_ends_in_time_is_left_alone() -> None:
    with due(60) as deadline:
        await asyncio.sleep(0)
    assert not deadline.expired


@pytest.mark.parametrize(("first", "then"), [(60, 0), (0, 60)])
async def test_it_can_be_moved(first: float, then: float) -> None:
    loop = asyncio.get_running_loop()
    with due(first) as deadline:
        deadline.move(loop.time() + then)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            _running().uncancel()
    assert deadline.expired == (then == 0)


async def test_one_that_has_expired_is_not_moved() -> None:
    loop = asyncio.get_running_loop()

    async def wait(deadline: Deadline) -> None:
        with deadline:
            try:
                await loop.create_future()
            finally:
                deadline.move(loop.time())
                await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await wait(due(0))
    assert not _running().cancelling(), "cancelled once"


async def test_another_s_cancellation_stays_one() -> None:
    async def wait() -> None:
        with due(60):
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_another_s_cancellation_in_the_same_turn_stays_one() -> None:
    """Cancelled by its job's end and by the deadline at once: the job's end counts."""

    async def wait() -> None:
        with due(0):
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_another_error_is_no_timeout() -> None:
    async def wait(deadline: Deadline) -> None:
        with deadline:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                raise ValueError("other") from None

    with pytest.raises(ValueError, match="other"):
        await wait(due(0))
    assert not _running().cancelling()


def _running() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None
    return task
