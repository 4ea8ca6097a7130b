"""Which target a job tries next. Pure: settings and history in, a decision out.

A route's targets are tried in order, each as often as its retries allow, and the order
begins again at its head when attempts are left. A target whose worker was lost or drained
has done nothing wrong and is tried again first. Before the first delivered frame that is all
(``next_step``). After it a lost answer can only be gone on with as the route's ``on_loss``
says and the target can (``after_loss``). Which targets come into question, and in which
order, is ``_candidates``'s to say, for both. A target whose breaker is open is not called,
whatever else there is. An attempt over a kept connection that had been closed is none that
counts: the one that was decided on is made over a new connection.
"""

import random
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from msgspec.structs import replace

from broker.errors import (
    BadRequest,
    ForeignId,
    ItemNotFound,
    PreviousNotFound,
    Unexpressible,
    UnknownModel,
    Unsendable,
)
from broker.model import CIRCUIT_OPEN as CIRCUIT
from broker.model import KEPT_CONNECTION, Attempt, Failure, Options
from broker.settings import Route, Settings
from broker.settings.addresses import in_address, is_model


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


class Shut(NamedTuple):
    """Every target that could be tried is to be left alone for ``wait`` more seconds, as its
    breaker or its own word has it: let the job wait so long, or fail it with this.
    """

    wait: float
    failure: Failure


_DIRECT = Route(targets=())  # what holds for a provider addressed without a route
_ANY = Options()  # the caller narrows nothing
RETRIED = Options(caller_retries=True)  # of a caller that is known to try again by itself
# What ended attempts that called nobody.
_UNASKED = (
    *(Unexpressible.code, Unsendable.code, ForeignId.code, PreviousNotFound.code),
    ItemNotFound.code,
)
_SHOWN = 256  # characters of a caller's text in an error


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
    drop_tools: tuple[str, ...] = ()  # hosted ones, that other dialects are asked without
    join: float | None = None  # see ``settings.Route``
    # Whether the caller tries again by itself: then no target that failed is tried again here
    # before anything was delivered, for the tries would multiply.
    once: bool = False


class Standing(NamedTuple):
    """Where a begun answer stands; see ``dialects.chat.Transcript``."""

    silent: bool  # nothing was said yet, a role apart
    prefillable: bool  # a model can go on from its text


def targets_for(settings: Settings, model: str) -> tuple[Target, ...]:
    """The targets of a public model name, or the one that ``PROVIDER/MODEL`` addresses.

    Raises:
        UnknownModel: neither a route nor a provider has that name.
    """
    served = settings.served(model)
    if served is not None:
        targets = tuple(Target(*name.split("/", 1)) for name in dict.fromkeys(served.names))
        if model in settings.routes:
            return targets
        fit = tuple(each for each in targets if _fits(settings, each))
        if not fit:
            raise UnknownModel(f"{model[:_SHOWN]!r} can be no model there.", param="model")
        return fit
    name, _, rest = model.partition("/")
    if name not in settings.providers or not rest:
        raise UnknownModel(f"There is no route {model[:_SHOWN]!r}.", param="model")
    target = Target(name, rest)
    if not _fits(settings, target):
        raise UnknownModel(f"{model[:_SHOWN]!r} can be no model of this provider.", param="model")
    return (target,)


def _fits(settings: Settings, target: Target) -> bool:
    """Whether a name that a caller made up can be a model of its provider."""
    provider = settings.providers[target.provider]
    return not in_address(provider) or is_model(target.model, provider)


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


CIRCUIT_OPEN = Failure(
    type=CIRCUIT,
    message="The model's targets have failed too often of late, and are left alone for a while.",
    status=503,
    retryable=True,
)


