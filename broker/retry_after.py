"""How long a provider asks to be left alone, and what that means for a job's next attempt.

``retry-after-ms`` is read first, as the official SDKs do, for it is the finer word; then
``Retry-After``, in seconds or as a date (``broker.refusal`` reads both).

A short wait is waited. A longer one is the caller's to decide: the target is left alone, another
one answers if the route has it, and else the provider's refusal goes out at once, its
``Retry-After`` with it (RFC 9110, 10.2.3). Knocking meanwhile would be answered the same.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from broker.model import Attempt
from broker.routing import LONGEST_WAIT, Target

_IN_MS = ("retry-after-ms", "x-ms-retry-after-ms")  # OpenAI's and Azure's
_NUMBER = re.compile(r"\d{1,11}(\.\d{1,9})?", re.ASCII)


class Headers(Protocol):
    """Headers by their names, in any case."""

    def get(self, name: str, /) -> str | None: ...


def wait_asked_for(headers: Headers) -> str | None:
    """What the headers say of it, as a ``Retry-After`` of seconds or a date; None for nothing."""
    for name in _IN_MS:
        text = str(headers.get(name) or "").strip()
        if _NUMBER.fullmatch(text):
            return f"{float(text) / 1000:.6f}"
    return headers.get("retry-after")


def left_alone(
    history: Sequence[Attempt], now: float, patience: float = LONGEST_WAIT
) -> dict[Target, float]:
    """The targets that asked for a longer wait than the job has for them, each with its seconds
    to go.

    ``now`` is Unix seconds. ``patience`` bounds one wait, for a job with a deadline; all waits for
    one target are no longer than ``LONGEST_WAIT`` together.
    """
    asked: dict[Target, float] = {}
    until: dict[Target, float] = {}
    for attempt in history:
        wait = attempt.error.retry_after if attempt.error is not None else None
        if wait:
            target = Target(attempt.provider, attempt.model)
            asked[target] = asked.get(target, 0.0) + wait
            until[target] = (now if attempt.ended is None else attempt.ended) + wait
    left = {target: when - now for target, when in until.items() if when > now}
    return {
        target: wait
        for target, wait in left.items()
        if asked[target] > LONGEST_WAIT or wait > patience
    }
