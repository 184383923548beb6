"""What is settled about records that are read again, and must not be written otherwise.

Below a seal no disposition changes: a record that was rejected there stays rejected, also where newer rules would accept it, and
nothing is written of it again. (One that was accepted stays so anyway: accepted beats rejected, and a leaf holds no rules.) The
payload and the salt of a record that was erased are not written again.

ClickHouse is asked for batches alone that hold a record which may be sealed by its age: at steady load none does. The clock
decides whether to ask and never what is written. What is asked is as old as the batch takes to be stored: who falls asleep in the
middle of one, until others have stored and sealed its records, may still write over them; `frigjort audit verify` names it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from aiokafka import ConsumerRecord, TopicPartition

from services.collector.brake import Rejections
from services.collector.partitions import Batch, partition_of
from services.domain.chain import AGE_MS

_TOLERANCE_MS: Final = AGE_MS // 2
"""By how much this clock may be behind a sealer's."""


class Reach(NamedTuple):
    """The records of a partition that are read: offsets `first` to `last` of log `log_no`."""

    log_no: int
    first: int
    last: int


class History(Protocol):
    """What is stored and sealed of partitions. Raises `Retry`."""

    async def sealed(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, int]:
        """The last sealed offset of each of these that has one."""
        ...

    async def rejected(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, Rejections]:
        """Those of these records that stand as rejected, by any rules."""
        ...

    async def erased(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, frozenset[int]]:
        """The offsets of those of these records that were erased."""
        ...


@dataclass(frozen=True, slots=True)
class Settled:
    """Of a batch: the rejections that stand for ever, and the offsets of what was erased."""

    rejected: Mapping[TopicPartition, Rejections] = field(default_factory=dict)
    erased: Mapping[TopicPartition, frozenset[int]] = field(default_factory=dict)

    def open(self, batch: Batch) -> Batch:
        """The batch without the records that stay rejected; it commits the same offsets."""
        if not self.rejected:
            return batch
        frozen = {place: set(found.offsets.tolist()) for place, found in self.rejected.items()}
        return batch.without(lambda record: record.offset in frozen.get(partition_of(record), ()))

    def cleared(self, records: pa.Table) -> pa.Table:
        """Rows of table `records`, without the payload and salt of what was erased."""
        if not self.erased:
            return records
        places = zip(*(records.column(name).to_pylist() for name in ("topic", "partition", "offset")), strict=True)
        erased = np.array(
            [offset in self.erased.get(TopicPartition(*place), ()) for *place, offset in places], dtype=bool
        )
        for name in ("payload", "salt"):
            column = records.column(name).combine_chunks()
            values = [b"" if gone else value for gone, value in zip(erased.tolist(), column.to_pylist(), strict=True)]
            records = records.set_column(records.column_names.index(name), name, pa.array(values, column.type))
        return records


NOTHING: Final = Settled()


@dataclass(frozen=True, slots=True)
class Settlements:
    """`clock` gives epoch seconds."""

    history: History
    clock: Callable[[], float]

    async def settled(self, batch: Batch) -> Settled:
        """What is settled about the batch. Raises `Retry`."""
        now_ms = self.clock() * 1000
        old = {
            place: reach for place, reach, oldest_ms in _reaches(batch) if oldest_ms + AGE_MS <= now_ms + _TOLERANCE_MS
        }
        if not old:
            return NOTHING
        erased = await self.history.erased(old)
        sealed = await self.history.sealed(old)
        below = {
            place: reach._replace(last=min(reach.last, sealed[place]))
            for place, reach in old.items()
            if sealed.get(place, -1) >= reach.first
        }
        return Settled(await self.history.rejected(below) if below else {}, erased)


def _reaches(batch: Batch) -> Iterator[tuple[TopicPartition, Reach, int]]:
    """What the batch holds of each partition, and the broker's time of its oldest record."""
    for (topic, number), group in groupby(batch.records, key=partition_of):
        records: list[ConsumerRecord] = list(group)
        place = TopicPartition(topic, number)
        oldest_ms = min(record.timestamp for record in records)
        yield place, Reach(batch.logs[place].log_no, records[0].offset, records[-1].offset), oldest_ms
