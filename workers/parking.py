"""Parking: a batch job waits for a breaker, out of the queue and without a slot.

Whoever sends an interactive call waits for it and can come again, so it fails at once. A batch job
has nobody who waits: it is handed back, and queued again when a trial of its targets is due, at its
old place. That goes on for as long as the settings have patience with it, and its deadline.
"""

from broker import log
from broker.routing import Shut
from broker.settings import Settings
from broker.store import Store
from broker.store.queue import Claim
from workers.hold import Hold
from workers.waiting import until_back

_LEAST = 0.25  # seconds; the rescuer looks no more often


class Parked(Exception):
    """The job can't be run for ``wait`` seconds."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        super().__init__(wait)


def check_parking(claim: Claim, settings: Settings, shut: Shut) -> None:
    """Return if the job has to fail now.

    Raises:
        Parked: it is to wait.
    """
    waited = (claim.now_ms - claim.job.created_ms) / 1000
    if claim.job.options.priority == "batch" and waited < settings.breaker.patience:
        # A trial that another call makes may fail at any moment, and be due a cooldown later.
        raise Parked(max(_LEAST, min(shut.wait, settings.breaker.cooldown)))


async def park(hold: Hold, store: Store, holder: str, wait: float) -> None:
    """Hand the job back once all that it wrote is stored.

    Raises:
        Fenced, FramesLost: it was not ours any more.
    """
    await hold.pen.settled()
    released = hold.park(wait)
    partition = store.keys.partition(hold.key)

    async def release() -> int:
        return await store.queue.release(partition, holder, [released], leaving=False)

    await until_back(release)
    log.info("job.parked", request_id=hold.claim.job.request_id, seconds=round(wait, 3))
