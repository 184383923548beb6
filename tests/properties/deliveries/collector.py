"""A collector over fakes that goes on one step at a time: it can be stopped, killed or left behind between any two effects."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
from aiokafka import TopicPartition
from pydantic import SecretStr

from contracts import topics
from services.collector.assignment import Begin
from services.collector.brake import Brake, Limit
from services.collector.evidence import Evidence
from services.collector.judge import judge
from services.collector.partitions import Batch
from services.collector.pipeline import DeadLetter, Judged, Path
from services.collector.reader import Reader
from services.collector.settings import CollectorSettings
from services.collector.settled import Settled, Settlements
from services.domain.columns import Snapshot
from services.domain.provenance import Provenance
from services.runtime.errors import Halt, Retry
from services.runtime.retry import Patience
from tests.fakes.broker import FakeBroker, FakeDeadLetters, FakeSubscription, FakeTopics
from tests.fakes.store import FakeStore
from tests.reference.shapes import Coordinate

NEWER_ONLY = b"local:ny"
"""Events that hold this are refused by release 1 and accepted by release 2."""
LATE_SECONDS = 4_000_000_000.0
"""The clock of the collectors: whatever they read is old enough to be sealed."""
_PROVENANCE = Provenance(b"s" * 32)
_SETTINGS = CollectorSettings(secret=SecretStr("s" * 32), buffer_rows=20)


@dataclass
class World:
    """What outlives every collector, and what was ever written to it: verdicts and measurements by coordinate."""

    broker: FakeBroker = field(default_factory=FakeBroker)
    store: FakeStore = field(default_factory=FakeStore)
    verdicts: dict[Coordinate, tuple[int, int]] = field(default_factory=dict)
    measured: dict[Coordinate, tuple[int, int]] = field(default_factory=dict)

    def note_verdicts(self, rows: pa.Table) -> None:
        """(accepted, rules) of each coordinate; the higher one is to stay."""
        for row in rows.to_pylist():
            where = Coordinate(row["log_no"], row["topic"], row["partition"], row["offset"])
            self.verdicts[where] = max(self.verdicts.get(where, (0, 0)), (row["accepted"], row["rules"]))

    def note_measured(self, rows: pa.Table) -> None:
        """(rules, generation) of each coordinate; the higher one is to stay."""
        for row in rows.to_pylist():
            where = Coordinate(row["log_no"], topics.tasks_topic(row["authority"]), row["partition"], row["offset"])
            self.measured[where] = max(self.measured.get(where, (0, 0)), (row["rules"], row["generation"]))


@dataclass
class ReleaseJudge:
    """The judge as it is in release `rules`."""

    rules: int
    snapshot: Callable[[], Snapshot]

    async def judge(self, batch: Batch) -> Judged:
        """The rows of a batch, under this release's number."""
        records = batch.records
        if self.rules == 1:
            records = [replace(r, value=b"{") if NEWER_ONLY in (r.value or b"") else r for r in records]
        found = judge(replace(batch, records=records), self.snapshot(), _PROVENANCE)
        return replace(found, records=self._under(found.records), measurements=self._under(found.measurements))

    def _under(self, rows: pa.Table) -> pa.Table:
        numbers = pa.array([self.rules] * rows.num_rows, rows.schema.field("rules").type)
        return rows.set_column(rows.schema.get_field_index("rules"), "rules", numbers)


