"""Calls that are passed through: so many an account, each for so long."""

import asyncio

import pytest

from broker.api.passing import Passing
from broker.errors import TooManyCalls


async def held(passing: Passing, account: str, entered: asyncio.Event) -> None:
    async with passing.call(account):
        entered.set()
        await asyncio.Event().wait()


async def begin(passing: Passing, account: str) -> "asyncio.Task[None]":
    entered = asyncio.Event()
    task = asyncio.create_task(held(passing, account, entered))
    await entered.wait()
    return task


async def test_an_account_has_its_number_and_others_have_theirs() -> None:
    passing = Passing(2, 60.0)
    tasks = [await begin(passing, "a") for _ in range(2)]
    with pytest.raises(TooManyCalls) as caught:
        async with passing.call("a"):
            pass
    assert caught.value.retryable
    tasks.append(await begin(passing, "b"))
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    tasks.append(await begin(passing, "a"))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not passing._under_way


async def test_a_call_that_takes_too_long_makes_room() -> None:
    passing = Passing(1, 0.0)
    with pytest.raises(TimeoutError):
        async with passing.call("a"):
            await asyncio.Event().wait()
    assert not passing._under_way
