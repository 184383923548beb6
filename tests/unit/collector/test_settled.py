"""When ClickHouse is asked what is settled about a batch, and what the brake makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from services.collector.assignment import Begin
from services.collector.brake import Brake, Limit, Recent, Rejections
from services.collector.partitions import Batch
from services.collector.settled import NOTHING, Reach, Settled, Settlements
from services.domain.chain import AGE_MS, HOUR_MS, Chain, Leaf, Unsealed, sealable
from tests.unit.collector.test_brake import rows_of

ONE, OTHER = TopicPartition("frigjort.tasks.v1.10000009", 0), TopicPartition("frigjort.tasks.v1.10000009", 1)
START_MS = 1_775_001_600_000


def rejections(*offsets: int) -> Rejections:
    return Rejections(np.array(offsets, dtype=np.int64), [("invalid_json", "")] * len(offsets))


def batch_of(moments: Mapping[TopicPartition, Mapping[int, int]]) -> Batch:
    """Records by partition, offset and broker time."""
    records = [
        ConsumerRecord(*place, offset, moment, 0, None, b"", None, -1, 0, ())
        for place, found in sorted(moments.items())
        for offset, moment in sorted(found.items())
    ]
    return Batch(
        records, {place: Begin(7, "id", 0) for place in moments}, {p: max(f) + 1 for p, f in moments.items()}, 1
    )


@dataclass
class Stored:
    """What is sealed to, rejected and erased; `asked`: each question with what it was about."""

    sealed_to: dict[TopicPartition, int] = field(default_factory=dict)
    asked: list[tuple[str, dict[TopicPartition, Reach]]] = field(default_factory=list)

    async def sealed(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, int]:
        self.asked.append(("sealed", dict(reaches)))
        return {place: offset for place, offset in self.sealed_to.items() if place in reaches}

    async def rejected(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, Rejections]:
        self.asked.append(("rejected", dict(reaches)))
        return {place: rejections(reach.first) for place, reach in reaches.items()}

    async def erased(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, frozenset[int]]:
        self.asked.append(("erased", dict(reaches)))
        return {}


MOMENTS = st.sampled_from([0, HOUR_MS - 1, HOUR_MS, 2 * HOUR_MS - 1, 2 * HOUR_MS])
"""After the beginning of an hour; the last ones of an hour are sealed when they are hardly an hour old."""
VISITS = st.builds(lambda hours, more: hours * HOUR_MS + more, st.integers(1, 5), st.integers(0, 60_000))


@given(st.lists(MOMENTS, min_size=1, max_size=4), VISITS, st.integers(-1_000, 60_000))
async def test_whenever_a_record_may_be_sealed_it_is_asked(moments: list[int], after_ms: int, behind_ms: int) -> None:
    """Also where this clock is behind the sealer's."""
    log = [Leaf(offset, START_MS + moment, bytes(32)) for offset, moment in enumerate(moments)]
    sealer_ms = START_MS + after_ms
    *_, unsealed = sealable(Chain.of((7, *ONE)), log, sealer_ms)
    assert isinstance(unsealed, Unsealed)
    history = Stored({ONE: unsealed.offset - 1})
    batch = batch_of({ONE: {leaf.offset: leaf.broker_ms for leaf in log}})
    found = await Settlements(history, lambda: (sealer_ms - behind_ms) / 1000).settled(batch)
    if unsealed.offset > 0:
        assert history.asked[-1] == ("rejected", {ONE: Reach(7, 0, unsealed.offset - 1)})
        assert found.open(batch).records == batch.records[1:]
        assert found.open(batch).offsets == batch.offsets
    else:
        assert found.open(batch) == batch


async def test_of_young_records_nothing_is_asked_and_of_old_ones_only_of_their_partitions() -> None:
    history = Stored({ONE: 5, OTHER: 5})
    now_ms = START_MS + AGE_MS
    young, old = now_ms - 60_000, START_MS - HOUR_MS
    settlements = Settlements(history, lambda: now_ms / 1000)
    assert await settlements.settled(batch_of({ONE: {3: young, 4: young}})) is NOTHING
    assert history.asked == []
    found = await settlements.settled(batch_of({ONE: {3: young, 4: young}, OTHER: {4: old, 5: young, 6: young}}))
    assert history.asked == [
        ("erased", {OTHER: Reach(7, 4, 6)}),
        ("sealed", {OTHER: Reach(7, 4, 6)}),
        ("rejected", {OTHER: Reach(7, 4, 5)}),
    ]
    assert found.rejected.keys() == {OTHER}
    history.asked.clear()
    assert (await settlements.settled(batch_of({OTHER: {6: old}}))) == NOTHING
    assert [question for question, _ in history.asked] == ["erased", "sealed"]


class NothingBefore:
    """`History` of the brake: nothing was rejected before, and rows are stored to an offset."""

    def __init__(self, stored: int) -> None:
        self.stored = stored

    async def recent(self, log_no: int, partition: TopicPartition, before: int, reach: int) -> Recent:
        assert (log_no, reach > 0) == (7, True)
        assert partition == ONE
        return Recent(rejections(), self.stored if self.stored >= before else -1)


@pytest.mark.parametrize(("settled", "trips"), [((), None), ((1,), None), ((1, 3), 6), ((1, 2, 3), 4)])
async def test_rejections_that_stand_count_for_the_brake_and_never_trip_it(
    settled: tuple[int, ...], trips: int | None
) -> None:
    """Of seven records the fifth and the seventh are rejected anew; four within seven trip. Offsets up to 3 have rows."""
    batch = batch_of({ONE: dict.fromkeys(range(7), START_MS)})
    known = Settled({ONE: rejections(*settled)} if settled else {})
    rows = rows_of(known.open(batch), {ONE: [offset in {4, 6} for offset in range(7)]})
    brake = Brake([Limit(4, 7)], NothingBefore(3))
    halts = await brake.check(batch, rows, known.rejected)
    assert {place: halt.offset for place, halt in halts.items()} == ({} if trips is None else {ONE: trips})
