"""Prometheus metrics of an API process, and what it knows of the whole deployment."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from broker.api.core import Core

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters that endpoints move; gauges are read when they are scraped."""

    def __init__(self, core: "Core") -> None:
        self._registry = CollectorRegistry()
        self.calls = Counter(
            "streamhold_calls",
            "Calls by what they did: created, attached, resumed or refused",
            ["did"],
            registry=self._registry,
        )
        self.sent = Counter("streamhold_sent_bytes", "Stream bytes sent", registry=self._registry)
        self.first = Histogram(
            "streamhold_first_event_seconds",
            "From a streaming call to its first event",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.endings = Counter(
            "streamhold_stream_endings",
            "Streams by how the connection ended: terminal, left, aborted, handed_back, stalled",
            ["ending"],
            registry=self._registry,
        )
        self._registry.register(_Seen(core))

    def render(self) -> bytes:
        """The exposition format, text version 0.0.4."""
        return generate_latest(self._registry)


class _Seen(Collector):
    """What the rescuer's last ticks and the tail say."""

    def __init__(self, core: "Core") -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        rescuer, tail = self._core.rescuer, self._core.tail
        yield GaugeMetricFamily("streamhold_queued_jobs", "Jobs queued", rescuer.queued)
        yield GaugeMetricFamily("streamhold_running_jobs", "Jobs with a lease", rescuer.running)
        yield GaugeMetricFamily("streamhold_workers", "Workers that beat", rescuer.workers)
        yield GaugeMetricFamily("streamhold_readers", "Readers of this process", tail.readers)
        yield GaugeMetricFamily(
            "streamhold_store_up", "1 if the store answers", float(bool(rescuer.ticks))
        )
