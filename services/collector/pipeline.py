"""The path of a batch, in order; commit last.

Invariants: a row in `records` says that all else about its record is done, its dead letter acknowledged and its measurement
stored; an offset is committed only after that row is stored. A crash between two steps leads to the same rows again:
nothing here depends on a clock, on chance or on the batch's cut.
What is settled, sealed rejections and erased payloads, is not written otherwise (`settled`).
Where a partition is stopped, because its log was replaced or by the brake, the batch goes on without its records from the
stop on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
from aiokafka import TopicPartition

from services.collector.assignment import Begin
from services.collector.brake import Braked, Rejections
from services.collector.partitions import Batch
from services.collector.settled import Settled
from services.runtime.errors import Halt
from services.runtime.retry import Patience


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as it goes to `frigjort.rejected.v1`."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch comes to: rows for `records` and `measurements`, and the dead letters, all in the batch's order."""

    records: pa.Table
    measurements: pa.Table
    dead_letters: Sequence[DeadLetter]
    codes: dict[str, int]
    statuses: dict[str, int]
    seconds: float


class Origin(Protocol):
    """Where records come from; raises `Retry`."""

    async def strangers(self, logs: Mapping[TopicPartition, Begin]) -> dict[TopicPartition, Halt]:
        """The partitions whose records need not come from the log that was begun, each with why to halt."""
        ...


class Settling(Protocol):
    """What must not be written otherwise; raises `Retry`."""

    async def settled(self, batch: Batch) -> Settled:
        """What is settled about a batch: nothing, unless its records are read again."""
        ...


class Judge(Protocol):
    """Judges a batch: pure, with the rules and the baselines of the moment."""

    async def judge(self, batch: Batch) -> Judged:
        """The rows of a batch. Never raises for a record's fault."""
        ...


class Brake(Protocol):
    """Stops a partition that is flooded with rejections; raises `Retry`."""

    async def check(
        self, batch: Batch, records: pa.Table, settled: Mapping[TopicPartition, Rejections]
    ) -> dict[TopicPartition, Braked]:
        """The partitions to stop, each with the first offset that must not be stored."""
        ...


class Store(Protocol):
    """Where rows are kept. Returns when they are on disk; raises `Retry` or `Halt`. Writing again changes nothing."""

    async def write_records(self, rows: pa.Table) -> None:
        """Rows of table `records`."""
        ...

    async def write_measurements(self, rows: pa.Table) -> None:
        """Rows of table `measurements`."""
        ...


class DeadLetters(Protocol):
    """Where refused records are announced. Returns when the broker has acknowledged all; raises `Retry`."""

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Sends them in order."""
        ...


class Offsets(Protocol):
    """Where progress is kept. Raises `Retry`; does nothing for a partition that is not ours any more."""

    async def commit(self, offsets: dict[TopicPartition, int], assignment: int) -> None:
        """`offsets` are the next ones to read."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was stored and committed, and the partitions to stop."""

    batch: Batch
    judged: Judged
    halts: Mapping[TopicPartition, Halt]


@dataclass(frozen=True, slots=True)
class Path:
    """The path and what it needs of the world."""

    origin: Origin
    settling: Settling
    judge: Judge
    brake: Brake
    store: Store
    dead_letters: DeadLetters
    offsets: Offsets
    patience: Patience

    async def run(self, batch: Batch) -> Outcome:
        """One batch from records to commit."""
        strangers = await self.patience(self.origin.strangers, batch.logs)
        if strangers:
            batch = batch.before(dict.fromkeys(strangers, 0))
        settled = await self.patience(self.settling.settled, batch)
        judged = await self.judge.judge(settled.open(batch))
        rejected = judged.codes or settled.rejected
        floods = await self.patience(self.brake.check, batch, judged.records, settled.rejected) if rejected else {}
        if floods:
            batch = batch.before({partition: halt.offset for partition, halt in floods.items()})
            judged = await self.judge.judge(settled.open(batch))
        await self.patience(self.dead_letters.send, judged.dead_letters)
        await self.patience(self.store.write_measurements, judged.measurements)
        await self.patience(self.store.write_records, settled.cleared(judged.records))
        await self.patience(self.offsets.commit, batch.offsets, batch.assignment)
        return Outcome(batch, judged, {**strangers, **floods})