def policy_for(settings: Settings, model: str, options: Options = _ANY) -> Policy:
    """The policy of a public model name, or that of a provider addressed directly, narrowed
    by what the caller asks for.

    Raises:
        UnknownModel: neither a route nor a provider has that name.
        BadRequest: the caller wants a target that the route has not.
    """
    if options == _ANY:
        return settings.derived(("policy", model), lambda: _policy(settings, model, options))
    if options == RETRIED:  # most calls of the official SDKs
        return settings.derived(("once", model), lambda: _policy(settings, model, options))
    return _policy(settings, model, options)


def _policy(settings: Settings, model: str, options: Options) -> Policy:
    targets = _narrowed(targets_for(settings, model), options.targets)
    served, worker = settings.served(model), settings.worker
    route = served.route if served is not None else _DIRECT
    allowed = worker.attempts if route.retries is None else (1 + route.retries) * len(targets)
    allowed = allowed if route.attempts is None else route.attempts
    retries = route.retries or 0
    if options.retries is not None:
        retries = min(retries, options.retries)
        allowed = min(allowed, (1 + options.retries) * len(targets))
    return Policy(
        targets=targets,
        prefilling=frozenset(t for t in targets if settings.prefill_for(model, *t)),
        on_loss=route.on_loss,
        allowed=min(allowed, options.attempts or allowed),
        backoff=worker.backoff if route.backoff is None else route.backoff,
        retries=retries,
        deadline=_shorter(route.deadline, options.deadline),
        hold_tool_calls=route.hold_tool_calls,
        drop_tools=route.drop_tools,
        join=route.join,
        once=bool(options.caller_retries),
    )


def _narrowed(targets: tuple[Target, ...], wanted: tuple[str, ...] | None) -> tuple[Target, ...]:
    """Those that the caller wants, in the caller's order."""
    if wanted is None:
        return targets
    names = {str(target): target for target in targets}
    for name in wanted:
        if name not in names:
            raise BadRequest(f"{name[:_SHOWN]!r} is not a target of this model.", param="targets")
    return tuple(dict.fromkeys(names[name] for name in wanted))


def _shorter(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)


Waits = Mapping[Target, float]  # seconds, for each target that is to be left alone
_NONE: Waits = {}


def next_step(policy: Policy, history: Sequence[Attempt], shut: Waits = _NONE) -> Run | End | Shut:
    """What to do now, given the attempts that have ended (the last one without an answer)."""
    if not history and not shut and policy.allowed > 0 and policy.targets:  # nearly always
        return Run(policy.targets[0], 0.0)
    counted = _counted(history)
    if counted and counted[-1] is not history[-1]:
        return _at_once(next_step(policy, counted, shut))
    history = counted
    failure = _failure(history) or LOST
    if _is_over(policy, history, failure):
        return End(failure)
    left = _candidates(policy, history)
    for target in left:
        if target not in shut:
            return Run(target, _pause(policy, history, target))
    if not left:
        return End(failure)
    wait = min(shut[target] for target in left)
    failure = _failure(history) or CIRCUIT_OPEN
    again = replace(failure, retryable=True, retry_after=failure.retry_after or wait)
    return Shut(wait, again)  # whatever this one was: those that are left may do by then


def after_loss(
    policy: Policy, history: Sequence[Attempt], standing: Standing, shut: Waits = _NONE
) -> Run | End | Shut:
    """What to do about an answer that was begun and then lost, by provider or worker.

    Without an ``on_loss`` the strongest that a target can honour is chosen: going on where
    one takes the partial answer, else a truthful end. A replay is only ever asked for: most
    models don't say the same thing twice.
    """
    counted = _counted(history)
    if counted and counted[-1] is not history[-1]:
        return _at_once(after_loss(policy, counted, standing, shut))
    history = counted or history
    failure = _failure(history) or LOST_MID_STREAM
    if _is_over(policy, history, failure):
        return End(failure)
    if standing.silent:  # before the first word; nobody will see that another attempt says it
        step = next_step(policy._replace(once=False), history, shut)
        if isinstance(step, Shut):
            return Shut(step.wait, failure)
        return step._replace(mode="replay") if isinstance(step, Run) else End(failure)
    if policy.on_loss == "terminate":
        return End(failure)
    before, waits = _target_of(history[-1]), []
    mode: Mode = "replay" if policy.on_loss == "replay" else "continue"
    for target in _candidates(policy._replace(once=False), history):
        able = standing.prefillable and target in policy.prefilling
        if not (target == before if mode == "replay" else able):
            continue
        if target not in shut:
            return Run(target, _pause(policy, history, target), mode)
        waits.append(shut[target])
    return Shut(min(waits), failure) if waits else End(failure)


