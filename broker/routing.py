"""Which target a job tries next. Pure: settings and history in, a decision out.

A route's targets are tried in order, one an attempt, and the order begins again at its
head when attempts are left. Before the first delivered frame that is all (``next_step``).
After it a lost answer can only be gone on with as the route's ``on_loss`` says and the
target can (``after_loss``); a job that lost its provider and one that lost its worker are
treated alike.
"""

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from broker.errors import UnknownModel
from broker.model import Attempt, Failure
from broker.settings import Route, Settings


class Target(NamedTuple):
    """One provider and the provider's own name for the model."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


Mode = Literal["fresh", "continue", "replay"]


class Run(NamedTuple):
    """Start an attempt against this target, after waiting ``delay`` seconds.

    ``mode``: from the start; going on from the delivered text, which the provider is given;
    or from the start again, swallowing what was delivered already.
    """

    target: Target
    delay: float
    mode: Mode = "fresh"


class End(NamedTuple):
    """Fail the job with this."""

    failure: Failure


class Policy(NamedTuple):
    """What a route allows: see ``settings.Route``; ``prefilling`` are targets that can go on."""

    targets: tuple[Target, ...]
    prefilling: frozenset[Target]
    on_loss: Literal["continue", "replay", "terminate"] | None
    allowed: int  # attempts in all
    backoff: float  # seconds
    retries: int = 0  # of a target that fell over, before the next one
    deadline: float | None = None  # seconds from the job's creation
    hold_tool_calls: bool = False


class Standing(NamedTuple):
    """Where a begun answer stands; see ``dialects.chat.Transcript``."""

    silent: bool  # nothing was said yet, a role apart
    prefillable: bool  # a model can go on from its text


def targets_for(settings: Settings, model: str) -> tuple[Target, ...]:
    """The targets of a public model name, or the one that ``PROVIDER/MODEL`` addresses.

    Raises:
        UnknownModel: neither a route nor a provider has that name.
    """
    route = settings.routes.get(model)
    if route is not None:
        return tuple(Target(*name.split("/", 1)) for name in route.names)
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


def policy_for(settings: Settings, model: str) -> Policy:
    """The policy of a public model name, or that of a provider addressed directly.

    Raises:
        UnknownModel: neither a route nor a provider has that name.
    """
    targets = targets_for(settings, model)
    route, worker = settings.routes.get(model, _DIRECT), settings.worker
    allowed = worker.attempts if route.retries is None else (1 + route.retries) * len(targets)
    return Policy(
        targets=targets,
        prefilling=frozenset(t for t in targets if settings.prefill_for(model, *t)),
        on_loss=route.on_loss,
        allowed=allowed if route.attempts is None else route.attempts,
        backoff=worker.backoff if route.backoff is None else route.backoff,
        retries=route.retries or 0,
        deadline=route.deadline,
        hold_tool_calls=route.hold_tool_calls,
    )


_DIRECT = Route(targets=())  # what holds for a provider addressed without a route


def next_step(policy: Policy, history: Sequence[Attempt]) -> Run | End:
    """What to do now, given the attempts that have ended (the last one without an answer)."""
    last = history[-1] if history else None
    failure = (last.error if last else None) or LOST
    if last is None:
        return Run(policy.targets[0], 0.0)
    if len(history) >= policy.allowed or failure.remedy == "final":
        return End(failure)
    target = policy.targets[len(history) % len(policy.targets)]
    same = target == Target(last.provider, last.model)
    if same and failure.remedy == "next":
        return End(failure)
    return Run(target, _pause(policy, history) if same and last.error is not None else 0.0)


def after_loss(policy: Policy, history: Sequence[Attempt], standing: Standing) -> Run | End:
    """What to do about an answer that was begun and then lost, by provider or worker.

    Without an ``on_loss`` the strongest that a target can honour is chosen: going on where
    one takes the partial answer, else a truthful end. A replay is only ever asked for: most
    models don't say the same thing twice.
    """
    last = history[-1]
    failure = last.error or LOST_MID_STREAM
    before = Target(last.provider, last.model)
    end = End(failure)
    if len(history) >= policy.allowed or failure.remedy == "final":
        return end
    if standing.silent:  # before the first word; nobody will see that another attempt says it
        step = next_step(policy, history)
        return step._replace(mode="replay") if isinstance(step, Run) else end
    if policy.on_loss == "terminate":
        return end
    if policy.on_loss == "replay":
        if failure.remedy == "next" or before not in policy.targets:
            return end
        return Run(before, _pause(policy, history), "replay")
    if standing.prefillable:
        target = _next_prefilling(policy, before, failure)
        if target is not None:
            return Run(target, _pause(policy, history) if target == before else 0.0, "continue")
    return end


def _next_prefilling(policy: Policy, before: Target, failure: Failure) -> Target | None:
    """The first target after the lost one that can go on, itself last of all."""
    targets = policy.targets
    start = targets.index(before) + 1 if before in targets else 0
    for target in (*targets[start:], *targets[:start]):
        if target in policy.prefilling and not (target == before and failure.remedy == "next"):
            return target
    return None


def _pause(policy: Policy, history: Sequence[Attempt]) -> float:
    """Seconds before the same target is tried again: what it asked for, or the backoff."""
    error = history[-1].error
    if error is None:  # its worker was lost, not the provider
        return 0.0
    wait = policy.backoff * 2 ** (len(history) - 1) * random.uniform(0.5, 1.5)
    return min(error.retry_after or wait, _LONGEST_WAIT)


_LONGEST_WAIT = 10.0  # seconds; a provider's Retry-After is honoured up to here
