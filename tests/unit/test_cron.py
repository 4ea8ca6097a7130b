"""Cron jobs: what is due is run, once, in one worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from arq.cron import CronJob
from arq.cron import cron as cron_job

from broker.errors import StoreAway
from tests.unit.stores import FakeWire, open_fake
from tests.unit.worker_bench import Bench
from workers import cron, lease_worker


@asynccontextmanager
async def open_cron(*crons: CronJob) -> AsyncIterator[Bench]:
    """A worker whose loops don't run: the test looks at the clock for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease_worker, "Wire", FakeWire)
        async with open_fake() as store:
            yield Bench(store, {"cron_jobs": list(crons)})


NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


def ticking(heard: list[str], name: str = "tick", **options: Any) -> CronJob:
    async def tick(ctx: dict[Any, Any]) -> None:
        heard.append(name)
        if name == "broken":
            raise ZeroDivisionError

    return cron_job(cast(Any, tick), name=name, second=30, **options)


async def test_cron_runs_what_is_due_once() -> None:
    heard: list[str] = []
    async with open_cron(ticking(heard)) as bench:
        for seconds in (0, 29, 31, 31.5, 89, 91):
            await bench.worker.run_cron(NOON + timedelta(seconds=seconds), 0.5)
            heard.append(str(seconds))
    assert heard == ["0", "29", "tick", "31", "31.5", "89", "tick", "91"]


async def test_a_unique_cron_job_runs_in_one_worker() -> None:
    heard: list[str] = []
    unique, everywhere = ticking(heard), ticking(heard, "each", unique=False)
    again, everywhere_again = ticking(heard), ticking(heard, "each", unique=False)
    async with open_cron(unique, everywhere) as bench:
        other = Bench(bench.store, {"cron_jobs": [again, everywhere_again]})
        for seconds in (0, 31):
            for each in (bench, other):
                await each.worker.run_cron(NOON + timedelta(seconds=seconds), 0.5)
    assert sorted(heard) == ["each", "each", "tick"]


async def test_a_cron_job_waits_for_a_store_that_is_away() -> None:
    heard: list[str] = []
    async with open_cron(ticking(heard)) as bench:
        await bench.worker.run_cron(NOON, 0.5)

        async def away(*args: Any) -> bool:
            raise StoreAway()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cron, "_mark", away)
            await bench.worker.run_cron(NOON + timedelta(seconds=31), 0.5)
        assert heard == []
        await bench.worker.run_cron(NOON + timedelta(seconds=32), 0.5)
        assert heard == ["tick"]


async def test_a_cron_job_s_defect_stops_no_other() -> None:
    heard: list[str] = []
    async with open_cron(ticking(heard, "broken"), ticking(heard)) as bench:
        for seconds in (0, 31):
            await bench.worker.run_cron(NOON + timedelta(seconds=seconds), 0.5)
    assert heard == ["broken", "tick"]
