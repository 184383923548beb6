"""Any history of deliveries, crashes and zombies leaves what the reference model computes: a state machine over the collector's
real path (reader, decision, partitions, judge, pipeline), with fakes for Kafka and ClickHouse.

FRIGJORT_TEST_DEPTH=20 runs twenty times as many histories.
"""

import os
from typing import Any

from aiokafka import TopicPartition
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from contracts import topics
from services.collector.brake import Braked, Limit
from tests.fakes.broker import sent_ms
from tests.properties.deliveries.collector import SteppingCollector
from tests.properties.deliveries.sealers import Sealers
from tests.properties.deliveries.sources import BAD, LOG_NO, PARTITIONS, snapshot_at
from tests.reference.model import fold
from tests.reference.rows import row_of
from tests.reference.shapes import Coordinate

DEPTH = int(os.environ.get("FRIGJORT_TEST_DEPTH", "1"))


class Deliveries(Sealers):
    """What must hold after every step, and in the end."""

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
        """When it was decided the log could not be begun, or something happened to it since."""
        for each in self.awake:
            for partition, halt in each.reader.partitions.halted.items():
                braked = isinstance(halt, Braked) and bool(self.bounds)
                assert braked or partition in self.shaken, halt

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
                self.below_a_seal_nothing_changes()
                self.what_was_erased_stays_so()
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
