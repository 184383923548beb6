"""What sealers do to the world of the state machine, and who erases."""

from aiokafka import TopicPartition
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.properties.deliveries.collector import SteppingCollector
from tests.properties.deliveries.group import Group
from tests.properties.deliveries.sources import LOG_NO, NUMBER, PARTITIONS, snapshot_at
from tests.reference.shapes import Coordinate


class Sealers(Group):
    """They come by at any time, and what is in a batch under way is no older than that: whoever sleeps in the middle of one
    until others have stored and sealed its records is for verifying to find."""

    def __init__(self) -> None:
        super().__init__()
        self.sealed: dict[Coordinate, bytes] = {}
        """The leaf of each sealed record when it was sealed."""
        self.erased: set[Coordinate] = set()

    def in_batches(self) -> set[Coordinate]:
        """What is about to be written."""
        return {
            Coordinate(each.batch.logs[TopicPartition(r.topic, r.partition)].log_no, r.topic, r.partition, r.offset)
            for each in self.collectors
            if each.batch is not None
            for r in each.batch.records
        }

    @rule(back=NUMBER, short=NUMBER)
    def seal(self, back: int, short: int) -> None:
        """The closed prefixes of all logs, of today's or earlier ones, but for the last few records."""
        for partition in PARTITIONS:
            self.seal_one(partition, back, short)

    def seal_one(self, partition: TopicPartition, back: int, short: int) -> None:
        log_no = max(LOG_NO, self.log_no[partition.topic] - back // 4)
        stored, busy = self.world.store.dispositions(), self.in_batches()
        prefix: list[Coordinate] = []
        while (
            where := Coordinate(log_no, partition.topic, partition.partition, len(prefix))
        ) in stored and where not in busy:
            prefix.append(where)
        prefix = prefix[: max(0, len(prefix) - short // 3)]
        fresh = [where for where in prefix if where not in self.sealed]
        if fresh:
            self.world.store.seal(log_no, partition, fresh[-1].offset)
            self.sealed |= {where: stored[where]["leaf"] for where in fresh}

    @rule(short=NUMBER)
    def deploy(self, short: int) -> None:
        """The older release works off what there is, it is sealed, and the newer release takes its place."""
        for each in self.collectors:
            self.do(each.kill())
        older = SteppingCollector(self.world, 1, snapshot_at(self.generation), self.bounds)
        self.collectors = [older]
        self.rebalance(0)
        self.do(older.work_off())
        self.seal(0, short)
        self.collectors = []
        self.start(2, 0)

    @rule(which=st.integers(0, 99))
    def erase(self, which: int) -> None:
        """A record that is stored as accepted."""
        busy = self.in_batches()
        found = [c for c, (accepted, _) in sorted(self.world.verdicts.items()) if accepted and c not in busy]
        if found:
            self.erased.add(found[which % len(found)])
            self.world.store.erase(found[which % len(found)])

    @invariant()
    def below_a_seal_nothing_changes(self) -> None:
        stored = self.world.store.dispositions()
        assert {where: stored[where]["leaf"] for where in self.sealed} == self.sealed

    @invariant()
    def what_was_erased_stays_so(self) -> None:
        for key, row in self.world.store.records.rows.items():
            assert Coordinate(*key[:-1]) not in self.erased or (row["payload"], row["salt"]) == (b"", b"")
