"""The brake against a plain reading of its words: record by record, without batches, restarts or numpy."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import RejectionCode
from services.collector.assignment import Begin
from services.collector.brake import Brake, Cause, Limit, Recent, Rejections, Trip, braked, decide, limits
from services.collector.partitions import Batch
from services.runtime.errors import Retry

PARTITION = TopicPartition("frigjort.tasks.v1.10000009", 0)
OTHER = TopicPartition("frigjort.tasks.v1.10000009", 1)
FIELD: Cause = ("unknown_field", "data.*")
TEXT: Cause = ("invalid_json", "")
LIMITS = st.integers(1, 12).flatmap(lambda span: st.builds(Limit, st.integers(1, span), st.just(span)))
VERDICTS = st.lists(st.booleans(), max_size=60)
"""Whether the record at each offset is rejected."""


def trips_at(verdicts: Sequence[bool], bounds: Sequence[Limit]) -> int | None:
    """The first record that trips, by the definition."""
    for offset, rejected in enumerate(verdicts):
        for limit in bounds:
            window = verdicts[max(0, offset - limit.span + 1) : offset + 1]
            if rejected and sum(window) >= limit.count:
                return offset
    return None


@dataclass
class Stored:
    """`History` over what a test stored: the cause of each rejected offset, and the end of the rows."""

    rejected: dict[TopicPartition, dict[int, Cause]] = field(default_factory=dict)
    end: dict[TopicPartition, int] = field(default_factory=dict)
    away: int = 0
    asked: int = 0

    async def recent(self, log_no: int, partition: TopicPartition, before: int, reach: int) -> Recent:
        assert log_no == 1
        self.asked += 1
        if self.away:
            self.away -= 1
            raise Retry("ClickHouse", "away")
        found = {o: c for o, c in self.rejected.get(partition, {}).items() if before - reach <= o < before}
        stored = self.end.get(partition, 0) - 1
        return Recent(
            Rejections(np.array(sorted(found), dtype=np.int64), [found[o] for o in sorted(found)]),
            stored if stored >= before else -1,
        )

    def write(self, batch: Batch, verdicts: dict[TopicPartition, Sequence[bool]]) -> None:
        for record in batch.records:
            partition = TopicPartition(record.topic, record.partition)
            if verdicts[partition][record.offset]:
                self.rejected.setdefault(partition, {})[record.offset] = FIELD
            self.end[partition] = max(self.end.get(partition, 0), record.offset + 1)


def rows_of(batch: Batch, verdicts: dict[TopicPartition, Sequence[bool]], cause: Cause = FIELD) -> pa.Table:
    """The batch's rows as the judge makes them: accepted ones first."""
    marked = [(verdicts[TopicPartition(r.topic, r.partition)][r.offset], r) for r in batch.records]
    marked.sort(key=lambda pair: pair[0])
    return pa.table(
        {
            "topic": pa.array([r.topic for _, r in marked], pa.string()),
            "partition": pa.array([r.partition for _, r in marked], pa.uint16()),
            "offset": pa.array([r.offset for _, r in marked], pa.uint64()),
            "accepted": pa.array([int(not rejected) for rejected, _ in marked], pa.uint8()),
            "code": pa.array([cause[0] if rejected else "" for rejected, _ in marked], pa.string()),
            "path": pa.array([cause[1] if rejected else "" for rejected, _ in marked], pa.string()),
        }
    )


def batch_of(spans: dict[TopicPartition, range], assignment: int = 1) -> Batch:
    records = [
        ConsumerRecord(*partition, offset, 1_770_000_000_000, 0, None, b"", None, -1, 0, ())
        for partition, offsets in sorted(spans.items())
        for offset in offsets
    ]
    ends = {partition: offsets.stop for partition, offsets in spans.items()}
    return Batch(records, dict.fromkeys(spans, Begin(1, "id-1", 0)), ends, assignment)


async def run(
    brake: Brake, store: Stored, batch: Batch, verdicts: dict[TopicPartition, Sequence[bool]]
) -> dict[TopicPartition, int]:
    """One batch as the path takes it; where each stopped partition stands."""
    halts = {p: halt.offset for p, halt in (await brake.check(batch, rows_of(batch, verdicts), {})).items()}
    store.write(batch.before(halts), verdicts)
    return halts


