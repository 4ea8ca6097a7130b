"""A worker process: arq's wiring, from the settings to the last closed connection."""

import asyncio
import os
import secrets
import socket
from typing import Any

import uvloop
from arq.worker import func
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from broker import log
from broker.process import prepare
from broker.queue import GENERATE
from broker.settings import Settings
from broker.store import open_store
from workers.generate import generate
from workers.lease_worker import LeaseWorker
from workers.providers import Providers


def run(settings: Settings) -> None:
    """Run a worker until it is told to stop (SIGTERM or SIGINT: drain)."""
    log.configure("worker")
    prepare()
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """One worker's life within a running loop."""
    holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    store = open_store(settings, f"worker-{holder}")
    providers = Providers(settings, lambda: store.connections.epoch)

    async def shut_down(ctx: dict[Any, Any]) -> None:
        await providers.close()
        await store.close()

    worker = LeaseWorker(
        [func(generate, name=GENERATE)],
        store=store,
        holder=holder,
        ctx={"settings": settings, "providers": providers, "store": store},
        on_shutdown=shut_down,
    )
    if settings.worker.metrics_port:
        REGISTRY.register(_Metrics(worker))
        start_http_server(settings.worker.metrics_port, "127.0.0.1")
    try:
        await store.warn()
        await worker.async_run()
    except asyncio.CancelledError:
        log.info("worker.stopped", holder=holder)
    finally:
        await worker.close()
    if worker.failed:
        raise SystemExit(1)


class _Metrics(Collector):
    """A worker's own figures, read when they are scraped."""

    def __init__(self, worker: LeaseWorker) -> None:
        self._worker = worker

    def collect(self) -> list[Metric]:
        worker = self._worker
        jobs = CounterMetricFamily("streamhold_worker_jobs", "Jobs by end", labels=["end"])
        jobs.add_metric(["complete"], worker.jobs_complete)
        jobs.add_metric(["taken"], worker.jobs_retried)
        jobs.add_metric(["crashed"], worker.jobs_failed)
        writers = worker.writers.values()
        return [
            jobs,
            GaugeMetricFamily("streamhold_worker_held", "Jobs held", len(worker.holds)),
            GaugeMetricFamily(
                "streamhold_worker_loop_held_seconds",
                "Longest time that work held the loop",
                worker.turns.longest,
            ),
            CounterMetricFamily(
                "streamhold_worker_appends", "Append calls", sum(w.appends for w in writers)
            ),
            CounterMetricFamily(
                "streamhold_worker_frames", "Frames stored", sum(w.frames for w in writers)
            ),
            CounterMetricFamily(
                "streamhold_worker_rescued", "Leases rescued here", worker.rescuer.rescued
            ),
        ]
