"""Prometheus metrics of an API process, and what it knows of the whole deployment."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from broker.store.breakers import Breaker, State

if TYPE_CHECKING:
    from broker.api.core import Core

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters that endpoints move; gauges are read when they are scraped."""

    def __init__(self, core: "Core") -> None:
        self._registry = CollectorRegistry()
        self.calls = Counter(
            "streamhold_calls",
            "Calls by what they did: created, attached, joined, resumed or refused",
            ["did"],
            registry=self._registry,
        )
        self.sent = 0  # bytes of streams: counted for every token, so by no more than an addition
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
        self._cut = Counter(
            "streamhold_cut_connections",
            "Connections that were ended: head, body, stalled, crowded, refused",
            ["reason"],
            registry=self._registry,
        )
        self._seen = _Seen(core, self)
        self._registry.register(self._seen)

    def cut(self, reason: str) -> None:
        """Count a connection that was ended: its head or body came late, its client took
        nothing, or files ran short (it was idle and gave way, or it was refused).
        """
        self._cut.labels(reason).inc()

    def render(self, breakers: Sequence[Breaker] = ()) -> bytes:
        """The exposition format, text version 0.0.4."""
        self._seen.breakers = breakers
        return generate_latest(self._registry)


class _Seen(Collector):
    """What the rescuer's last ticks, the breakers and the tail say.

    What the store counts is of the whole deployment, and the same in every API process.
    """

    def __init__(self, core: "Core", metrics: Metrics) -> None:
        self.breakers: Sequence[Breaker] = ()
        self._core = core
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        rescuer, tail = self._core.rescuer, self._core.tail
        yield CounterMetricFamily("streamhold_sent_bytes", "Stream bytes sent", self._metrics.sent)
        queued = GaugeMetricFamily("streamhold_queued_jobs", "Jobs queued", labels=["priority"])
        queued.add_metric(["interactive"], rescuer.queued)
        queued.add_metric(["batch"], rescuer.queued_batch)
        yield queued
        yield GaugeMetricFamily("streamhold_running_jobs", "Jobs with a lease", rescuer.running)
        yield GaugeMetricFamily("streamhold_workers", "Workers that beat", rescuer.workers)
        yield GaugeMetricFamily("streamhold_readers", "Readers of this process", tail.readers)
        yield GaugeMetricFamily(
            "streamhold_loop_held_seconds",
            "Longest time that work held this process's loop",
            self._core.turns.longest,
        )
        yield GaugeMetricFamily(
            "streamhold_store_up", "1 if the store answers", float(bool(rescuer.ticks))
        )
        yield GaugeMetricFamily(
            "streamhold_store_free_memory", "Share of its allowed memory", rescuer.free_memory
        )
        yield from self._totals(rescuer.totals)
        yield self._breakers()

    def _totals(self, totals: Mapping[str, int]) -> Iterator[Metric]:
        jobs = CounterMetricFamily("streamhold_jobs", "Jobs by final state", labels=["state"])
        for state in ("completed", "failed", "cancelled"):
            jobs.add_metric([state], totals.get(state, 0))
        yield jobs
        for what, text in (
            ("fenced_appends", "Appends refused since their token was not the job's any more"),
            ("rescued_leases", "Leases that expired and were taken from their holders"),
            ("abandoned_jobs", "Jobs cancelled since all of their readers had left"),
        ):
            yield CounterMetricFamily(
                f"streamhold_{what}", text, totals.get(what.partition("_")[0], 0)
            )

    def _breakers(self) -> Metric:
        """One series a target and state, as Prometheus has its enums: 1 for the state it is in.

        Only of targets that a route names: any other is a caller's own text, for anyone to read.
        """
        family = GaugeMetricFamily(
            "streamhold_breaker", "Circuit breakers", labels=["target", "state"]
        )
        for breaker in self.breakers:
            for state in get_args(State):
                family.add_metric([breaker.name, state], float(breaker.state == state))
        return family
