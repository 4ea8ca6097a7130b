"""The allowance of large parts of answers: bounded, shared by accounts, and never stuck."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from workers.providers.allowance import FREE, STEP, Allowance, Share

TOTAL = 8 * STEP


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _started(*work: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    return [asyncio.ensure_future(each) for each in work]


async def test_what_is_free_takes_nothing() -> None:
    allowance = Allowance(TOTAL)
    share = Share(allowance, "a")
    await share.cover(FREE)
    assert (share.covers(FREE), share.covers(FREE + 1), allowance.used) == (True, False, 0)


async def test_it_is_taken_in_steps_and_given_back() -> None:
    allowance = Allowance(TOTAL)
    share = Share(allowance, "a")
    await share.cover(FREE + 1)
    assert share.covers(FREE + STEP)
    assert allowance.used == STEP + 1
    share.release()
    share.release()
    assert (allowance.used, share.size, share.covers(FREE + 1)) == (0, 0, False)


async def test_one_account_has_half_and_another_the_rest() -> None:
    allowance = Allowance(TOTAL)
    first, second, other = (Share(allowance, name) for name in ("a", "a", "b"))
    await first.cover(FREE + 3 * STEP)  # four steps: all that the account may have
    waiting, served = _started(second.cover(FREE + 1), other.cover(FREE + 1))
    await _turns()
    assert (waiting.done(), served.done()) == (False, True)
    first.release()
    await asyncio.wait_for(waiting, 1)


async def test_all_that_grow_at_once_come_to_their_ends() -> None:
    """Each holds some and wants more than there is: the oldest goes on, then the next."""
    allowance = Allowance(TOTAL)
    ended: list[int] = []
    most = 0

    async def grows(number: int) -> None:
        nonlocal most
        share = Share(allowance, f"account {number % 3}")
        for held in range(0, 6 * STEP, STEP // 2):
            await share.cover(FREE + held)
            most = max(most, allowance.used)
            await asyncio.sleep(0)
        ended.append(number)
        share.release()

    await asyncio.wait_for(asyncio.gather(*map(grows, range(20))), 10)
    assert sorted(ended) == list(range(20))
    assert allowance.used == 0
    assert TOTAL // 2 < most <= TOTAL + 7 * STEP  # the oldest may go beyond it


async def test_one_that_is_given_up_while_it_waits_leaves_its_place() -> None:
    allowance = Allowance(TOTAL)
    oldest, gone, last = (Share(allowance, name) for name in "abc")
    await oldest.cover(FREE + 7 * STEP)
    waiting, behind = _started(gone.cover(FREE + 1), last.cover(FREE + 1))
    await _turns()
    waiting.cancel()
    await asyncio.wait([waiting])
    gone.release()
    assert not behind.done()
    oldest.release()
    await asyncio.wait_for(behind, 1)
