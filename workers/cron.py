"""Cron jobs: arq's schedules, run in the workers themselves instead of through its queue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from arq.cron import CronJob

from broker import log
from broker.errors import StoreAway, StoreFull
from broker.store import Store
from broker.store.connection import store_errors


async def run_due(
    jobs: Sequence[CronJob], now: datetime, ctx: dict[Any, Any], store: Store, holder: str
) -> None:
    """Run what is due; a unique job is run by the first worker to mark it."""
    for job in jobs:
        if job.next_run is None:
            job.calculate_next(now)
        due = job.next_run
        if due is None or due > now:
            continue
        try:
            mine = not job.unique or await _mark(store, holder, job.name, due)
        except (StoreAway, StoreFull):
            continue  # due at the next look still
        job.calculate_next(now)
        if mine:
            try:
                await job.coroutine(ctx)
            except Exception:  # noqa: BLE001 - a job's boundary: the others run on
                log.exception("cron.failed", job=job.name)


async def _mark(store: Store, holder: str, name: str, due: datetime) -> bool:
    """Whether we are the first to mark this run of a unique cron job."""
    mark = f"{store.keys.partitions[0].prefix}cron:{name}:{due.timestamp():.0f}"
    with store_errors():
        return bool(await store.client.set(mark, holder, nx=True, ex=3600))
