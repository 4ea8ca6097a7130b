"""Polling: a response whose events are not to be had any more is asked for until it has ended.

OpenAI streams a response in the background again for some minutes after it began; later a GET
with ``stream=true`` is a 400, while one without it tells the status, and in the end all of the
answer. Other servers never stream one again, or answer with the object as it stands.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from broker.model import Failure
from workers.providers import failures
from workers.providers.base import ProviderFailure
from workers.providers.payload import GARBLED, check_depth

PENDING = frozenset(("queued", "in_progress"))  # statuses of a response that has not ended
# Statuses of an answer that say no more than that events can't be had, or not in this way.
NO_EVENTS = frozenset((400, 405, 406, 409, 410, 415, 422, 501))
_FIRST, _LONGEST = 1.0, 5.0  # seconds between two askings
_TRIES = 6  # in a row that bring nothing
_CANCELLED = {"code": "cancelled", "message": "The response was cancelled at the provider."}
_PASSING = frozenset(
    ("provider_error", "rate_limit_exceeded", "provider_cut", "provider_unreachable")
)


class Standing(msgspec.Struct):
    """What of a response tells how it stands."""

    status: str | None = None
    id: str | None = None

    @property
    def pending(self) -> bool:
        """Whether it has not ended."""
        return self.status in PENDING


_decode = msgspec.json.Decoder(Standing).decode


def standing_of(body: bytes) -> Standing:
    """How a response stands; nothing is known of what is none."""
    try:
        check_depth(body)
        return _decode(body)
    except GARBLED:
        return Standing()


async def ended(ask: Callable[[float], Awaitable[bytes]], total: float) -> bytes:
    """The body of a response that has ended, for which ``ask`` asks, in so many seconds at most.

    Raises:
        ProviderFailure: it did not end within ``total`` seconds, or was cancelled; or ``ask``
            raised it, and it is none that passes.
    """
    loop = asyncio.get_running_loop()
    until, pause, tries = loop.time() + total, _FIRST, 0
    while True:
        wait = pause
        try:
            body = await ask(until - loop.time())
        except ProviderFailure as error:
            tries += 1
            if tries >= _TRIES or not _passes(error.failure):
                raise
            wait = max(pause, error.failure.retry_after or 0.0)
        else:
            standing = standing_of(body)
            if standing.status == "cancelled":
                raise ProviderFailure(failures.stream_error(_CANCELLED))
            if not standing.pending:
                return body
            tries = 0
        if loop.time() + wait >= until:
            raise ProviderFailure(failures.timed_out("total"))
        await asyncio.sleep(wait)
        pause = min(pause * 1.5, _LONGEST)


def _passes(failure: Failure) -> bool:
    return failure.type in _PASSING or (
        failure.type == "provider_timeout" and failure.code != "total"
    )
