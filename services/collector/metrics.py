"""Every metric of the collector. Base units: seconds, rows, records. No task ids in labels."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

_LATENCY_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class LatencyHistogram(Collector):
    """A histogram that takes a whole batch at once."""

    def __init__(self, name: str, documentation: str) -> None:
        self._name = name
        self._documentation = documentation
        self._counts = np.zeros(len(_LATENCY_BUCKETS) + 1, dtype=np.int64)
        self._sum = 0.0

    def observe(self, seconds: npt.NDArray[np.float64]) -> None:
        """Adds one observation per element."""
        self._counts += np.bincount(np.searchsorted(_LATENCY_BUCKETS, seconds), minlength=len(self._counts))
        self._sum += float(seconds.sum())

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """The Prometheus family."""
        cumulative = np.cumsum(self._counts).tolist()
        bounds = [*map(str, _LATENCY_BUCKETS), "+Inf"]
        family = HistogramMetricFamily(self._name, self._documentation)
        family.add_metric([], list(zip(bounds, cumulative, strict=True)), self._sum)
        yield family


class CollectorMetrics:
    """The collector's metrics, registered with `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.received = Counter(
            "frigjort_collector_records_received",
            "Records judged and stored, whatever the verdict",
            ["topic"],
            registry=registry,
        )
        self.accepted = Counter("frigjort_collector_records_accepted", "Records stored as events", registry=registry)
        self.rejected = Counter(
            "frigjort_collector_records_rejected", "Records refused, by code", ["code"], registry=registry
        )
        self.measurements = Counter(
            "frigjort_collector_measurements", "Task states written, by status", ["status"], registry=registry
        )
        self.unmeasured = Counter(
            "frigjort_collector_tasks_unmeasured", "Task states without a baseline", registry=registry
        )
        self.batch_rows = Histogram(
            "frigjort_collector_batch_rows",
            "Records in a batch",
            buckets=(1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000),
            registry=registry,
        )
        self.insert_seconds = Histogram(
            "frigjort_collector_insert_seconds", "Time of one insert", ["table"], registry=registry
        )
        self.judge_seconds = Histogram("frigjort_collector_judge_seconds", "Time to judge a batch", registry=registry)
        self.latency = LatencyHistogram(
            "frigjort_collector_latency_seconds", "From the broker's timestamp of a record to its stored rows"
        )
        registry.register(self.latency)
        self.lag = Gauge(
            "frigjort_collector_lag_records", "Records not yet stored", ["topic", "partition"], registry=registry
        )
        self.buffered = Gauge("frigjort_collector_buffered_records", "Records taken and not stored", registry=registry)
        self.halted = Gauge("frigjort_collector_halted_partitions", "Partitions that are halted", registry=registry)
        self.brake_engaged = Gauge(
            "frigjort_collector_brake_engaged",
            "1 for each partition that a flood of rejections stopped",
            ["topic", "partition"],
            registry=registry,
        )
        self.generation = Gauge(
            "frigjort_collector_baseline_generation", "Newest generation of the registry applied", registry=registry
        )
        self.baselines = Gauge("frigjort_collector_baselines", "Baseline versions in force or past", registry=registry)
        self.last_insert = Gauge(
            "frigjort_collector_last_successful_insert_timestamp_seconds",
            "When rows were last stored",
            registry=registry,
        )
        self.retries = Counter(
            "frigjort_collector_retries", "Attempts that found a neighbour away", ["neighbour"], registry=registry
        )
