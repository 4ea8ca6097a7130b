"""Cron jobs: arq's schedules, run in the workers themselves instead of through its queue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from arq.cron import CronJob

from broker import log
from broker.errors import StoreAway
from broker.store import Store


async def run_due(
    jobs: Sequence[CronJob], now: datetime, ctx: dict[Any, Any], store: Store
) -> None:
    """Run what is due; a unique job is run by the first worker to mark it."""
    for job in jobs:
        if job.next_run is None:
            job.calculate_next(now)
        due = job.next_run
        if due is None or due > now:
            continue
        try:
            mine = not job.unique or await _mark(store, job.name, due)
        except StoreAway:
            continue  # due at the next look still
        job.calculate_next(now)
        if mine:
            try:
                await job.coroutine(ctx)
            except Exception:  # noqa: BLE001 - a job's boundary: the others run on
                log.exception("cron.failed", job=job.name)


async def _mark(store: Store, name: str, due: datetime) -> bool:
    """Whether we are the first to mark this run of a unique cron job."""
    return await store.mark(f"cron:{name}:{due.timestamp():.0f}", 3600)
