"""Any history of deliveries, crashes and zombies leaves what the reference model computes: a state machine over the collector's
real path (reader, decision, partitions, judge, pipeline), with fakes for Kafka and ClickHouse.

FRIGJORT_TEST_DEPTH=20 runs twenty times as many histories.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any, ClassVar
from zlib import crc32

from aiokafka import TopicPartition
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts import topics
from contracts.examples import Example, invalid
from contracts.reading import STRUCTURED_HEADERS
from services.collector.brake import Braked, Limit
from services.domain.columns import Snapshot
from tests.fakes.broker import sent_ms
from tests.integration.delivering import snapshot_of
from tests.properties.deliveries.collector import SteppingCollector, World
from tests.reference import load_registry
from tests.reference.events import event
from tests.reference.model import fold
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.rows import row_of
from tests.reference.shapes import Coordinate, LogRecord

DEPTH = int(os.environ.get("FRIGJORT_TEST_DEPTH", "1"))
AUTHORITIES = ("10000009", "10000025")
PARTITIONS = [TopicPartition(topics.tasks_topic(cvr), n) for cvr, n in zip(AUTHORITIES, (0, 0), strict=True)]
PARTITIONS.append(TopicPartition(topics.tasks_topic(AUTHORITIES[1]), 1))
LOG_NO = 3
"""The number of the first incarnation of each topic; the next ones count up from it."""
BAD = [e for e in invalid() if e.record.topic.startswith(topics.TASKS_PREFIX) and len(e.record.value or b"") < 5_000]
CONTENTS: list[dict[str, Any]] = [
    {"task_type": "kle:27.35.04", "complexity": "low", "day": "02-01", "active": 600_000},
    {"task_type": "form:44.20.05", "complexity": "high", "day": "03-05", "active": 100_000},
    {"task_type": "local:ny", "complexity": "low", "day": "02-01", "active": 50_000},
]
KINDS = st.sampled_from(["completed", "completed", "corrected", "reopened", "retracted"])
NUMBER = st.integers(0, 5)
ROUNDS = st.tuples(NUMBER, st.integers(1, 30), st.integers(1, 12), st.sampled_from([*range(1, 10), 10, 10, 10, 10]))
EVENTS = st.tuples(NUMBER, KINDS, st.integers(1, 3), NUMBER, NUMBER)


def _registry() -> list[dict[str, Any]]:
    """Both authorities, then baselines of every level and a withdrawal, one after the other."""
    scopes: list[dict[str, Any]] = [
        {"level": "nation"},
        {"level": "authority", "authority": AUTHORITIES[0]},
        {"level": "sector", "sector": "region"},
        {"level": "nation"},
    ]
    told = [("authority.registered", {**e, "version": 1}) for e in load_registry.authority_entries(AUTHORITIES)]
    template = load_registry.baselines(AUTHORITIES)[0]
    for number, content in enumerate(CONTENTS * 4):
        scope, version = scopes[number % 4], 1 + number // 4
        names = {name: value for name, value in template.items() if name not in {"level", "authority", "sector"}}
        series = f"series-{number % 4}-{content['task_type'].replace(':', '.')}"
        changed = {"baseline": series, "version": version, "mean_ms": 100_000 * (number + 1), **scope}
        told.append(("baseline.published", names | changed | {"task_type": content["task_type"], "complexity": "any"}))
    withdrawn = {
        "baseline": told[4][1]["baseline"],
        "version": told[4][1]["version"],
        "reason": "x",
        "withdrawn_by": "y",
    }
    told.insert(8, ("baseline.withdrawn", withdrawn))
    return [load_registry.registry_event(kind, {**d, "generation": n}) for n, (kind, d) in enumerate(told, start=1)]


MESSAGES = _registry()
_SNAPSHOTS: dict[int, Snapshot] = {}


def snapshot_at(generation: int) -> Snapshot:
    """The registry of the collector, from the first `generation` messages."""
    if generation not in _SNAPSHOTS:
        _SNAPSHOTS[generation] = snapshot_of(MESSAGES[:generation])
    return _SNAPSHOTS[generation]


class Deliveries(RuleBasedStateMachine):
    """Two topics, three partitions, up to four collectors of two releases."""

    bounds: ClassVar[Sequence[Limit]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World()
        for cvr, partitions in zip(AUTHORITIES, (1, 2), strict=True):
            topic = topics.tasks_topic(cvr)
            self.world.broker.create(topic, partitions)
            self.world.store.bind(topic, LOG_NO, self.world.broker.topic_ids()[topic])
        self.world.broker.create(topics.REJECTED, 1)
        self.log_no = dict.fromkeys(map(topics.tasks_topic, AUTHORITIES), LOG_NO)
        self.unbound: set[str] = set()
        self.shaken: set[TopicPartition] = set()
        self.generation = 2
        self.registry = Registry(MESSAGES)
        self.records = Records()
        self.collectors: list[SteppingCollector] = []

    def do(self, coroutine: Any) -> None:
        self.loop.run_until_complete(coroutine)

    # -- what sources and the registry do -----------------------------------------------------------------------------------

    def deliver(self, partition: TopicPartition, key: bytes | None, value: bytes | None, headers: Any) -> None:
        offset = self.world.broker.append(partition, key, value, headers)
        log_no = self.log_no[partition.topic]
        self.records.add(LogRecord(log_no, partition.topic, partition.partition, offset, key, value, headers))

    @rule(cvr=st.sampled_from(AUTHORITIES), sent=st.lists(EVENTS, min_size=2, max_size=8))
    def send(self, cvr: str, sent: list[tuple[int, str, int, int, int]]) -> None:
        """Events of few tasks; ids, revisions and contents meet."""
        for task, what, revision, content, other in sent:
            name = f"t-{task % 3}"
            number = max(revision, 2) if what in {"corrected", "reopened"} else revision
            fields = {"task": name, "authority": cvr, "id": f"{name}-{number}-{other // 4}", **CONTENTS[content % 3]}
            value = event(what, number, rework=60_000 * number if what == "reopened" else 0, **fields)
            own = [partition for partition in PARTITIONS if partition.topic == topics.tasks_topic(cvr)]
            at = own[crc32(name.encode()) % len(own)] if other else own[-1]  # a source that changes its partitions
            self.deliver(at, name.encode(), value, STRUCTURED_HEADERS)

    @precondition(lambda self: len(self.records) > 0)
    @rule(partition=st.sampled_from(PARTITIONS), which=st.integers(0, 99))
    def send_again(self, partition: TopicPartition, which: int) -> None:
        """The same record at another coordinate."""
        log = self.world.broker.logs[partition]
        if log:
            record = log[which % len(log)]
            self.deliver(partition, record.key, record.value, record.headers)

    @rule(partition=st.sampled_from(PARTITIONS), example=st.sampled_from(BAD))
    def send_invalid(self, partition: TopicPartition, example: Example) -> None:
        record = example.of(topics.authority_of(partition.topic)).record
        self.deliver(partition, record.key, record.value, record.headers)

    @precondition(lambda self: self.generation < len(MESSAGES))
    @rule()
    def publish(self) -> None:
        """A baseline or a withdrawal; no collector knows it yet."""
        self.generation += 1

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

    def bind_all(self) -> None:
        for topic in sorted(self.unbound):
            self.world.store.bind(topic, self.log_no[topic], self.world.broker.topic_ids()[topic])
        self.unbound.clear()

    @rule(partition=st.sampled_from(PARTITIONS), which=st.integers(0, 99), unread=st.sampled_from([False] * 5 + [True]))
    def retain(self, partition: TopicPartition, which: int, unread: bool) -> None:
        """Retention takes the oldest records: of those that are stored and committed, or of all."""
        beginning, end = self.world.broker.range_of(partition)
        below = end if unread else self.world.broker.committed_today(partition) or 0
        if below > beginning:
            self.world.broker.delete_below(partition, beginning + 1 + which % (below - beginning))
            self.shaken.add(partition)

    def stored_below(self, partition: TopicPartition) -> int:
        """The first offset of today's log that has no row."""
        _, end = self.world.broker.range_of(partition)
        log_no, verdicts = self.log_no[partition.topic], self.world.verdicts
        return next(
            (n for n in range(end) if Coordinate(log_no, partition.topic, partition.partition, n) not in verdicts), end
        )

    def must_halt(self, partition: TopicPartition) -> bool:
        """Whether who decides now where to begin may not begin at all."""
        beginning, _ = self.world.broker.range_of(partition)
        stored = self.stored_below(partition)
        committed = self.world.broker.committed_today(partition)
        known = stored if committed is None else min(stored, committed)
        return partition.topic in self.unbound or beginning > known

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
        self.shaken.clear()

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

    # -- what must hold -----------------------------------------------------------------------------------------------------

    @invariant()
    def every_row_is_the_models(self) -> None:
        """The row of each task is what the model computes for its coordinate and generation, and it is the right winner."""
        rows = self.world.store.measurements.rows
        visible = {self._coordinate(row): row["generation"] for row in rows.values()}
        found = fold(self.records, self.registry, visible)
        winners = fold(self.records, self.registry, self.world.measured)
        assert len(winners) == len(rows)
        for (authority, task), row in rows.items():
            coordinate = self._coordinate(row)
            assert winners.winner(authority, task) == (row["revision"], row["kind"], coordinate)
            assert (row["rules"], row["generation"]) == self.world.measured[coordinate]
            state = found.state(authority, task)
            assert (state is None) == (row["kind"] == 2)
            if state is not None:
                _, expected = row_of(state)
                assert {name: row[name] for name in expected} == expected

    @staticmethod
    def _coordinate(row: dict[str, Any]) -> Coordinate:
        return Coordinate(row["log_no"], topics.tasks_topic(row["authority"]), row["partition"], row["offset"])

    @invariant()
    def one_disposition_a_coordinate(self) -> None:
        """Accepted beats rejected, then higher rules; the newest release says what the model says."""
        expected = dict(self.records.dispositions())
        stored = self.world.store.dispositions()
        assert stored.keys() == self.world.verdicts.keys()
        for where, row in stored.items():
            assert (row["accepted"], row["rules"]) == self.world.verdicts[Coordinate(*where)]
            assert Coordinate(*where) in expected
            log_no, _, _, offset = where
            assert round(row["broker_time"].timestamp() * 1000) == sent_ms(log_no - LOG_NO + 1, offset)
            if row["rules"] == 2:
                known = expected[Coordinate(*where)]
                assert (row["accepted"], row["code"]) == (int(known.kind != "rejected"), known.code)

    @invariant()
    def what_is_committed_is_stored(self) -> None:
        for partition in self.world.broker.committed:
            for offset in range(self.world.broker.committed_today(partition) or 0):
                where = Coordinate(self.log_no[partition.topic], partition.topic, partition.partition, offset)
                assert where in self.world.verdicts

    @invariant()
    def a_row_says_that_all_else_is_done(self) -> None:
        """Whatever was stopped or killed, and when: what has a row is measured, or its dead letter is acknowledged."""
        letters = {record.key.decode() for record in self.world.broker.logs[TopicPartition(topics.REJECTED, 0)]}
        for where, (accepted, _) in self.world.verdicts.items():
            assert where in self.world.measured if accepted else "/".join(map(str, where)) in letters

    @invariant()
    def nobody_halts_without_a_reason(self) -> None:
        """The log must not be begun, or something happened to it since it was."""
        for each in self.awake:
            for partition, halt in each.reader.partitions.halted.items():
                braked = isinstance(halt, Braked) and bool(self.bounds)
                assert braked or partition in self.shaken or self.must_halt(partition), halt

    def teardown(self) -> None:
        """In the end one collector of the newest release, without a brake, goes on from what is committed, under the newest
        log numbers: what is left of each log has its disposition. After a replay every total is the model's."""
        try:
            for each in self.collectors:
                self.do(each.kill())
            self.bind_all()
            for forget in (False, True):
                if forget:
                    self.world.broker.committed.clear()
                last = SteppingCollector(self.world, 2, snapshot_at(self.generation))
                self.collectors = [last]
                halted = {partition for partition in PARTITIONS if self.must_halt(partition)}
                self.do(last.assign(set(PARTITIONS)))
                self.do(last.work_off())
                assert set(last.reader.partitions.halted) == halted
                self.every_row_is_the_models()
                self.one_disposition_a_coordinate()
                self.what_is_committed_is_stored()
                self.a_row_says_that_all_else_is_done()
                for partition in set(PARTITIONS) - halted:
                    beginning, end = self.world.broker.range_of(partition)
                    assert self.stored_below(partition) == end
                    assert (self.world.broker.committed_today(partition) or beginning) == end
            self.totals_are_the_models(halted)
        finally:
            self.loop.close()

    def totals_are_the_models(self, halted: set[TopicPartition]) -> None:
        """What is left of today's logs counts as measured by the newest registry, the rest as it was measured last."""
        beginnings = {partition: self.world.broker.range_of(partition)[0] for partition in PARTITIONS}
        for where in [where for where, (accepted, _) in self.world.verdicts.items() if accepted]:
            partition = TopicPartition(where.topic, where.partition)
            today = where.log_no == self.log_no[where.topic] and where.offset >= beginnings[partition]
            if today and partition not in halted:
                assert self.world.measured[where] == (2, self.generation)
        measured_with = {where: generation for where, (_, generation) in self.world.measured.items()}
        rows = [row for row in self.world.store.measurements.rows.values() if row["kind"] == 1]
        expected = fold(self.records, self.registry, measured_with).by()
        measured = [row for row in rows if row["status"] == "measured"]
        total = (
            len(rows),
            len(measured),
            sum(row["effort_ms"] for row in measured),
            sum(row["saved_ms"] for row in measured),
        )
        assert [(t.tasks, t.measured, t.effort_ms, t.saved_ms) for t in expected.values()] == ([total] if rows else [])


