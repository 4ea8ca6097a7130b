"""Settling: what an attempt cost whose worker died, in a job that was then ended from outside.

A job that goes on is settled by its next holder. One that is cancelled, or past its deadline,
while it waits for one has none; so any worker settles it, once the rescuer has found it.
"""

import msgspec

from broker import log
from broker.dialects.registry import DIALECTS
from broker.errors import JobGone, JobNotFound, StoreAway
from broker.store import Store
from broker.tail.back import read_back
from workers.ledger import Ledger
from workers.providers import Providers


async def settle(store: Store, providers: Providers, key: str) -> None:
    """Settle every attempt of an ended job that has no end yet."""
    try:
        job = await store.jobs.get(key)
        dialect = DIALECTS.get(job.dialect)
        if dialect is None or not job.state.final:
            return  # a newer release's to settle; retried, and its next holder's
        body = await store.jobs.body(key)
        back = await read_back(store, key) if job.delivered else None
        ledger = Ledger(job)
        if ledger.last is not None:
            providers.stop(job, ledger.last)
        request = msgspec.json.decode(body) if body else {}
        transcript = dialect.transcript(back.frames if back else ())
        ledger.settle(request, transcript)
        fields = ledger.closing(await store.jobs.get(key))
        await store.jobs.settle(key, fields)
        log.info("job.settled", request_id=job.request_id, fields=len(fields))
    except StoreAway:
        pass  # it is found again
    except (JobGone, JobNotFound):
        pass  # deleted, with all that it cost