def _counted(history: Sequence[Attempt]) -> Sequence[Attempt]:
    """The attempts without those that found a kept connection closed: nobody was asked. Each of
    them is followed by one over a new connection, which counts however it ends."""
    if not any(map(_is_kept, history)):
        return history
    return [
        each
        for place, each in enumerate(history)
        if not _is_kept(each) or (place and _is_kept(history[place - 1]))
    ]


def _is_kept(attempt: Attempt) -> bool:
    return attempt.error is not None and attempt.error.code == KEPT_CONNECTION


def _at_once(step: Run | End | Shut) -> Run | End | Shut:
    """The step that was decided on before, whose pause is over."""
    return step._replace(delay=0.0) if isinstance(step, Run) else step


def _failure(history: Sequence[Attempt]) -> Failure | None:
    """How the last attempt failed. A target that can't be asked has no say where another had."""
    asked = [each for each in history if not each.error or each.error.code not in _UNASKED]
    return next((each.error for each in reversed(asked or history)), None)


def _is_over(policy: Policy, history: Sequence[Attempt], failure: Failure) -> bool:
    """Whether no other attempt may be made. One that was handed over is not held against it."""
    counted = sum(each.outcome != "handed_over" for each in history)
    return counted >= policy.allowed or failure.remedy == "final"


def _candidates(policy: Policy, history: Sequence[Attempt]) -> list[Target]:
    """The targets that may be tried next, best first, whatever their breakers.

    The last one tried comes first if nothing is wrong with it, for only its worker was lost or
    drained, or if it has retries left. Else it comes last, after the others in the route's
    order from its own place on. One that said ``next`` would say so again: it is out. So is one
    that failed at all, where the caller is to try again.
    """
    targets = policy.targets
    before = _target_of(history[-1]) if history else None
    start = targets.index(before) + 1 if before in targets else 0
    order = [*targets[start:], *targets[:start]]
    if before in targets and _failures_in_a_row(history) <= policy.retries:
        order.insert(0, before)
    failed = [each for each in history if each.error is not None]
    out = {_target_of(each) for each in failed if policy.once or _remedy(each) == "next"}
    return [target for target in dict.fromkeys(order) if target not in out]


def _remedy(attempt: Attempt) -> str:
    return attempt.error.remedy if attempt.error else ""


def _failures_in_a_row(history: Sequence[Attempt]) -> int:
    """How often the last target failed since another was tried, with nothing but lost or
    drained workers between; 0 if the last attempt was lost or drained itself.
    """
    if history[-1].error is None:
        return 0
    before = _target_of(history[-1])
    row = takewhile(lambda each: _target_of(each) == before, reversed(history))
    return sum(each.error is not None for each in row)


def _pause(policy: Policy, history: Sequence[Attempt], target: Target) -> float:
    """Seconds before a target is tried: if it just failed, what it asked for, or the backoff."""
    error = history[-1].error if history else None
    if error is None or target != _target_of(history[-1]):
        return 0.0
    doublings = min(_failures_in_a_row(history) - 1, 16)
    wait = policy.backoff * 2**doublings * random.uniform(0.5, 1.5)
    return min(error.retry_after or wait, LONGEST_WAIT)


def _target_of(attempt: Attempt) -> Target:
    return Target(attempt.provider, attempt.model)


LONGEST_WAIT = 10.0  # seconds; a provider's Retry-After is honoured up to here
