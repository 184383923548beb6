"""The composition root: settings, then edges, then reconciling, sealing, publishing units and figures, each at its interval. Independent of what it
watches: it shares neither process nor state with a collector."""

import asyncio
import json
import secrets
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from services.audit.reconciliation.clickhouse import ConservationStore
from services.audit.reconciliation.logs import InputLogs
from services.audit.reconciliation.reconcile import Reconciliation
from services.audit.seals.clickhouse import SealStore
from services.audit.seals.copies import FileCopies
from services.audit.seals.kafka import KafkaCopies
from services.audit.seals.sealing import Copies, Sealer, Standing, two_chains
from services.domain.conservation import Finding, Report
from services.progress.figures.clickhouse import FigureStore
from services.progress.figures.flags import count_flags
from services.progress.figures.publishing import Figures
from services.progress.figures.scenarios import publish_scenarios
from services.progress.metrics import FigureMetrics, ProgressMetrics, RollupMetrics, SealMetrics
from services.progress.rollups.clickhouse import RollupStore
from services.progress.rollups.publishing import Rollups
from services.progress.settings import ProgressSettings
from services.runtime import clickhouse, logging
from services.runtime.clock import now_ms
from services.runtime.kafka import KafkaMetadata
from services.runtime.retry import Patience
from services.runtime.settings import ClickHouseSettings, KafkaSettings
from services.runtime.web import Health, WebServer, health_app

_log = structlog.get_logger()
_FLAGS_SECONDS = 3_600.0
"""How often plausibility flags are counted."""