class BrakedDeliveries(Deliveries):
    """The same with a brake that trips soon. What it holds is let go on in the end, by a collector without one."""

    bounds = (Limit(3, 3), Limit(4, 8))

    @rule(partition=st.sampled_from(PARTITIONS), which=st.lists(st.integers(0, len(BAD) - 1), min_size=2, max_size=6))
    def send_flood(self, partition: TopicPartition, which: list[int]) -> None:
        for number in which:
            self.send_invalid(partition, BAD[number])

    @invariant()
    def no_flood_is_stored(self) -> None:
        """However often it was begun anew, and by whom."""
        rejected: dict[tuple[Any, ...], list[int]] = {}
        for where, row in sorted(self.world.store.dispositions().items()):
            if not row["accepted"]:
                rejected.setdefault(where[:3], []).append(where[3])
        for offsets in rejected.values():
            for limit in self.bounds:
                pairs = zip(offsets, offsets[limit.count - 1 :], strict=False)
                assert all(last - first >= limit.span for first, last in pairs)


_SETTINGS = settings(
    max_examples=40 * DEPTH,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
Deliveries.TestCase.settings = _SETTINGS
BrakedDeliveries.TestCase.settings = settings(_SETTINGS, max_examples=15 * DEPTH)
test_any_history_ends_where_the_model_ends = Deliveries.TestCase
test_any_history_under_a_brake_ends_there_too = BrakedDeliveries.TestCase
