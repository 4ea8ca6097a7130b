"""Calls that are passed through to a provider while their caller waits: so many an account.

No job is made of them, so that neither a queue nor a limit of open jobs holds them. Without a
bound of its own an account that makes slow ones would take what all others wait for.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker.blame import Asked, judged
from broker.errors import TooManyCalls
from broker.model import Failure
from broker.routing import Target
from broker.settings import Settings

# Why there is no answer to pass on.
UNREACHABLE = Failure(
    type="provider_unreachable", message="The provider can't be reached.", retryable=True
)
LATE = Failure(
    type="provider_timeout",
    message="The provider did not end its answer in time.",
    status=504,
    code="total",
    retryable=True,
)
GARBLED = Failure(
    type="provider_garbled", message="The provider's answer can't be understood.", retryable=True
)


def blamed(failure: Failure, settings: Settings, model: str, target: Target) -> Failure:
    """A target's refusal of what a caller wrote, with whose fault it is."""
    routed, named = settings.chosen(model, *target)
    return judged(failure, Asked(target.model, routed=routed, named=named))


class Passing:
    """The calls of one process. ``most`` an account at once, each for ``seconds`` at most."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._under_way: Counter[str] = Counter()

    @asynccontextmanager
    async def call(self, account: str) -> AsyncIterator[None]:
        """One call, for as long as the block runs.

        Raises:
            TooManyCalls: the account has its number under way.
            TimeoutError: the block took too long.
        """
        if self._under_way[account] >= self._most:
            raise TooManyCalls(f"It may have {self._most} at once.")
        self._under_way[account] += 1
        try:
            async with asyncio.timeout(self._seconds):
                yield
        finally:
            self._under_way[account] -= 1
            if not self._under_way[account]:
                del self._under_way[account]