@given(verdicts=VERDICTS, bounds=st.lists(LIMITS, max_size=2), data=st.data())
async def test_neither_the_cut_of_batches_nor_restarts_nor_crashes_change_where_it_stops(
    verdicts: list[bool], bounds: list[Limit], data: st.DataObject
) -> None:
    """A step is a batch of any size, sometimes in a new process, which reads again from what was committed."""
    store = Stored()
    brake, assignment, at, committed = Brake(bounds, store), 1, 0, 0
    stopped: int | None = None
    while at < len(verdicts) and stopped is None:
        end = data.draw(st.integers(at + 1, len(verdicts)))
        halts = await run(brake, store, batch_of({PARTITION: range(at, end)}, assignment), {PARTITION: verdicts})
        stopped = halts.get(PARTITION)
        at = end
        fate = data.draw(st.sampled_from(["goes on", "commits", "rebalances", "dies"]))
        if fate == "commits":
            committed = at
        elif stopped is None and fate != "goes on":
            assignment += 1
            brake = brake if fate == "rebalances" else Brake(bounds, store)
            committed = at = data.draw(st.integers(committed, at))
    expected = trips_at(verdicts, bounds)
    assert stopped == expected
    assert store.end.get(PARTITION, 0) == (len(verdicts) if expected is None else expected)


@given(verdicts=VERDICTS, bounds=st.lists(LIMITS, min_size=1, max_size=2), restarts=st.integers(1, 5), data=st.data())
async def test_however_often_it_is_restarted_no_window_holds_more_than_its_bound(
    verdicts: list[bool], bounds: list[Limit], restarts: int, data: st.DataObject
) -> None:
    store = Stored()
    for process in range(restarts):
        brake = Brake(bounds, store)
        at = data.draw(st.integers(0, store.end.get(PARTITION, 0)))  # whatever was committed
        while at < len(verdicts):
            end = data.draw(st.integers(at + 1, len(verdicts)))
            if await run(brake, store, batch_of({PARTITION: range(at, end)}, process), {PARTITION: verdicts}):
                break
            at = end
    offsets = sorted(store.rejected.get(PARTITION, {}))
    for limit in bounds:
        for first in offsets:
            assert sum(first <= offset < first + limit.span for offset in offsets) < limit.count


async def test_other_partitions_go_on() -> None:
    store = Stored()
    brake = Brake(limits(0, 1, 3), store)
    verdicts: dict[TopicPartition, Sequence[bool]] = {PARTITION: [True] * 9, OTHER: [False, True, True] * 3}
    batch = batch_of({PARTITION: range(9), OTHER: range(9)})
    assert await run(brake, store, batch, verdicts) == {PARTITION: 2}
    assert store.end == {PARTITION: 2, OTHER: 9}
    kept = batch.before({PARTITION: 2})
    assert kept.offsets == {PARTITION: 2, OTHER: 9}
    assert batch.before({PARTITION: 0}).offsets == {OTHER: 9}, "nothing stored of it: nothing to commit"


async def test_once_halted_a_restart_stores_no_rejection_more_and_higher_limits_let_it_go_on() -> None:
    store = Stored()
    flood: dict[TopicPartition, Sequence[bool]] = {PARTITION: [False, *[True] * 30]}
    for process in range(5):
        begin = store.end.get(PARTITION, 0)
        halts = await run(
            Brake(limits(0, 1, 10), store), store, batch_of({PARTITION: range(begin, 31)}, process), flood
        )
        assert halts == {PARTITION: 10}
        assert len(store.rejected[PARTITION]) == 9
    raised = Brake(limits(0, 1, 40), store)
    assert await run(raised, store, batch_of({PARTITION: range(10, 31)}), flood) == {}
    assert len(store.rejected[PARTITION]) == 30


