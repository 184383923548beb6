"""The path's effects, in order; and what a neighbour that is away does to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from aiokafka import ConsumerRecord, TopicPartition

from services.collector.assignment import Begin
from services.collector.brake import Braked, Rejections
from services.collector.partitions import Batch
from services.collector.pipeline import DeadLetter, Judged, Path
from services.collector.settled import NOTHING, Settled
from services.runtime.errors import Halt, Retry
from services.runtime.retry import Patience

PARTITION = TopicPartition("frigjort.tasks.v1.10000009", 0)
RECORDS = [ConsumerRecord(*PARTITION, offset, 0, 0, None, b"", None, -1, 0, ()) for offset in range(7)]
BATCH = Batch(RECORDS, {PARTITION: Begin(1, "id-1", 0)}, {PARTITION: 7}, assignment=1)
ROWS = pa.table(
    {
        "topic": [PARTITION.topic],
        "partition": [PARTITION.partition],
        "offset": [3],
        "payload": [b"event"],
        "salt": [b"salt"],
    }
)


@dataclass
class FixedJudge:
    world: "World"

    async def judge(self, batch: Batch) -> Judged:
        self.world.effects.append(f"judged {len(batch.records)}")
        return Judged(ROWS, ROWS, [DeadLetter(b"k", b"v")], self.world.codes, {}, 0.0)


@dataclass
class World:
    """Notes effects; each step fails as often as it is told to before it works."""

    effects: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    flood_from: int | None = None
    replaced: bool = False
    settlements: Settled = NOTHING
    codes: dict[str, int] = field(default_factory=lambda: {"code": 1})

    def _do(self, step: str) -> None:
        if self.failures.get(step, 0) > 0:
            self.failures[step] -= 1
            self.effects.append(f"{step} failed")
            raise Retry("neighbour", step)
        self.effects.append(step)

    async def strangers(self, logs: Mapping[TopicPartition, Begin]) -> dict[TopicPartition, Halt]:
        self._do("origin")
        return dict.fromkeys(logs, Halt("p", "re-created", "rebind")) if self.replaced else {}

    async def settled(self, batch: Batch) -> Settled:
        assert batch.offsets == {PARTITION: 7} or self.replaced
        self._do("settled")
        return self.settlements

    async def check(
        self, _: Batch, __: pa.Table, settled: Mapping[TopicPartition, Rejections]
    ) -> dict[TopicPartition, Braked]:
        assert settled == self.settlements.rejected
        self._do("brake")
        return {} if self.flood_from is None else {PARTITION: Braked("p", "flood", "mend", self.flood_from)}

    async def write_records(self, rows: pa.Table) -> None:
        self._do("records" if rows == ROWS else "cleared records")

    async def write_measurements(self, _: pa.Table) -> None:
        self._do("measurements")

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        self._do(f"{len(letters)} dead letter")

    async def commit(self, offsets: dict[TopicPartition, int], _: int) -> None:
        self._do(f"commit {offsets.get(PARTITION)}")


def _path(world: World) -> Path:
    patience = Patience(longest_pause_seconds=0.01)
    return Path(world, world, FixedJudge(world), world, world, world, world, patience)


async def test_commit_comes_last() -> None:
    world = World()
    await _path(world).run(BATCH)
    assert world.effects == [
        "origin",
        "settled",
        "judged 7",
        "brake",
        "1 dead letter",
        "measurements",
        "records",
        "commit 7",
    ]


async def test_a_step_is_tried_until_it_works_and_nothing_comes_before_it() -> None:
    world = World(failures={"origin": 1, "settled": 1, "brake": 1, "records": 2, "1 dead letter": 1})
    path = _path(world)
    await path.run(BATCH)
    assert world.effects == [
        "origin failed", "origin", "settled failed", "settled", "judged 7", "brake failed", "brake",
        "1 dead letter failed", "1 dead letter",
        "measurements", "records failed", "records failed", "records", "commit 7",
    ]  # fmt: skip
    assert path.patience.waiting_for == ""


async def test_a_partition_that_the_brake_stops_is_stored_and_committed_up_to_the_stop_and_no_further() -> None:
    world = World(flood_from=4)
    outcome = await _path(world).run(BATCH)
    assert world.effects == [
        "origin", "settled", "judged 7", "brake", "judged 4", "1 dead letter", "measurements", "records", "commit 4",
    ]  # fmt: skip
    assert outcome.batch.offsets == {PARTITION: 4}
    assert outcome.halts[PARTITION].reason == "flood"


async def test_what_is_settled_is_neither_judged_again_nor_written_otherwise_and_the_brake_hears_of_it() -> None:
    rejected = Rejections(np.array([2, 4], dtype=np.int64), [("code", "path")] * 2)
    world = World(codes={}, settlements=Settled({PARTITION: rejected}, {PARTITION: frozenset({3})}))
    outcome = await _path(world).run(BATCH)
    assert world.effects == [
        "origin", "settled", "judged 5", "brake", "1 dead letter", "measurements", "cleared records", "commit 7",
    ]  # fmt: skip
    assert len(outcome.batch.records) == 7
    cleared = world.settlements.cleared(ROWS)
    assert cleared.to_pylist() == [{**ROWS.to_pylist()[0], "payload": b"", "salt": b""}]
    assert cleared.schema == ROWS.schema
    elsewhere = Settled(erased={PARTITION: frozenset({1}), TopicPartition("other", 0): frozenset({3})})
    assert elsewhere.cleared(ROWS) == ROWS


async def test_nothing_is_stored_of_a_log_that_was_replaced_while_it_was_read() -> None:
    world = World(replaced=True)
    outcome = await _path(world).run(BATCH)
    assert world.effects[:3] == ["origin", "settled", "judged 0"]
    assert world.effects[-1] == "commit None"
    assert outcome.batch.records == []
    assert outcome.halts[PARTITION].reason == "re-created"
