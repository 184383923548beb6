"""What up to four collectors of two releases do and suffer, and topics that are replaced under them."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from contracts import topics
from tests.properties.deliveries.collector import SteppingCollector
from tests.properties.deliveries.sources import AUTHORITIES, NUMBER, PARTITIONS, Sources, snapshot_at

ROUNDS = st.tuples(NUMBER, st.integers(1, 30), st.integers(1, 12), st.sampled_from([*range(1, 10), 10, 10, 10, 10]))


class Group(Sources):
    """They are started, killed, put to sleep and rebalanced, one effect at a time."""

    # -- what happens to logs -----------------------------------------------------------------------------------------------

    @rule(cvr=st.sampled_from(AUTHORITIES), lost=st.sampled_from([0, 0, 1, 5]), rounds=st.lists(ROUNDS, max_size=5))
    def recreate(self, cvr: str, lost: int, rounds: list[tuple[int, int, int, int]]) -> None:
        """The topic is deleted and created under its readers; its source sends again what it has, last ones first, and one
        record more. So a reader's position lies in the new log too, at another record."""
        topic, broker = topics.tasks_topic(cvr), self.world.broker
        before = {partition: list(broker.logs[partition]) for partition in PARTITIONS if partition.topic == topic}
        broker.delete(topic)
        broker.create(topic, len(before))
        self.log_no[topic] += 1
        self.unbound.add(topic)
        self.shaken |= before.keys()
        for partition, records in before.items():
            for record in [*records[::-1][lost:], *records[:1]]:
                self.deliver(partition, record.key, record.value, record.headers)
        self.work(rounds)

    @precondition(lambda self: self.unbound)
    @rule(turn=NUMBER)
    def rebind(self, turn: int) -> None:
        """Every new incarnation gets the next log number, and the collectors decide anew."""
        self.bind_all()
        self.rebalance(turn)

    # -- what collectors do -------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.start(2, 0)

    @property
    def awake(self) -> list[SteppingCollector]:
        return [each for each in self.collectors if not each.asleep]

    @property
    def under_way(self) -> list[SteppingCollector]:
        return [each for each in self.collectors if each.running is not None]

    @precondition(lambda self: len(self.collectors) < 4)
    @rule(release=st.sampled_from([1, 2]), turn=NUMBER)
    def start(self, release: int, turn: int) -> None:
        self.collectors.append(SteppingCollector(self.world, release, snapshot_at(self.generation), self.bounds))
        self.rebalance(turn)

    @rule(turn=NUMBER)
    def rebalance(self, turn: int) -> None:
        """Every partition gets an owner who is awake. Who sleeps is fenced and does not know."""
        awake = self.awake
        for number, each in enumerate(awake):
            given = {p for at, p in enumerate(PARTITIONS) if (at + turn) % len(awake) == number}
            self.do(each.assign(given))
            assert set(each.reader.partitions.halted) == {p for p in given if self.must_halt(p)}
        # What a batch under way stores of them afterwards does not wake them.
        self.shaken = {partition for partition in PARTITIONS if self.must_halt(partition)}

    @rule()
    def watch(self) -> None:
        """Who is awake looks whether what it reads is still what it began to read."""
        ids = self.world.broker.topic_ids()
        for each in self.awake:
            self.do(each.watch())
            for partition, state in each.reader.partitions.running.items():
                assert state.begun.topic_id == ids[partition.topic]
                assert state.next_offset >= self.world.broker.range_of(partition)[0]

    @rule(rounds=st.lists(ROUNDS, min_size=1, max_size=5))
    def work(self, rounds: list[tuple[int, int, int, int]]) -> None:
        """They read, and go a part of the path with a batch, or all of it."""
        for which, poll, most, steps in rounds:
            if self.awake:
                one = self.awake[which % len(self.awake)]
                one.subscription.poll(poll)
                self.do(one.take(most))
                self.do(one.advance(steps))

    @precondition(lambda self: self.under_way)
    @rule(which=NUMBER, steps=st.integers(1, 10))
    def advance(self, which: int, steps: int) -> None:
        """Somebody goes on, a zombie too."""
        self.do(self.under_way[which % len(self.under_way)].advance(steps))

    @precondition(lambda self: self.under_way)
    @rule(which=NUMBER)
    def lose_an_answer(self, which: int) -> None:
        self.under_way[which % len(self.under_way)].loses_answer = True

    @rule()
    def follow(self) -> None:
        """Who is awake hears what the registry has published."""
        for each in self.awake:
            each.snapshot = snapshot_at(self.generation)

    @precondition(lambda self: self.under_way)
    @rule(which=NUMBER, turn=NUMBER)
    def sleep(self, which: int, turn: int) -> None:
        """Stopped beyond its session, in the middle of a batch: what it is about to write, it may write late."""
        self.under_way[which % len(self.under_way)].asleep = True
        self.rebalance(turn)

    @precondition(lambda self: len(self.awake) < len(self.collectors))
    @rule(turn=NUMBER)
    def wake(self, turn: int) -> None:
        """It learns that it was fenced, and joins again."""
        for each in self.collectors:
            each.asleep = False
        self.rebalance(turn)

    @precondition(lambda self: self.collectors)
    @rule(which=NUMBER, turn=NUMBER, release=st.sampled_from([1, 2]))
    def kill(self, which: int, turn: int, release: int) -> None:
        """One dies between two effects; if nobody is left another one starts."""
        self.do(self.collectors.pop(which % len(self.collectors)).kill())
        if self.awake:
            self.rebalance(turn)
        elif len(self.collectors) < 4:
            self.start(release, turn)

    @rule()
    def forget_offsets(self) -> None:
        """The group's offsets expired: at the next assignment the log is replayed."""
        self.world.broker.committed.clear()