class Progress:
    """One progress process."""

    def __init__(self, settings: ProgressSettings, kafka: KafkaSettings, database: ClickHouseSettings) -> None:
        self._settings = settings
        self._kafka = kafka
        self._database = database
        self._registry = registry = CollectorRegistry()
        for standard in (GCCollector, PlatformCollector, ProcessCollector):
            standard(registry=registry)
        self.metrics = ProgressMetrics(registry)
        self._patience = Patience(on_retry=lambda neighbour: self.metrics.retries.labels(neighbour).inc())
        self._web = WebServer(health_app(registry, self._live, self._ready), settings.host, settings.port)
        self._sealing_patience = Patience(on_retry=lambda neighbour: self.metrics.retries.labels(neighbour).inc())
        self._rollup_patience = Patience(on_retry=lambda neighbour: self.metrics.retries.labels(neighbour).inc())
        self._figure_patience = Patience(on_retry=lambda neighbour: self.metrics.retries.labels(neighbour).inc())
        self._tasks: list[asyncio.Task[None]] = []
        self._findings: frozenset[Finding] = frozenset()

    async def run(self) -> None:
        """Reconciles, seals and publishes again and again until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await self._web.start()
        print(json.dumps({"ready": "web", "url": self._web.url}), flush=True)  # noqa: T201 - the parent reads it
        self._tasks = [asyncio.create_task(self._reconcile_for_ever(), name="reconcile")]
        if self._settings.seal_interval_seconds:
            self._tasks.append(asyncio.create_task(self._seal_for_ever(), name="seal"))
        if self._settings.rollup_interval_seconds:
            self._tasks.append(asyncio.create_task(self._roll_for_ever(), name="rollups"))
        if self._settings.figure_interval_seconds:
            self._tasks.append(asyncio.create_task(self._figure_for_ever(), name="figures"))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait((*self._tasks, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in self._tasks:
            if task.done():
                _log.error("task_failed", task=task.get_name(), exc_info=task.exception())
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._web.stop()

    async def _reconcile_for_ever(self) -> None:
        client = await self._patience(asyncio.to_thread, clickhouse.connect, self._database)
        logs = InputLogs(KafkaMetadata(self._kafka), self._settings.group_id)
        reconciliation = Reconciliation(logs, ConservationStore(client))
        while True:
            report = await self._patience(asyncio.to_thread, self._timed, reconciliation)
            self.metrics.last.report = report
            self.metrics.succeeded.set_to_current_time()
            self._tell(report)
            await asyncio.sleep(self._settings.interval_seconds)

    async def _seal_for_ever(self) -> None:
        metrics = SealMetrics(self._registry)
        client = await self._sealing_patience(asyncio.to_thread, clickhouse.connect, self._database)
        copies: list[Copies] = [KafkaCopies(self._kafka)]
        if self._settings.seal_file:
            copies.append(FileCopies(Path(self._settings.seal_file)))
        sealer = Sealer(SealStore(client), copies, now_ms)
        while True:
            standings = await self._sealing_patience(asyncio.to_thread, sealer.run)
            metrics.show(standings, sealer.clock())
            metrics.succeeded.set_to_current_time()
            self._tell_seals(standings)
            await asyncio.sleep(self._settings.seal_interval_seconds)

    async def _roll_for_ever(self) -> None:
        client = await self._rollup_patience(asyncio.to_thread, clickhouse.connect, self._database)
        rollups = Rollups(RollupStore(client), secrets.randbits(32), now_ms)
        metrics = RollupMetrics(self._registry, rollups.lag_seconds)
        swept = -self._settings.rollup_sweep_interval_seconds
        while True:
            begun = monotonic()
            due = begun - swept >= self._settings.rollup_sweep_interval_seconds
            done = await self._rollup_patience(asyncio.to_thread, rollups.sweep if due else rollups.look)
            swept = begun if due else swept
            metrics.seconds.labels("sweep" if due else "look").set(monotonic() - begun)
            metrics.held.set(done.held)
            metrics.published.inc(done.published)
            metrics.missed.inc(done.missed)
            metrics.succeeded.set_to_current_time()
            if done.missed:
                _log.error("units_missed", units=done.missed, remedy="`frigjort audit recompute` compares measurements")
            await asyncio.sleep(self._settings.rollup_interval_seconds)

    async def _figure_for_ever(self) -> None:
        client = await self._figure_patience(asyncio.to_thread, clickhouse.connect, self._database)
        figures = Figures(FigureStore(client))
        metrics = FigureMetrics(self._registry)
        counted = -_FLAGS_SECONDS
        while True:
            begun = monotonic()
            published = await self._figure_patience(asyncio.to_thread, figures.look)
            if published:
                await self._figure_patience(asyncio.to_thread, publish_scenarios, client, figures.at_ms)
            if begun - counted >= _FLAGS_SECONDS:
                await self._figure_patience(asyncio.to_thread, count_flags, client)
                counted = begun
            metrics.show(figures.shown)
            metrics.published.inc(published)
            metrics.seconds.set(monotonic() - begun)
            metrics.succeeded.set_to_current_time()
            await asyncio.sleep(self._settings.figure_interval_seconds)

    def _tell_seals(self, standings: list[Standing]) -> None:
        """What was sealed, and each time the partitions that cannot be sealed any more."""
        for standing in standings:
            if standing.made and standing.sealed is not None:
                _log.info(
                    "sealed", checkpoint=str(standing.sealed), chain=standing.sealed.chain.hex(), made=standing.made
                )
        for log_no, topic, partition in two_chains(standings):
            remedy = "`frigjort audit verify` says what was changed"
            _log.error("two_chains", log_no=log_no, topic=topic, partition=partition, remedy=remedy)

    def _timed(self, reconciliation: Reconciliation) -> Report:
        begun = monotonic()
        report = reconciliation.run()
        self.metrics.seconds.set(monotonic() - begun)
        return report

    def _tell(self, report: Report) -> None:
        """Each finding once, when it comes, and when it is gone."""
        found = frozenset(report.findings)
        for finding in sorted(found - self._findings, key=str):
            _log.error(
                "found", kind=finding.kind, topic=finding.topic, partition=finding.partition, log_no=finding.log_no,
                cause=finding.cause, remedy=finding.remedy,
            )  # fmt: skip
        for finding in sorted(self._findings - found, key=str):
            _log.info("no_longer_found", kind=finding.kind, topic=finding.topic, cause=finding.cause)
        self._findings = found

    def _patiences(self) -> tuple[Patience, ...]:
        return self._patience, self._sealing_patience, self._rollup_patience, self._figure_patience

    def _live(self) -> Health:
        ended = tuple(f"task {task.get_name()} has ended" for task in self._tasks if task.done())
        return Health(ended or (() if self._tasks else ("starting",)))

    def _ready(self) -> Health:
        problems = list(self._live().problems)
        problems += sorted({patience.waiting_for for patience in self._patiences() if patience.waiting_for})
        if self.metrics.last.report is None:
            problems.append("starting: nothing was reconciled yet")
        return Health(tuple(problems))


async def main() -> None:
    """Runs the service with the settings in the environment."""
    settings = ProgressSettings.load()
    logging.configure("progress", settings.log_level)
    await Progress(settings, KafkaSettings.load(), ClickHouseSettings.load()).run()
