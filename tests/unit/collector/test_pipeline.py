"""The path's effects, in order; and what a neighbour that is away does to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from aiokafka import TopicPartition

from services.collector.assignment import Begin
from services.collector.partitions import Batch
from services.collector.pipeline import DeadLetter, Judged, Path
from services.runtime.errors import Retry
from services.runtime.retry import Patience

PARTITION = TopicPartition("frigjort.tasks.v1.10000009", 0)
BATCH = Batch([], {PARTITION: Begin(1, "id-1", 0)}, {PARTITION: 7}, assignment=1)
ROWS = pa.table({"row": [1]})


@dataclass
class FixedJudge:
    effects: list[str]

    async def judge(self, _: Batch) -> Judged:
        self.effects.append("judged")
        return Judged(ROWS, ROWS, [DeadLetter(b"k", b"v")], {"code": 1}, {}, 0.0)


@dataclass
class World:
    """Notes effects; each step fails as often as it is told to before it works."""

    effects: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    def _do(self, step: str) -> None:
        if self.failures.get(step, 0) > 0:
            self.failures[step] -= 1
            self.effects.append(f"{step} failed")
            raise Retry("neighbour", step)
        self.effects.append(step)

    async def write_records(self, _: pa.Table) -> None:
        self._do("records")

    async def write_measurements(self, _: pa.Table) -> None:
        self._do("measurements")

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        self._do(f"{len(letters)} dead letter")

    async def commit(self, offsets: dict[TopicPartition, int], _: int) -> None:
        self._do(f"commit {offsets[PARTITION]}")


def _path(world: World) -> Path:
    return Path(FixedJudge(world.effects), world, world, world, Patience(longest_pause_seconds=0.01))


async def test_commit_comes_last() -> None:
    world = World()
    await _path(world).run(BATCH)
    assert world.effects == ["judged", "records", "measurements", "1 dead letter", "commit 7"]


async def test_a_step_is_tried_until_it_works_and_nothing_comes_before_it() -> None:
    world = World(failures={"records": 2, "1 dead letter": 1})
    path = _path(world)
    await path.run(BATCH)
    assert world.effects == [
        "judged", "records failed", "records failed", "records", "measurements", "1 dead letter failed", "1 dead letter", "commit 7",
    ]  # fmt: skip
    assert path.patience.waiting_for == ""
