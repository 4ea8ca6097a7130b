"""The response before: whom a request goes on from, and who alone can.

A caller names it by the broker's id; the provider that gave that answer knows it by another,
which the job's attempts have. No other provider knows it at all.
"""

import asyncio
from typing import NamedTuple

import msgspec

from broker.errors import JobGone, JobNotFound, PreviousNotFound, StoreAway
from broker.model import Failure, JobState
from broker.routing import Policy
from broker.store import Store
from broker.store.refusals import damaged
from workers.waiting import until_back

_AWAY = 0.1  # seconds before a store that is away is asked again
UNKNOWN = Failure(
    type="invalid_request_error",
    message=str(PreviousNotFound()),
    status=400,
    remedy="final",
    code=PreviousNotFound.code,
    param="previous_response_id",
)
ELSEWHERE = msgspec.structs.replace(
    UNKNOWN, message="The response before this one is with a provider that the model has not."
)


class Previous(NamedTuple):
    """The response before: its provider, and its id there."""

    provider: str
    id: str


async def response_id_of(store: Store, key: str) -> str:
    """The id of the response that a job is, once the store can tell."""
    return (await until_back(store.response_ids.ready)).of(key)


async def find_previous(store: Store, account: str, name: str) -> Previous | None:
    """What the response of that id answered, if it is the account's and has completed."""
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
            break
    if job.account != account or job.state is not JobState.COMPLETED:
        return None
    last = job.attempts[-1] if job.attempts else None
    if last is None or last.provider_id is None:
        return None
    return Previous(last.provider, last.provider_id)


def narrowed(policy: Policy, previous: Previous) -> Policy | None:
    """The policy, with none but the targets at the provider before; None if there is none."""
    targets = tuple(each for each in policy.targets if each.provider == previous.provider)
    return policy._replace(targets=targets) if targets else None
