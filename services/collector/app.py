"""The composition root: settings, then edges, then the path. The only place that knows all of them."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import time as clock  # noqa: TID251 - an edge: latency is measured against the broker's clock

import numpy as np
import structlog
from faststream import FastStream
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from services.collector.brake import Brake, Braked, limits
from services.collector.clickhouse import ClickHouseStore
from services.collector.evidence import Evidence
from services.collector.judge import BatchJudge
from services.collector.kafka import KafkaDeadLetters, Subscription, Topics
from services.collector.metrics import CollectorMetrics
from services.collector.partitions import Batch
from services.collector.pipeline import Judged, Path
from services.collector.reader import Reader
from services.collector.registry import RegistryFollower
from services.collector.settings import CollectorSettings
from services.collector.settled import Settlements
from services.domain.provenance import Provenance
from services.runtime import clickhouse, logging, memory
from services.runtime.errors import Retry
from services.runtime.kafka import KafkaMetadata
from services.runtime.retry import Patience
from services.runtime.settings import ClickHouseSettings, KafkaSettings
from services.runtime.web import Health, WebServer, health_app

_log = structlog.get_logger()
_STALE_POLL_SECONDS = 30.0


class Collector:
    """One collector process. `around` may put something around the edges of the path: the fault suite does."""

    def __init__(
        self,
        settings: CollectorSettings,
        kafka: KafkaSettings,
        database: ClickHouseSettings,
        around: Callable[[Path], Path] = lambda path: path,
    ) -> None:
        self._around = around
        self._settings = settings
        self._kafka = kafka
        self._database = database
        self._prometheus = CollectorRegistry()
        for standard in (GCCollector, PlatformCollector, ProcessCollector):
            standard(registry=self._prometheus)
        self.metrics = CollectorMetrics(self._prometheus)
        self._patience = Patience(on_retry=lambda neighbour: self.metrics.retries.labels(neighbour).inc())
        self._web = WebServer(health_app(self._prometheus, self._live, self._ready), settings.host, settings.port)
        self._registry = RegistryFollower(kafka)
        self._dead_letters = KafkaDeadLetters(kafka)
        self._reader: Reader | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Collects until SIGTERM or SIGINT, then stores what was read and ends."""
        await self._web.start()
        print(json.dumps({"ready": "web", "url": self._web.url}), flush=True)  # noqa: T201 - the parent reads it
        try:
            app = await self._connect()
            await app.run()
        finally:
            await self._close()

    async def _connect(self) -> FastStream:
        client = await self._patience(asyncio.to_thread, clickhouse.connect, self._database)
        store = ClickHouseStore(client, self.metrics)
        metadata = KafkaMetadata(self._kafka)
        await self._patience(asyncio.to_thread, metadata.partitions)
        await self._patience(self._registry.start)
        await self._patience(self._dead_letters.start)
        subscription = Subscription(self._kafka, self._settings)
        evidence = Evidence(store, subscription, Topics(metadata), self._settings.group_id)
        self._reader = reader = Reader(self._settings, subscription, evidence)
        judge = BatchJudge(
            Provenance(self._settings.secret.get_secret_value().encode()), lambda: self._registry.snapshot
        )
        settings = self._settings
        bounds = limits(settings.brake_ratio, settings.brake_window_records, settings.brake_run_records)
        path = self._around(
            Path(
                evidence,
                Settlements(store, clock),
                judge,
                Brake(bounds, store),
                store,
                self._dead_letters,
                reader,
                self._patience,
            )
        )
        return FastStream(
            subscription.broker,
            logger=None,
            after_startup=[partial(self._begin, reader, path)],
            on_shutdown=[partial(self._drain, reader)],
        )

    async def _begin(self, reader: Reader, path: Path) -> None:
        memory.settle()
        self._tasks = [
            asyncio.create_task(reader.flush_for_ever(path, self._count), name="flush"),
            asyncio.create_task(reader.watch_for_ever(), name="watch"),
            asyncio.create_task(self._registry.follow(), name="registry"),
            asyncio.create_task(self._observe(reader), name="observe"),
            asyncio.create_task(memory.tidy_for_ever(), name="tidy"),
        ]
        for task in self._tasks:
            task.add_done_callback(_end_loudly)

    async def _drain(self, reader: Reader) -> None:
        reader.pause_all()
        if not await reader.drain(self._settings.drain_seconds):
            _log.warning("not_drained", buffered=reader.partitions.buffered, effect="read again at the next start")

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._registry.stop()
        await self._dead_letters.stop()
        await self._web.stop()

    # -- what it says of itself -----------------------------------------------------------------------------------------

    def _live(self) -> Health:
        problems = [f"task {task.get_name()} has ended" for task in self._tasks if task.done()]
        if self._reader is not None and self._reader.failure:
            problems.append(f"where to begin could not be decided: {self._reader.failure}")
        return Health(tuple(problems))

    def _ready(self) -> Health:
        problems = list(self._live().problems)
        if self._reader is None or not self._tasks:
            return Health(("starting: " + (self._patience.waiting_for or "connecting"),))
        problems += [p.waiting_for for p in (self._patience, self._reader.patience) if p.waiting_for]
        if self._registry.problem:
            problems.append(self._registry.problem)
        partitions = self._reader.partitions
        problems += [str(halt) for halt in partitions.halted.values()]
        if not partitions.assignment:
            problems.append("joining the consumer group")
        if partitions.deciding:
            problems.append(f"{len(partitions.deciding)} partitions wait for the decision where to begin")
        silence = self._reader.seconds_since_poll()
        if silence > _STALE_POLL_SECONDS:
            problems.append(f"no poll for {silence:.0f} s")
        return Health(tuple(problems))

    def _count(self, batch: Batch, judged: Judged) -> None:
        metrics = self.metrics
        rejected = sum(judged.codes.values())
        for topic, count in Counter(record.topic for record in batch.records).items():
            metrics.received.labels(topic).inc(count)
        metrics.accepted.inc(judged.records.num_rows - rejected)
        for code, count in judged.codes.items():
            metrics.rejected.labels(code).inc(count)
        for status, count in judged.statuses.items():
            metrics.measurements.labels(status).inc(count)
        metrics.unmeasured.inc(judged.statuses.get("unmeasured", 0))
        metrics.batch_rows.observe(len(batch.records))
        metrics.judge_seconds.observe(judged.seconds)
        sent = np.fromiter((record.timestamp for record in batch.records), dtype=np.float64, count=len(batch.records))
        metrics.latency.observe(np.maximum(clock() - sent / 1000.0, 0.0))

    async def _observe(self, reader: Reader) -> None:
        """Gauges that nobody pushes."""
        while True:
            partitions = reader.partitions
            self.metrics.buffered.set(partitions.buffered)
            self.metrics.halted.set(len(partitions.halted))
            self.metrics.brake_engaged.clear()
            for (topic, number), halt in partitions.halted.items():
                if isinstance(halt, Braked):
                    self.metrics.brake_engaged.labels(topic, str(number)).set(1)
            self.metrics.generation.set(self._registry.snapshot.generation)
            self.metrics.baselines.set(self._registry.snapshot.versions)
            with suppress(Retry):  # the gauge stays as it was; readiness says that Kafka is away
                for (topic, number), lag in (await reader.lags()).items():
                    self.metrics.lag.labels(topic, str(number)).set(lag)
            await asyncio.sleep(0.5)


def _end_loudly(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("task_failed", task=task.get_name(), error=repr(error), exc_info=error)


async def main(around: Callable[[Path], Path] = lambda path: path) -> None:
    """Runs a collector with the settings in the environment."""
    settings = CollectorSettings.load()
    logging.configure("collector", settings.log_level)
    await Collector(settings, KafkaSettings.load(), ClickHouseSettings.load(), around).run()
