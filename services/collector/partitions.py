"""What this collector reads at the moment: the state of each assigned partition, and the records taken but not stored.

Invariant: per running partition the records admitted are contiguous from the offset that `decide` gave. What arrives for
a partition that is not running is dropped here: it will be read again from the offset where the partition begins.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from time import monotonic

from aiokafka import ConsumerRecord, TopicPartition

from services.collector.assignment import Begin
from services.runtime.errors import Halt

partition_of = attrgetter("topic", "partition")
"""(topic, partition) of a record."""


def name_of(partition: TopicPartition) -> str:
    """`topic/partition`, as people read it."""
    return f"{partition.topic}/{partition.partition}"


@dataclass(slots=True)
class Running:
    """A partition that is read: everything below `next_offset` was admitted, below `committed` is stored."""

    begun: Begin
    next_offset: int
    committed: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records to be judged and stored together, in the order of each partition; `logs` says which log each partition's
    records come from, `offsets` what to commit after."""

    records: list[ConsumerRecord]
    logs: dict[TopicPartition, Begin]
    offsets: dict[TopicPartition, int]
    assignment: int

    def without(self, left_out: Callable[[ConsumerRecord], bool]) -> "Batch":
        """The batch without some of its records; it commits the same offsets."""
        return replace(self, records=[record for record in self.records if not left_out(record)])

    def before(self, ends: Mapping[TopicPartition, int]) -> "Batch":
        """The batch without the records of these partitions from the given offsets on."""
        kept = [r for r in self.records if r.offset < ends.get(TopicPartition(r.topic, r.partition), r.offset + 1)]
        return replace(self, records=kept, offsets=_next_offsets(kept))


@dataclass(slots=True)
class Partitions:
    """The assigned partitions and the accumulator. `assignment` rises with every rebalance."""

    assignment: int = 0
    deciding: set[TopicPartition] = field(default_factory=set)
    running: dict[TopicPartition, Running] = field(default_factory=dict)
    halted: dict[TopicPartition, Halt] = field(default_factory=dict)
    closing: bool = False
    _records: list[ConsumerRecord] = field(default_factory=list)
    _oldest: float = 0.0

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """A new assignment: nothing is read until it is decided where."""
        self.assignment += 1
        self.deciding = set(partitions)
        self.running.clear()
        self.halted.clear()
        self._records = []

    def revoked(self) -> None:
        """Everything was taken away; what is not stored will be read again by whoever gets it."""
        self.assigned(())

    def begin(self, partition: TopicPartition, begin: Begin) -> None:
        """The partition is read from now on."""
        self.deciding.discard(partition)
        self.running[partition] = Running(begin, begin.offset, begin.offset)

    def halt(self, partition: TopicPartition, halt: Halt) -> None:
        """The partition is not read any more; its records that are not stored are forgotten, the log has them."""
        self.deciding.discard(partition)
        self.running.pop(partition, None)
        self.halted[partition] = halt
        self._records = [r for r in self._records if (r.topic, r.partition) != partition]

    def admit(self, records: Sequence[ConsumerRecord]) -> list[tuple[TopicPartition, Halt]]:
        """Takes the records of running partitions; returns the partitions whose offsets jumped, with why."""
        jumps: list[tuple[TopicPartition, Halt]] = []
        if self.closing:
            return jumps
        for (topic, number), group in groupby(records, key=partition_of):
            partition = TopicPartition(topic, number)
            state = self.running.get(partition)
            if state is None:
                continue
            arrived = list(group)
            first, last = arrived[0].offset, arrived[-1].offset
            if first != state.next_offset or last - first + 1 != len(arrived):
                jumps.append((partition, _jump(partition, state.next_offset, first, last, len(arrived))))
                continue
            if not self._records:
                self._oldest = monotonic()
            state.next_offset = last + 1
            self._records += arrived
        return jumps

    @property
    def buffered(self) -> int:
        """How many records wait to be stored."""
        return len(self._records)

    def age_seconds(self) -> float:
        """How long the oldest of them has waited."""
        return monotonic() - self._oldest if self._records else 0.0

    def take(self, most: int) -> Batch:
        """The oldest records, at most `most`, as a batch, partition by partition."""
        records, self._records = self._records[:most], self._records[most:]
        # In the order of the table `records`, so that the store has less to move; a partition's own order stays.
        records.sort(key=partition_of)
        self._oldest = monotonic()
        offsets = _next_offsets(records)
        logs = {partition: self.running[partition].begun for partition in offsets}
        return Batch(records, logs, offsets, self.assignment)

    def stored(self, batch: Batch) -> None:
        """The batch is stored and committed."""
        if batch.assignment != self.assignment:
            return
        for partition, offset in batch.offsets.items():
            if partition in self.running:
                self.running[partition].committed = offset


def _next_offsets(records: Sequence[ConsumerRecord]) -> dict[TopicPartition, int]:
    last = {(record.topic, record.partition): record.offset for record in records}
    return {TopicPartition(*place): offset + 1 for place, offset in last.items()}


def _jump(partition: TopicPartition, expected: int, first: int, last: int, count: int) -> Halt:
    return Halt(
        name_of(partition),
        f"offset {expected} was expected, {count} records from {first} to {last} arrived",
        "most likely the topic was compacted or written in transactions, which is refused; else the log lost records: see "
        "`frigjort audit reconcile`, mend the topic, then restart the collector",
    )
