"""Judging rejected records again, at the same coordinate, with today's rules and registry.

Invariants, each with a test:

1. A record is written at the coordinate where it was rejected, from the bytes that Kafka still has there, by the
   collector's own judge. So it keeps its origin, and writing it again, here or by a collector, is writing it once.
2. `measurements` first, `records` last, as on the collector's path (docs/adr/0008): a row in `records` says that all else is
   done. The selection reads what `records` says is rejected. Killed between the two, the record is still rejected and the
   next redrive selects it and writes the same rows. Until then the task counts already, as it will: a measurement is a
   function of record, rules and generation, and the newest state is a maximum, so being early changes no total after it.
3. Nothing is written for what is rejected still, is gone from the log, stands below a seal, or was in another incarnation.
4. Nothing is sent to any topic, and no offset is committed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from aiokafka import ConsumerRecord, TopicPartition

from services.cli.rejected.store import Rejected
from services.collector.assignment import Begin, Binding
from services.collector.partitions import Batch
from services.collector.pipeline import Judged
from services.domain.conservation import ANEW
from services.domain.coordinate import Coordinate
from services.runtime.errors import Halt
from services.runtime.retry import Patience

_BATCH: Final = 2_000


class Log(Protocol):
    """Where the original bytes are. Raises `Retry` or `Halt`."""

    async def records(self, partition: TopicPartition, offsets: Sequence[int]) -> list[ConsumerRecord]:
        """Those of the records at these ascending offsets that are left."""
        ...


class Tables(Protocol):
    """Where rows are kept. Returns when they are on disk; raises `Retry`. Writing again changes nothing."""

    async def write_records(self, rows: pa.Table) -> None:
        """Rows of table `records`."""
        ...

    async def write_measurements(self, rows: pa.Table) -> None:
        """Rows of table `measurements`."""
        ...


@dataclass(slots=True)
class Report:
    """What became of the selected records: how many, by code, or which."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    gone: list[Coordinate] = field(default_factory=list)
    frozen: list[Coordinate] = field(default_factory=list)
    another_log: list[Coordinate] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every record is accepted now."""
        return not (self.rejected or self.gone or self.frozen or self.another_log)

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "accepted": self.accepted,
            "rejected": dict(sorted(self.rejected.items())),
            "gone": [str(place) for place in self.gone],
            "frozen": [str(place) for place in self.frozen],
            "another_log": [str(place) for place in self.another_log],
        }


def foreign(at: Coordinate, bindings: Mapping[str, Binding], topic_ids: Mapping[str, str]) -> str:
    """Why the record at a coordinate cannot be in today's log of its topic; empty if it can. Pure."""
    binding, topic_id = bindings.get(at.topic), topic_ids.get(at.topic)
    if topic_id is None:
        return f"topic {at.topic} does not exist any more"
    if binding is None:
        return f"no log number is bound to {at.topic}"
    if at.log_no != binding.log_no:
        return f"log {at.log_no} of {at.topic} is an earlier incarnation: today's is {binding.log_no}"
    if binding.topic_ids != (topic_id,):
        return f"log {at.log_no} of {at.topic} is bound to another topic id than today's"
    return ""


@dataclass(frozen=True, slots=True)
class Redrive:
    """Judges rejected records again. `sealed_to` says up to which offset a coordinate's partition is sealed; `write` false: a
    dry run, which differs in nothing but that it writes nothing."""

    log: Log
    tables: Tables
    judge: Callable[[Batch], Judged]
    sealed_to: Callable[[Coordinate], int]
    patience: Patience
    write: bool
    advance: Callable[[int], None] = lambda _: None

    async def run(self, selected: Sequence[Rejected], is_foreign: Callable[[Coordinate], bool]) -> Report:
        """What became of the selected records, which are in the order of their coordinates. Raises `Retry` or `Halt`."""
        report = Report()
        for batch in batches(selected):
            if is_foreign(batch[0].coordinate):
                report.another_log += [each.coordinate for each in batch]
            else:
                await self._batch(batch, report)
            self.advance(len(batch))
        return report

    async def _batch(self, batch: Sequence[Rejected], report: Report) -> None:
        """A batch of one partition."""
        at = batch[0].coordinate
        partition = TopicPartition(at.topic, at.partition)
        came = {r.offset: r for r in await self.log.records(partition, [each.coordinate.offset for each in batch])}
        sealed_to = self.sealed_to(at)
        records: list[ConsumerRecord] = []
        for each in batch:
            record = came.get(each.coordinate.offset)
            if each.coordinate.offset <= sealed_to:
                report.frozen.append(each.coordinate)
            elif record is None:
                report.gone.append(each.coordinate)
            else:
                records.append(_same(each, record))
        if not records:
            return
        judged = self.judge(Batch(records, {partition: Begin(at.log_no, "", 0)}, {}, 0))
        report.rejected.update(judged.codes)
        accepted = judged.records.filter(pc.equal(judged.records.column("accepted"), 1))
        if self.write:
            await self.patience(self.tables.write_measurements, judged.measurements)
            await self.patience(self.tables.write_records, accepted)
        report.accepted += accepted.num_rows


def batches(selected: Sequence[Rejected]) -> Iterator[list[Rejected]]:
    """Batches of bounded size, each of one partition of one log."""
    for _, group in groupby(selected, key=lambda r: (r.coordinate.log_no, r.coordinate.topic, r.coordinate.partition)):
        whole = list(group)
        for first in range(0, len(whole), _BATCH):
            yield whole[first : first + _BATCH]


def _same(rejected: Rejected, record: ConsumerRecord) -> ConsumerRecord:
    """The record, if it is the one that was rejected: of a rejected one only the broker's time was kept to compare with."""
    if record.timestamp != rejected.broker_ms:
        raise Halt(
            str(rejected.coordinate),
            f"the record there is of {record.timestamp} ms, the one that was rejected was of {rejected.broker_ms} ms",
            f"the log was replaced under its topic id: find out by whom; then {ANEW}",
        )
    return record
