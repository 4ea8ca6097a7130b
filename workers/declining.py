"""Declining: a job that this worker can't run for want of what another may know.

While a configuration or a release is rolled out, an API process takes calls for a model, a
dialect or a function that this worker has not heard of. The job goes back to its place in the
queue, as if it had never been claimed; this worker waits a moment before, so that another is
asked first, and for longer each time. Once that has gone on for too long nobody knows it.
"""

import asyncio
import random

from broker import log
from broker.errors import StoreAway
from broker.settings import Settings
from broker.store import Store
from broker.store.queue import Claim
from workers.hold import Hold

_MOST = 20  # times that a job is handed back, by whichever workers
_FIRST, _LONGEST = 0.05, 1.0  # seconds before it is
_AWAY = 0.1  # seconds before a store that is away is asked again


class Unknown(Exception):
    """This worker does not know what the job needs."""


def may_decline(claim: Claim, settings: Settings) -> bool:
    """Whether another worker may still turn up that knows what the job needs."""
    waited = (claim.now_ms - claim.job.created_ms) / 1000
    return claim.job.declined < _MOST and waited < settings.worker.queue_timeout


def pause_of(declined: int) -> float:
    """Seconds before a job goes back that was handed back so often."""
    return min(_LONGEST, _FIRST * float(2**declined))


async def decline(hold: Hold, store: Store, holder: str) -> None:
    """Wait a moment, then hand the job back."""
    job = hold.claim.job
    await asyncio.sleep(pause_of(job.declined) * random.uniform(0.5, 1.5))
    released = hold.decline()
    partition = store.keys.partition(hold.key)
    while True:
        try:
            await store.queue.release(partition, holder, [released], leaving=False)
        except StoreAway:
            await asyncio.sleep(_AWAY)
        else:
            break
    log.info("job.declined", request_id=job.request_id, model=job.model, times=job.declined + 1)
