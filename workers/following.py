"""The response before: whom a request goes on from, and what has to be written out for that.

A caller names it by the broker's id; the provider that gave that answer knows it by another,
which the job's attempts have. Any other provider is told what was asked and answered before:
see ``broker.offload.history``.
"""

import asyncio
from typing import Any, NamedTuple

from broker import log
from broker.dialects.responses.dialect import RESPONSES
from broker.dialects.responses.event import event_of
from broker.dialects.responses.history import names_history, references
from broker.dialects.responses.minted import response_of
from broker.errors import JobGone, JobNotFound, PreviousNotFound, StoreAway, StreamholdError
from broker.frames import Frame
from broker.model import Failure, Job, JobState
from broker.offload.tasks import Resolve
from broker.routing import Policy, Target
from broker.settings import Settings
from broker.store import Store
from broker.store.refusals import damaged
from workers.waiting import until_back

_ENDING = 0.1  # seconds that a response may take to be on record as ended
_AWAY = 0.1  # seconds before a store that is away is asked again
UNKNOWN = Failure(
    type="invalid_request_error",
    message=str(PreviousNotFound()),
    status=400,
    remedy="final",
    code=PreviousNotFound.code,
    param="previous_response_id",
)


class Previous(NamedTuple):
    """The response before: its provider, and its id there; empty if it has none."""

    provider: str
    id: str

    def knows(self, target: Target) -> bool:
        """Whether a target, which speaks the dialect, has it by that id."""
        return bool(self.id) and self.provider == target.provider


async def response_id_of(store: Store, key: str) -> str:
    """The id of the response that a job is, once the store can tell."""
    return (await until_back(store.response_ids.ready)).of(key)


async def find_previous(store: Store, account: str, name: str) -> Previous | None:
    """What the response of that id answered, if it is the account's and has completed."""
    waited = False
    while True:
        try:
            key = await store.response_ids.key_of(name)
            if key is None:
                return None
            job = await store.jobs.get(key)
        except StoreAway as error:
            if damaged(error):
                return None
            await asyncio.sleep(_AWAY)
        except (JobGone, JobNotFound):
            return None
        else:
            # Its caller has read its last event; the store may be about to be told of its end.
            if waited or job.account != account or job.state is not JobState.RUNNING:
                break
            waited = True
            await asyncio.sleep(_ENDING)
    if job.account != account or job.state is not JobState.COMPLETED:
        return None
    last = job.attempts[-1] if job.attempts else None
    if last is None:
        return None
    return Previous(last.provider, last.provider_id or "")


def preferring(policy: Policy, previous: Previous) -> Policy:
    """The policy, with the targets first at the provider that gave the response before: it goes
    on from what it has itself, its reasoning too. Any other is told what was said."""
    own = tuple(each for each in policy.targets if each.provider == previous.provider)
    others = tuple(each for each in policy.targets if each.provider != previous.provider)
    return policy._replace(targets=(*own, *others))


def resolving(
    settings: Settings, job: Job, request: dict[str, Any], target: Target, previous: Previous | None
) -> Resolve | None:
    """What has to be written out of a request for this target; None if nothing has to be.

    A provider of the dialect that gave the response before knows it. One that may be asked for
    anything is left to know ids of its own making.
    """
    if job.dialect != RESPONSES.name or (job.outline is None and not names_history(request)):
        return None
    provider = settings.providers[target.provider]
    native = provider.dialect == job.dialect
    foreign = settings.takes_foreign_ids(target.provider)
    follows = previous is not None and not (native and previous.knows(target))
    if job.outline is None and not follows and native and foreign and not _ours(request):
        return None
    return Resolve(
        account=job.account,
        provider=target.provider,
        native=native,
        foreign=foreign,
        follows=follows,
    )


def _ours(request: dict[str, Any]) -> bool:
    """Whether a request refers to an item by an id that was made here."""
    return any(response_of(id) for _, id in references(request.get("input")))


async def keep_items(store: Store, job: Job, ending: Frame) -> None:
    """Remember whose the items are that a provider has named, by the event that ends its answer.

    Without the store nothing is remembered: they can't be referred to then.
    """
    response = (event_of(ending) or {}).get("response")
    output = response.get("output") if isinstance(response, dict) else None
    items = [each.get("id") for each in output or () if isinstance(each, dict)]
    names = [each for each in items if isinstance(each, str) and each]
    if not names:
        return
    try:
        await store.items.keep(job.account, names, job.key)
    except StreamholdError as error:
        log.warning("items.not_kept", request_id=job.request_id, reason=error.code)
