"""Which target a job tries next. Pure: settings and history in, a decision out.

A route's targets are tried in order, one an attempt, and the order begins again at its
head when attempts are left. This module is the place for richer policies: everything that
decides about retry, fallback and the end of a job is in ``next_step``.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from broker.errors import UnknownModel
from broker.model import Attempt, Failure
from broker.settings import Settings


class Target(NamedTuple):
    """One provider and the provider's own name for the model."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class Run(NamedTuple):
    """Start an attempt against this target, after waiting ``delay`` seconds."""

    target: Target
    delay: float


class End(NamedTuple):
    """Fail the job with this."""

    failure: Failure


def targets_for(settings: Settings, model: str) -> tuple[Target, ...]:
    """The targets of a public model name, or the one that ``PROVIDER/MODEL`` addresses.

    Raises:
        UnknownModel: neither a route nor a provider has that name.
    """
    route = settings.routes.get(model)
    if route is not None:
        return tuple(Target(*target.split("/", 1)) for target in route.targets)
    provider, _, rest = model.partition("/")
    if rest and provider in settings.providers:
        return (Target(provider, rest),)
    raise UnknownModel(f"There is no route {model!r}.", param="model")


LOST = Failure(
    type="worker_lost",
    message="The worker that ran the job was lost before it delivered anything.",
    status=502,
    retryable=True,
)
LOST_MID_STREAM = Failure(
    type="worker_lost",
    message="The worker that ran the job was lost in mid-stream; what it delivered stays readable.",
    status=502,
    retryable=True,
)


def next_step(
    targets: Sequence[Target],
    history: Sequence[Attempt],
    *,
    delivered: bool,
    allowed: int,
    backoff: float,
) -> Run | End:
    """What to do now, given the attempts that have ended (the last one without an answer).

    ``delivered`` tells whether a dialect frame was appended: if so the stream can't be
    begun again, and the job ends with the last attempt's failure. ``allowed`` is how many
    attempts the job has in all; ``backoff`` the seconds before its second.
    """
    last = history[-1] if history else None
    failure = (last.error if last else None) or LOST
    if delivered:
        return End(failure if last and last.error else LOST_MID_STREAM)
    if last is None:
        return Run(targets[0], 0.0)
    if len(history) >= allowed or failure.remedy == "final":
        return End(failure)
    place = len(history) % len(targets)
    same = targets[place] == Target(last.provider, last.model)
    if same and failure.remedy == "next":
        return End(failure)
    if not same or last.error is None:
        return Run(targets[place], 0.0)
    wait = failure.retry_after or backoff * 2 ** (len(history) - 1) * random.uniform(0.5, 1.5)
    return Run(targets[place], min(wait, _LONGEST_WAIT))


_LONGEST_WAIT = 10.0  # seconds; a provider's Retry-After is honoured up to here
