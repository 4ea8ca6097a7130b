"""Blaming: what is known here of a call that its provider refused; ``broker.blame`` judges it."""

import re
from typing import Any

from msgspec.structs import replace

from broker import log
from broker.blame import Asked, fetches
from broker.dialects.kept import named_in
from broker.model import Attempt, Failure, Job
from broker.offload.tasks import Resolve
from broker.routing import Target
from broker.settings import Settings

_WORD = re.compile(r"[A-Za-z][\w.-]{0,63}\Z", re.ASCII)
_LONGEST = 500  # characters of a provider's sentence that is shown to all
# Whose message and code are our own words.
_TOLD = (
    *("provider_auth", "provider_unreachable", "provider_timeout", "provider_cut"),
    "provider_garbled",
)


def asked_of(
    settings: Settings,
    job: Job,
    request: dict[str, Any],
    target: Target,
    resolve: Resolve | None,
) -> Asked:
    """How a job's call was asked of a target. ``request`` is the caller's, as far as it is at hand;
    ``resolve`` what had to be written out of it.
    """
    provider = settings.providers[target.provider]
    routed, named = settings.chosen(job.routed, *target)
    # All large requests of the dialect are looked through; what was found in them isn't known here.
    resolved = resolve is not None and (resolve.follows or job.outline is None)
    return Asked(
        model=target.model,
        rewritten=provider.dialect != job.dialect or provider.library is not None or resolved,
        routed=routed,
        named=named,
        fields=frozenset(request),
        names=lambda: named_in(job.dialect, request) is not None,
        fetches=lambda: fetches(request),
    )


def is_gone(failure: Failure) -> bool:
    """Whether it says that the operator's model is not there, and not what it was asked."""
    return failure.fault == "operator" and failure.status < 500


def shown(failure: Failure) -> Failure:
    """The failure as every caller may see it: a provider's words may repeat what another one wrote,
    but for those about the operator's model.
    """
    if is_gone(failure):
        return replace(failure, message=failure.message[:_LONGEST])
    if failure.type in _TOLD:
        return failure
    status = failure.provider_status
    message = f"The provider answered with status {status}." if status else "The provider failed."
    code = failure.code if _WORD.match(failure.code or "") else None
    return replace(failure, message=message, code=code, param=None)


def warn(job: Job, attempt: Attempt, failure: Failure) -> None:
    """Tell the operator of a refusal that only he can do something about.

    The provider's sentence stands in ``GET /v1/providers``, and in the job's record.
    """
    log.warning(
        "target.refused",
        request_id=job.request_id,
        provider=attempt.provider,
        model=attempt.model,
        type=failure.type,
        provider_status=failure.provider_status,
        code=failure.code,
    )
