"""Waiting, for a store that is away: it comes back, or the lease is lost and with it the task; and
for providers that ask for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from broker.errors import StoreAway
from broker.model import Attempt
from broker.retry_after import left_alone
from broker.routing import Target

T = TypeVar("T")

_AWAY = 0.1  # seconds before it is asked again


async def until_back(ask: Callable[[], Awaitable[T]]) -> T:
    """What the store answers, as soon as it does."""
    while True:
        try:
            return await ask()
        except StoreAway:
            await asyncio.sleep(_AWAY)


def asked_waits(tried: Sequence[Attempt], until: float | None) -> dict[Target, float]:
    """The targets that asked for a longer wait than a job has for them (``broker.retry_after``),
    whose deadline is ``until``, of the loop's clock."""
    if not tried:
        return {}
    if until is None:
        return left_alone(tried, time.time())
    return left_alone(tried, time.time(), until - asyncio.get_running_loop().time())
