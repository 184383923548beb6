"""The brake: a flood of rejections stops its partition instead of draining it into the dead letters.

A limit is `count` rejections among `span` consecutive records. Every offset is a record (input topics are neither
compacted nor transactional), so a record trips a limit exactly when it is rejected and the rejection `count - 1` before
it lies less than `span` offsets below. Accepted records change nothing and cost nothing.

Invariants, each with a test:

1. Of the first record that trips and of all after it nothing is stored, sent or committed; of all before it everything is.
2. The decision is a function of the rejected offsets before the record, not of how the log was cut into batches.
3. What was rejected before this assignment is asked of ClickHouse, not remembered. So whoever reads on, after a restart, a
   crash or a rebalance, trips at the same record again. However often that is: of any `span` consecutive records at most
   `count - 1` are stored as rejected by one number of the rules.
4. A record that has a row already never trips: to read it again adds nothing that could be stopped.
5. Rejections by older rules, and records that were redriven since, do not count: a corrected collector goes on by itself.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from aiokafka import TopicPartition

from contracts.codes import EXPLANATIONS, RejectionCode
from services.collector.partitions import Batch, name_of
from services.runtime.errors import Halt

Cause = tuple[str, str]
"""Code and field path of a rejection."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Trips at the `count`-th rejection among `span` consecutive records; a run is a limit with both equal."""

    count: int
    span: int


def limits(ratio: float, window_records: int, run_records: int) -> tuple[Limit, ...]:
    """More than `ratio` (0 to 1) of `window_records` rejected, or `run_records` in a row; 0 turns either off."""
    found = []
    if run_records:
        found.append(Limit(run_records, run_records))
    above = math.floor(ratio * window_records + 1e-9) + 1  # 0.29 · 100 is 28.999…
    if ratio and above <= window_records:
        found.append(Limit(above, window_records))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Rejections:
    """Rejected records of one partition, ascending: offsets of shape (n,), and the cause of each."""

    offsets: npt.NDArray[np.int64]
    causes: list[Cause]

    def newest(self, most: int) -> "Rejections":
        """The last `most` of them."""
        first = max(0, len(self.causes) - most)
        return Rejections(self.offsets[first:], self.causes[first:])


NONE: Final = Rejections(np.empty(0, dtype=np.int64), [])


@dataclass(frozen=True, slots=True)
class Recent:
    """What came before: the rejections that a limit may still reach, and the highest offset with a row, -1 for none."""

    rejections: Rejections
    stored: int


@dataclass(frozen=True, slots=True)
class Trip:
    """`offset` is the first record that is not stored; `causes` are those of the rejections that reached the limit."""

    offset: int
    limit: Limit
    causes: list[Cause]


@dataclass(eq=False)
class Braked(Halt):
    """A partition that the brake stopped; `offset` is the next to be read."""

    offset: int


def decide(bounds: Sequence[Limit], recent: Recent, arrived: Rejections) -> tuple[Recent, Trip | None]:
    """What to remember, and the first record of `arrived` that trips a limit, if one does. Pure."""
    offsets = np.concatenate([recent.rejections.offsets, arrived.offsets])
    causes = recent.rejections.causes + arrived.causes
    new = np.arange(len(offsets)) >= len(recent.rejections.causes)
    open_ = new & (offsets > recent.stored)
    first: tuple[int, Limit] | None = None
    for limit in bounds:
        if len(offsets) < limit.count:
            continue
        near = offsets[limit.count - 1 :] - offsets[: len(offsets) - limit.count + 1] < limit.span
        hits = np.flatnonzero(near & open_[limit.count - 1 :])
        if len(hits) and (first is None or hits[0] + limit.count - 1 < first[0]):
            first = int(hits[0]) + limit.count - 1, limit
    reach = max((limit.count for limit in bounds), default=1) - 1
    after = Recent(Rejections(offsets, causes).newest(reach), recent.stored)
    if first is None:
        return after, None
    at, limit = first
    return after, Trip(int(offsets[at]), limit, causes[at - limit.count + 1 : at + 1])