class SteppingCollector:
    """A collector of release `rules` that knows the registry at `snapshot`, with the brake at `bounds`."""

    def __init__(self, world: World, rules: int, snapshot: Snapshot, bounds: Sequence[Limit] = ()) -> None:
        self.world = world
        self.rules = rules
        self.snapshot = snapshot
        self.asleep = False
        self.loses_answer = False
        self.running: asyncio.Task[None] | None = None
        self._gate: asyncio.Future[None] | None = None
        self._open = False
        self.subscription = FakeSubscription(world.broker)
        self._evidence = Evidence(world.store, self.subscription, FakeTopics(world.broker), "group")  # type: ignore[arg-type]
        self.reader = Reader(_SETTINGS, self.subscription, self._evidence)  # type: ignore[arg-type]
        self._letters = FakeDeadLetters(world.broker)
        self.batch: Batch | None = None
        release = ReleaseJudge(rules, lambda: self.snapshot)
        brake = Brake(bounds, world.store)
        self._settlements = Settlements(world.store, lambda: LATE_SECONDS)
        self.path = Path(self, self, release, brake, self, self, self, Patience(longest_pause_seconds=0))

    async def _step(self) -> None:
        if not self._open:
            self._gate = asyncio.get_running_loop().create_future()
            await self._gate

    async def _answer(self) -> None:
        """The effect is done; whether it is heard is another matter."""
        await self._step()
        if self.loses_answer:
            self.loses_answer = False
            raise Retry("the neighbour", "the answer was cut off")

    async def strangers(self, logs: Mapping[TopicPartition, Begin]) -> dict[TopicPartition, Halt]:
        """`Origin`, a step before."""
        await self._step()
        return await self._evidence.strangers(logs)

    async def settled(self, batch: Batch) -> Settled:
        """`Settling`, a step before."""
        await self._step()
        return await self._settlements.settled(batch)

    async def write_records(self, rows: pa.Table) -> None:
        """Rows of table `records`, a step before and a step after."""
        await self._step()
        await self.world.store.write_records(rows)
        self.world.note_verdicts(rows)
        await self._answer()

    async def write_measurements(self, rows: pa.Table) -> None:
        """Rows of table `measurements`, a step before and a step after."""
        await self._step()
        await self.world.store.write_measurements(rows)
        self.world.note_measured(rows)
        await self._answer()

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Dead letters, a step before and a step after."""
        await self._step()
        await self._letters.send(letters)
        await self._answer()

    async def commit(self, offsets: dict[TopicPartition, int], assignment: int) -> None:
        """Offsets, a step before and a step after."""
        await self._step()
        await self.reader.commit(offsets, assignment)
        await self._answer()

    async def assign(self, partitions: set[TopicPartition]) -> None:
        """A rebalance: what it had is taken away, these are given."""
        await self.revoke()
        self.world.broker.assign(self.subscription, partitions)
        self.subscription.consumer.positions.clear()
        await self.reader.on_partitions_assigned(partitions)
        await settle()
        assert not self.reader.partitions.deciding

    async def revoke(self) -> None:
        """It learns that its partitions are another's, without time to store what it has read."""
        self.reader.partitions.revoked()

    async def watch(self) -> None:
        """Looks once whether what is read may still be read."""
        await self.reader._watch()

    async def take(self, most: int) -> None:
        """Begins the path with a batch, if none is under way and something waits."""
        if self.running is None and self.reader.partitions.buffered:
            self.running = asyncio.create_task(self._run(self.reader.partitions.take(most)))
            await settle()

    async def _run(self, batch: Batch) -> None:
        self.batch = batch
        outcome = await self.path.run(batch)
        self.reader.partitions.stored(outcome.batch)
        for partition, halt in outcome.halts.items():
            self.reader._brake(partition, halt, batch.assignment)
        self.reader._apply_pressure()

    async def advance(self, steps: int) -> None:
        """Goes on by so many steps; a zombie too."""
        for _ in range(steps):
            if self._gate is not None and not self._gate.done():
                self._gate.set_result(None)
            await settle()
            if self.running is not None and self.running.done():
                self.running.result()
                self.running = self.batch = None
                return

    async def kill(self) -> None:
        """Nothing of it remains but what it has done."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
            self.running = self.batch = None

    async def work_off(self) -> None:
        """Reads, stores and commits all that there is."""
        self._open = True
        while self.subscription.poll(1_000) or self.reader.partitions.buffered or self.running:
            await self.take(7)
            if self.running is not None:
                await self.running
                self.running = self.batch = None


async def settle() -> None:
    """Lets everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)
