"""The budget of large bodies: what one account takes is never all of it."""

import asyncio

import pytest

from broker.errors import Overloaded
from broker.offload.budget import Budget


async def test_an_account_has_its_share_and_others_the_rest() -> None:
    budget = Budget(100)
    await budget.take("a", 50)
    with pytest.raises(Overloaded):
        await budget.take("a", 1, patience=0.0)
    await budget.take("b", 50)
    with pytest.raises(Overloaded):
        await budget.take("c", 1, patience=0.0)


async def test_a_single_body_larger_than_the_share_has_room_where_nothing_else_is() -> None:
    budget = Budget(100)
    reserved = await budget.take("a", 90)
    reserved.release()
    assert budget.used == 0


async def test_who_waits_is_let_in_when_bytes_are_given_back() -> None:
    budget = Budget(100)
    first = await budget.take("a", 50)
    waiting = asyncio.create_task(budget.take("a", 20))
    await asyncio.sleep(0)
    assert not waiting.done()
    first.release()
    second = await waiting
    assert budget.used == 20
    second.grow(5)
    assert budget.used == 25
    second.release()
    second.release()  # once is enough
    assert budget.used == 0


async def test_one_that_gives_up_waiting_leaves_nothing_behind() -> None:
    budget = Budget(100)
    held = await budget.take("a", 50)
    waiting = asyncio.create_task(budget.take("a", 20))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    held.release()
    assert budget.used == 0
