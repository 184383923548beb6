"""One suite for everything that stores rows for the collector: ClickHouse's edge, and the fake that the properties use."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from aiokafka import TopicPartition

from services.collector.assignment import Binding
from services.collector.clickhouse import ClickHouseStore, Proof, Reached
from services.collector.settled import Reach
from services.domain.columns import Snapshot
from tests.fakes.store import FakeStore
from tests.integration.delivering import Database, judged, snapshot_of
from tests.reference import load_registry, workload
from tests.reference.model import fold
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.shapes import LogRecord

AUTHORITIES = workload.authorities(2)
REGISTRY = load_registry.registry(AUTHORITIES)
_WINNERS = ("authority", "task", "revision", "kind", "log_no", "partition", "offset", "generation", "saved_ms")


@dataclass
class Opened:
    """A store, and how to look into it."""

    store: FakeStore | ClickHouseStore
    bind: Callable[[str, int, str], None]
    seal: Callable[[int, TopicPartition, int], None]
    erase: Callable[[tuple[int, str, int, int]], None]
    winners: Callable[[], list[tuple[Any, ...]]]


def _fake() -> Opened:
    store = FakeStore()

    def winners() -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in _WINNERS) for row in store.measurements.rows.values()]

    return Opened(store, store.bind, store.seal, store.erase, winners)


def _clickhouse(database: Database) -> Opened:
    def bind(topic: str, log_no: int, topic_id: str) -> None:
        database.client.insert("logs", [[topic, log_no, topic_id]], column_names=["topic", "log_no", "topic_id"])

    def seal(log_no: int, partition: TopicPartition, offset: int) -> None:
        row = [log_no, *partition, offset, bytes(32)]
        database.client.insert("seals", [row], column_names=["log_no", "topic", "partition", "last_offset", "chain"])

    def erase(place: tuple[int, str, int, int]) -> None:
        database.client.insert("erasures", [list(place)], column_names=["log_no", "topic", "partition", "offset"])

    def winners() -> list[tuple[Any, ...]]:
        return database.rows(f"SELECT {', '.join(_WINNERS)} FROM measurements FINAL")

    return Opened(database.store, bind, seal, erase, winners)


@pytest.fixture(params=["fake", "clickhouse"])
def opened(request: pytest.FixtureRequest) -> Opened:
    if request.param == "fake":
        return _fake()
    return _clickhouse(request.getfixturevalue("new_database")())


def log_of(count: int, seed: int) -> list[LogRecord]:
    """A log with everything that goes wrong, one partition a topic."""
    offsets = dict.fromkeys(map("frigjort.tasks.v1.{}".format, AUTHORITIES), 0)
    log = []
    for topic, key, value, headers in workload.messages(count, seed, AUTHORITIES):
        log.append(LogRecord(1, topic, 0, offsets[topic], key, value, headers))
        offsets[topic] += 1
    return log


async def _write(opened: Opened, log: list[LogRecord], snapshot: Snapshot, cuts: list[int]) -> None:
    for first, last in pairwise([0, *sorted(cuts), len(log)]):
        found = judged(log[first:last], snapshot)
        await opened.store.write_measurements(found.measurements)
        await opened.store.write_records(found.records)


def rejected(log: list[LogRecord]) -> dict[int, str]:
    """The code of each record of one partition that the model refuses, by offset."""
    return {where.offset: known.code for where, known in Records(log).dispositions() if known.kind == "rejected"}


async def test_the_winner_of_each_task_whatever_is_written_when_and_how_often(opened: Opened) -> None:
    log, chance = log_of(600, 3), random.Random(3)
    older, newer = snapshot_of(REGISTRY[:6]), snapshot_of(REGISTRY)
    for snapshot in (newer, older, newer, older):
        chance.shuffle(log)
        await _write(opened, log, snapshot, chance.sample(range(1, len(log)), 3))
    known = Records(log)
    expected = fold(known, Registry(REGISTRY))
    winners = {row[:2]: row[2:] for row in opened.winners()}
    assert len(winners) == len(expected)
    for (authority, task), (revision, kind, log_no, partition, offset, generation, saved) in winners.items():
        topic = f"frigjort.tasks.v1.{authority}"
        assert expected.winner(authority, task) == (revision, kind, (log_no, topic, partition, offset))
        state = expected.state(authority, task)
        assert (generation, saved) == (len(REGISTRY), None if state is None else state.figures.saved_ms)


async def test_what_an_assignment_asks(opened: Opened) -> None:
    log = log_of(300, 4)
    topic = log[0].topic
    mine = [record for record in log if record.topic == topic][:50]
    partition = TopicPartition(topic, 0)
    refused = rejected(mine)
    found = judged(mine, snapshot_of(REGISTRY)).records.to_pylist()
    proved = {row["offset"]: Proof(row["digest"], row["salt"]) for row in found}
    assert 0 < len(refused) < 50
    await _write(opened, mine, snapshot_of(REGISTRY), [20])

    last_accepted = max(proved.keys() - refused.keys())
    asked = [(1, topic), (1, "frigjort.tasks.v1.10000017")]
    assert await opened.store.reached(asked) == {partition: Reached(49, last_accepted)}
    assert await opened.store.reached([(2, topic)]) == {}
    assert await opened.store.reached([]) == {}
    for offset in range(50):
        proofs = await opened.store.proofs([(1, topic, 0, offset), (1, topic, 7, offset)])
        assert proofs == {partition: proved[offset]}
    assert await opened.store.proofs([(2, topic, 0, last_accepted)]) == {}


async def test_a_partition_of_which_nothing_was_accepted(opened: Opened) -> None:
    topic = f"frigjort.tasks.v1.{AUTHORITIES[0]}"
    bad = [LogRecord(4, topic, partition, offset, b"k", b"{", ()) for partition in (0, 1) for offset in range(3)]
    await _write(opened, bad, snapshot_of(REGISTRY), [])
    expected = {TopicPartition(topic, partition): Reached(2, None) for partition in (0, 1)}
    assert await opened.store.reached([(4, topic)]) == expected


async def test_what_the_brake_asks(opened: Opened) -> None:
    log = log_of(300, 4)
    topic = log[0].topic
    mine = [record for record in log if record.topic == topic][:50]
    partition, refused = TopicPartition(topic, 0), rejected(mine)
    older = judged(
        [LogRecord(1, topic, 0, offset, b"k", b"{", ()) for offset in range(60)], snapshot_of(REGISTRY)
    ).records
    older = older.set_column(older.schema.get_field_index("rules"), "rules", pa.array([0] * 60, pa.uint32()))
    await opened.store.write_records(older)  # by older rules all were rejected: they do not count, but are stored
    await _write(opened, mine, snapshot_of(REGISTRY), [20])

    for before, reach in ((0, 9), (30, 100), (30, 12), (50, 50), (55, 3), (60, 60)):
        recent = await opened.store.recent(1, partition, before, reach)
        offsets = [offset for offset in sorted(refused) if before - reach <= offset < before]
        assert recent.rejections.offsets.tolist() == offsets
        assert recent.rejections.offsets.dtype == np.int64
        assert [code for code, _ in recent.rejections.causes] == [refused[offset] for offset in offsets]
        assert recent.stored == (59 if before < 60 else -1)
    for log_no, other in ((2, partition), (1, TopicPartition(topic, 1))):
        nothing = await opened.store.recent(log_no, other, 50, 50)
        assert (nothing.rejections.causes, nothing.stored) == ([], -1)


async def test_what_is_settled(opened: Opened) -> None:
    log = log_of(300, 4)
    topic = log[0].topic
    mine = [record for record in log if record.topic == topic][:50]
    one, other, empty = (TopicPartition(topic, number) for number in range(3))
    await _write(opened, mine, snapshot_of(REGISTRY), [20])
    await _write(opened, [record._replace(partition=1) for record in mine[:30]], snapshot_of(REGISTRY), [])
    refused = rejected(mine)
    reaches = {
        one: Reach(1, 5, 40),
        other: Reach(1, 0, 20),
        empty: Reach(1, 0, 9),
        TopicPartition("x", 0): Reach(9, 0, 1),
    }
    assert await opened.store.sealed(reaches) == {}
    for partition, offset in ((one, 9), (one, 33), (other, 2)):
        opened.seal(1, partition, offset)
    opened.seal(2, empty, 7)
    assert await opened.store.sealed(reaches) == {one: 33, other: 2}

    found = await opened.store.rejected(reaches)
    expected = {
        place: [o for o in sorted(refused) if reaches[place].first <= o <= reaches[place].last]
        for place in (one, other)
    }
    assert {place: rejections.offsets.tolist() for place, rejections in found.items()} == expected
    assert all(expected.values())
    for rejections in found.values():
        assert rejections.offsets.dtype == np.int64
        assert [code for code, _ in rejections.causes] == [refused[offset] for offset in rejections.offsets.tolist()]
    assert await opened.store.rejected({}) == {}

    for place in ((1, topic, 0, 4), (1, topic, 0, 5), (1, topic, 0, 40), (1, topic, 1, 21), (2, topic, 1, 3)):
        opened.erase(place)
    assert await opened.store.erased(reaches) == {one: frozenset({5, 40})}


async def test_bindings_are_the_newest_number_with_every_id_under_it(opened: Opened) -> None:
    topic, other = (f"frigjort.tasks.v1.{authority}" for authority in AUTHORITIES)
    assert await opened.store.bindings([topic, other]) == {}
    for log_no, topic_id in ((1, "id-a"), (2, "id-c"), (2, "id-b"), (2, "id-b")):
        opened.bind(topic, log_no, topic_id)
    opened.bind(other, 1, "id-d")
    found = await opened.store.bindings([topic])
    assert found == {topic: Binding(2, ("id-b", "id-c"))}