def braked(partition: TopicPartition, trip: Trip) -> Braked:
    """The halt of a partition, in words."""
    (code, path), most = Counter(trip.causes).most_common(1)[0]
    count, span = trip.limit.count, trip.limit.span
    flood = f"{count} records in a row" if count == span else f"{count} of {span} consecutive records"
    return Braked(
        name_of(partition),
        f"the brake holds it before offset {trip.offset}: {flood} up to it were rejected, most often {code} at "
        f"{path or 'the record'} ({most} times: {EXPLANATIONS[RejectionCode(code)].meaning})",
        f"if the source is at fault: {EXPLANATIONS[RejectionCode(code)].remedy}, and let the rest through with higher "
        "FRIGJORT_COLLECTOR_BRAKE_… (0: off); if this collector is: run the corrected one. Then restart it; "
        f"`frigjort rejected list --topic {partition.topic}` shows what was rejected",
        trip.offset,
    )


class History(Protocol):
    """What is stored of a partition. Raises `Retry`."""

    async def recent(self, log_no: int, partition: TopicPartition, before: int, reach: int) -> Recent:
        """Rejections by these rules or newer that stand, at offsets from `before - reach` to `before - 1`; and the highest
        stored offset, -1 if it is below `before`."""
        ...


class Brake:
    """The brake of one collector: `check` after every batch that holds rejections."""

    def __init__(self, bounds: Sequence[Limit], history: History) -> None:
        self._limits = bounds
        self._history = history
        self._reach = max((limit.span for limit in bounds), default=0)
        self._assignment = -1
        self._recent: dict[TopicPartition, Recent] = {}

    async def check(
        self, batch: Batch, records: pa.Table, settled: Mapping[TopicPartition, Rejections]
    ) -> dict[TopicPartition, Braked]:
        """The partitions to stop, given the batch's rows for table `records` and those of its records that stay rejected
        without a row. Raises `Retry`, having changed nothing."""
        if not self._limits:
            return {}
        if batch.assignment != self._assignment:
            self._assignment = batch.assignment
            self._recent.clear()
        arrived = _merged(rejections_of(records), settled)
        for partition, rejections in arrived.items():
            first = int(rejections.offsets[0])
            known = self._recent.get(partition)
            if known is None or (known.rejections.causes and known.rejections.offsets[-1] >= first):
                self._recent[partition] = await self._history.recent(
                    batch.logs[partition].log_no, partition, first, self._reach
                )
        halts = {}
        for partition, rejections in arrived.items():
            self._recent[partition], trip = decide(self._limits, self._recent[partition], rejections)
            if trip is not None:
                halts[partition] = braked(partition, trip)
                del self._recent[partition]
        return halts


def _merged(
    one: Mapping[TopicPartition, Rejections], other: Mapping[TopicPartition, Rejections]
) -> Mapping[TopicPartition, Rejections]:
    """The rejections of both, each partition's by offset."""
    found = dict(one)
    for partition, more in other.items():
        known = one.get(partition, NONE)
        offsets = np.concatenate([known.offsets, more.offsets])
        order = np.argsort(offsets, kind="stable")
        causes = known.causes + more.causes
        found[partition] = Rejections(offsets[order], [causes[at] for at in order.tolist()])
    return found


def rejections_of(records: pa.Table) -> Mapping[TopicPartition, Rejections]:
    """The rejections among rows of table `records`, by partition."""
    columns = records.select(["topic", "partition", "offset", "code", "path"])
    rows = columns.filter(pc.equal(records.column("accepted"), 0))
    places = zip(rows.column("topic").to_pylist(), rows.column("partition").to_pylist(), strict=True)
    causes = list(zip(rows.column("code").to_pylist(), rows.column("path").to_pylist(), strict=True))
    offsets = rows.column("offset").to_numpy().astype(np.int64)
    at: dict[TopicPartition, list[int]] = {}
    for row, place in enumerate(places):
        at.setdefault(TopicPartition(*place), []).append(row)
    return {partition: Rejections(offsets[found], [causes[row] for row in found]) for partition, found in at.items()}
