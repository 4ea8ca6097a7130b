"""Waiting for a store that is away: it comes back, or the lease is lost and with it the task."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from broker.errors import StoreAway

T = TypeVar("T")

_AWAY = 0.1  # seconds before it is asked again


async def until_back(ask: Callable[[], Awaitable[T]]) -> T:
    """What the store answers, as soon as it does."""
    while True:
        try:
            return await ask()
        except StoreAway:
            await asyncio.sleep(_AWAY)
