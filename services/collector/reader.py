"""Keeps partitions assigned, decided and flowing: between the subscription and the path.

Pauses vanish at a rebalance and records can arrive while its listener still runs. So the listener pauses first and
decides in a task of its own, and `Partitions` drops what comes for a partition that is not running.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

import structlog
from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition

from services.collector.assignment import Begin, decide, may_go_on
from services.collector.evidence import Evidence
from services.collector.kafka import Subscription
from services.collector.partitions import Batch, Partitions
from services.collector.pipeline import Judged, Path
from services.collector.settings import CollectorSettings
from services.runtime.errors import Halt, Retry
from services.runtime.retry import Patience

_log = structlog.get_logger()
_TICK_SECONDS = 0.01
_WATCH_SECONDS = 2.0
AfterBatch = Callable[[Batch, Judged], None]


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads what is assigned, flushes what was read, pauses when the path is slow."""

    def __init__(self, settings: CollectorSettings, subscription: Subscription, evidence: Evidence) -> None:
        self.partitions = Partitions()
        self.patience = Patience()
        self.failure = ""
        """Why it was given up to decide where to begin; empty: it was not."""
        self._settings = settings
        self._evidence = evidence
        self._subscription = subscription
        self._deciding: asyncio.Task[None] | None = None
        self._paused: set[TopicPartition] = set()
        self._busy = False
        self._urgent = False
        subscription.open(self, self._admit)

    # -- what Kafka says ------------------------------------------------------------------------------------------------

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Pauses all of them at once, then decides where to begin each in a task of its own."""
        consumer = self._subscription.consumer
        consumer.pause(*assigned)
        for partition in assigned:
            # A position of any kind, else the client looks for one by a policy that we do not have, fails and sleeps.
            # Nothing is fetched from it: the partition is paused until it is decided where to begin.
            consumer.seek(partition, 0)
        self._paused = set(assigned)
        self.partitions.assigned(assigned)
        self._stop_deciding()
        if assigned:
            self._deciding = asyncio.create_task(self._decide_all(sorted(assigned)), name="decide")
            self._deciding.add_done_callback(self._decided)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Stores and commits what was read, for a bounded time; the rest is read again by the next owner."""
        self._stop_deciding()
        if revoked:
            self._subscription.consumer.pause(*revoked)
            await self.drain(self._settings.drain_seconds / 2)
        self.partitions.revoked()

    def _admit(self, records: Sequence[ConsumerRecord]) -> None:
        for partition, halt in self.partitions.admit(records):
            self._halt(partition, halt)
        self._apply_pressure()

    # -- deciding -------------------------------------------------------------------------------------------------------

    def _stop_deciding(self) -> None:
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None

    def _decided(self, deciding: "asyncio.Task[None]") -> None:
        if not deciding.cancelled() and (error := deciding.exception()) is not None:
            self.failure = repr(error)
            _log.error("not_decided", error=self.failure, exc_info=error)

    async def _decide_all(self, assigned: list[TopicPartition]) -> None:
        facts = await self.patience(self._evidence.facts, assigned)
        for partition, known in facts.items():
            match decide(known):
                case Begin() as begin:
                    self._begin(partition, begin)
                case Halt() as halt:
                    self._halt(partition, halt)

    async def watch_for_ever(self) -> None:
        """Looks again and again whether what is read may still be read: a log can be truncated, deleted or replaced under
        its reader, and the client says nothing of it that reaches a handler."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            with suppress(Retry):  # Kafka is away: whoever needs it says so
                await self._watch()

    async def _watch(self) -> None:
        running = dict(self.partitions.running)
        for partition, sight in (await self._evidence.sights(running)).items():
            halt = may_go_on(sight)
            if halt is not None and self.partitions.running.get(partition) is running[partition]:
                self._halt(partition, halt)

    def _begin(self, partition: TopicPartition, begin: Begin) -> None:
        consumer = self._subscription.consumer
        consumer.seek(partition, begin.offset)
        self.partitions.begin(partition, begin)
        self._paused.discard(partition)
        consumer.resume(partition)
        _log.info(
            "reading", topic=partition.topic, partition=partition.partition, offset=begin.offset, log_no=begin.log_no
        )

    def _halt(self, partition: TopicPartition, halt: Halt) -> None:
        self.partitions.halt(partition, halt)
        self._paused.add(partition)
        self._subscription.consumer.pause(partition)
        _log.error("halted", what=halt.what, reason=halt.reason, remedy=halt.remedy)

    def _brake(self, partition: TopicPartition, halt: Halt, assignment: int) -> None:
        if assignment == self.partitions.assignment:  # else whoever has it now finds the same flood at the same offset
            self._halt(partition, halt)

    # -- flowing --------------------------------------------------------------------------------------------------------

    def _apply_pressure(self) -> None:
        """Pauses running partitions while too much waits, and lets them go on when half of it is stored."""
        consumer = self._subscription.consumer
        running = set(self.partitions.running)
        if self.partitions.buffered >= self._settings.buffer_rows:
            consumer.pause(*running - self._paused)
            self._paused |= running
        elif self.partitions.buffered <= self._settings.buffer_rows // 2 and self._paused & running:
            consumer.resume(*self._paused & running)
            self._paused -= running

    @property
    def _due(self) -> bool:
        buffered = self.partitions.buffered
        return buffered > 0 and (
            self._urgent
            or buffered >= self._settings.flush_rows
            or self.partitions.age_seconds() * 1000 >= self._settings.flush_interval_ms
        )

    async def flush_for_ever(self, path: Path, after: AfterBatch) -> None:
        """Runs the path over batch after batch: full ones at once, others when they have waited long enough."""
        while True:
            if not self._due:
                await asyncio.sleep(_TICK_SECONDS)
                continue
            batch = self.partitions.take(self._settings.flush_rows)
            self._busy = True
            try:
                outcome = await path.run(batch)
                self.partitions.stored(outcome.batch)
                for partition, halt in outcome.halts.items():
                    self._brake(partition, halt, batch.assignment)
                after(outcome.batch, outcome.judged)
            finally:
                self._busy = False
            self._apply_pressure()

    async def drain(self, seconds: float) -> bool:
        """Stores what was read, as soon as possible; whether it succeeded in time."""
        self._urgent = True
        try:
            deadline = monotonic() + seconds
            while (self.partitions.buffered or self._busy) and monotonic() < deadline:  # noqa: ASYNC110 - two conditions
                await asyncio.sleep(_TICK_SECONDS)
            return not (self.partitions.buffered or self._busy)
        finally:
            self._urgent = False

    def pause_all(self) -> None:
        """Takes no new records: the process is about to end."""
        self._stop_deciding()
        self.partitions.closing = True
        self._subscription.consumer.pause(*self.partitions.running)

    def seconds_since_poll(self) -> float:
        """How long ago the loop last polled a running partition, by the consumer's own word; 0 without partitions."""
        return self._subscription.seconds_since_poll(self.partitions.running)

    async def lags(self) -> dict[TopicPartition, int]:
        """Records between what is stored and the end of the log, per running partition. Raises `Retry`."""
        ends = await self._subscription.ends(list(self.partitions.running))
        return {
            partition: max(0, end - state.committed)
            for partition, end in ends.items()
            if (state := self.partitions.running.get(partition)) is not None
        }

    async def commit(self, offsets: dict[TopicPartition, int], assignment: int) -> None:
        """`Offsets` of the path: nothing is committed for an assignment that is over."""
        if assignment == self.partitions.assignment:
            running = self.partitions.running
            await self._subscription.commit(
                {p: (offset, running[p].begun.topic_id) for p, offset in offsets.items() if p in running}
            )