async def test_what_is_stored_already_never_trips_again() -> None:
    """The flood was let through once; the group's offsets were lost, and all is read again."""
    store = Stored()
    flood: dict[TopicPartition, Sequence[bool]] = {PARTITION: [*[True] * 30, *[False] * 20, *[True] * 12]}
    await run(Brake((), store), store, batch_of({PARTITION: range(50)}), flood)
    again = Brake(limits(0, 1, 10), store)
    assert await run(again, store, batch_of({PARTITION: range(20)}), flood) == {}
    assert await run(again, store, batch_of({PARTITION: range(20, 62)}), flood) == {PARTITION: 59}


async def test_clickhouse_away_while_it_asks_counts_nothing_twice() -> None:
    store = Stored(away=1)
    brake = Brake(limits(0, 1, 4), store)
    batch = batch_of({PARTITION: range(3), OTHER: range(3)})
    verdicts: dict[TopicPartition, Sequence[bool]] = {PARTITION: [True] * 8, OTHER: [True] * 8}
    with pytest.raises(Retry):
        await brake.check(batch, rows_of(batch, verdicts), {})
    assert await run(brake, store, batch, verdicts) == {}
    assert await run(brake, store, batch_of({PARTITION: range(3, 8)}), verdicts) == {PARTITION: 3}


async def test_what_another_collector_stored_meanwhile_counts() -> None:
    """The partition goes away and comes back: what this process remembers of it is out of date."""
    store = Stored()
    one, other = Brake(limits(0, 1, 10), store), Brake(limits(0, 1, 10), store)
    flood: dict[TopicPartition, Sequence[bool]] = {PARTITION: [True] * 20}
    assert await run(one, store, batch_of({PARTITION: range(4)}, 1), flood) == {}
    assert await run(other, store, batch_of({PARTITION: range(4, 8)}, 1), flood) == {}
    assert await run(one, store, batch_of({PARTITION: range(8, 20)}, 2), flood) == {PARTITION: 9}


async def test_it_asks_once_an_assignment_and_never_when_it_is_off() -> None:
    store = Stored()
    brake = Brake(limits(0.9, 10, 0), store)
    verdicts: dict[TopicPartition, Sequence[bool]] = {PARTITION: [True, False] * 20}
    for first in range(0, 40, 4):
        await run(brake, store, batch_of({PARTITION: range(first, first + 4)}), verdicts)
    assert store.asked == 1
    await run(Brake(limits(0, 10, 0), store), store, batch_of({PARTITION: range(40)}, 2), verdicts)
    assert store.asked == 1


def test_limits_of_settings() -> None:
    assert limits(0, 1_000, 0) == ()
    assert limits(0.5, 1_000, 0) == (Limit(501, 1_000),), "above the ratio, not at it"
    assert limits(0.29, 100, 0) == (Limit(30, 100),), "0.29 · 100 is not 28.999…"
    assert limits(1, 1_000, 7) == (Limit(7, 7),), "more than all is never"


def test_the_halt_names_the_commonest_cause_the_count_and_the_remedy() -> None:
    arrived = Rejections(np.arange(5), [FIELD, TEXT, FIELD, FIELD, TEXT])
    _, trip = decide([Limit(4, 6)], Recent(Rejections(np.empty(0, np.int64), []), -1), arrived)
    assert trip is not None
    halt = braked(PARTITION, trip)
    assert halt.offset == 3
    assert halt.what == f"{PARTITION.topic}/0"
    assert "4 of 6 consecutive records" in halt.reason
    assert "unknown_field at data.* (3 times" in halt.reason
    assert "remove the field" in halt.remedy
    assert "FRIGJORT_COLLECTOR_BRAKE_" in halt.remedy
    row = braked(PARTITION, replace(trip, limit=Limit(4, 4)))
    assert "4 records in a row" in row.reason


def test_every_code_can_be_named() -> None:
    for code in RejectionCode:
        text = str(braked(PARTITION, decide_one((code.value, ""))))
        assert code.value in text
        assert "the record" in text


def decide_one(cause: Cause) -> Trip:
    _, trip = decide(
        [Limit(1, 1)], Recent(Rejections(np.empty(0, np.int64), []), -1), Rejections(np.array([4]), [cause])
    )
    assert trip is not None
    return trip
