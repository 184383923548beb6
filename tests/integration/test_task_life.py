"""The life of a task through the collector's judging and ClickHouse: each case by itself, then all of them mixed, in any order
of delivery, against the reference model."""

import random
from collections.abc import Callable
from typing import Any
from zlib import crc32

import pytest

from contracts.reading import STRUCTURED_HEADERS
from tests.integration.against import differences
from tests.integration.delivering import Database, snapshot_of
from tests.reference import load_registry, workload
from tests.reference.events import event
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.shapes import LogRecord

AUTHORITIES = workload.authorities(3)
REGISTRY = load_registry.registry(AUTHORITIES)
TOPIC = f"frigjort.tasks.v1.{AUTHORITIES[0]}"


def log_of(values: list[bytes]) -> list[LogRecord]:
    return [LogRecord(1, TOPIC, 0, offset, b"t-1", value, STRUCTURED_HEADERS) for offset, value in enumerate(values)]


MOVED: dict[str, Any] = {"day": "03-05", "task_type": "form:44.20.05", "complexity": "high", "active": 300_000}
SPACED = event().replace(b'":', b'": ').replace(b',"', b', "')
LIVES: dict[str, list[bytes]] = {
    "completed": [event()],
    "corrected, moved to another day, task type and complexity": [event(), event("corrected", 2, **MOVED)],
    "the correction comes first": [event("corrected", 2, **MOVED), event()],
    "retracted": [event(), event("retracted", 2)],
    "the retraction comes first": [event("retracted", 2), event()],
    "retracted and the same revision reported again": [
        event(),
        event("retracted", 2),
        event("corrected", 2, id="t-1-2b"),
    ],
    "reported again after a retraction": [event(), event("retracted", 2), event("corrected", 3, **MOVED)],
    "reopened, rework is cumulative": [
        event(),
        event("reopened", 2, rework=60_000),
        event("reopened", 3, rework=90_000),
    ],
    "the same event at three coordinates": [event(), event(), SPACED],
    "the same id with another content": [event(), event("corrected", 2, id="t-1-1", **MOVED)],
    "the same id from another source is another id": [event(), event("corrected", 2, id="t-1-1", source="b", **MOVED)],
    "the same revision with another content": [event(), event(id="t-1-x", **MOVED), event(id="t-1-y", active=1)],
    "the same revision and content under another id": [event(), event(id="t-1-x")],
    "two retractions of one revision": [event("retracted", 2), event("retracted", 2, id="t-1-z")],
}
CONFLICTS = {
    "the same id with another content": [("id", 1, 0)],
    "the same revision with another content": [("revision", 1, 0), ("revision", 2, 0)],
}


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    return new_database()


def test_each_life_of_a_task(database: Database) -> None:
    snapshot = snapshot_of(REGISTRY)
    for name, values in LIVES.items():
        log = log_of(values)
        database.deliver(log, snapshot)
        assert differences(database.client, Records(log), Registry(REGISTRY)) == [], name
        shown = database.rows("SELECT kind, offset, first_offset FROM conflicts ORDER BY 1, 2")
        assert shown == CONFLICTS.get(name, []), name
        for table in ("records", "event_ids", "measurements"):
            database.client.command(f"TRUNCATE TABLE {table}")


def test_all_lives_mixed_in_any_order_of_delivery(database: Database) -> None:
    """Two partitions and two logs of each topic; the last delivery of every record is late, doubled and in other batches."""
    sent = list(workload.messages(3_000, 5, AUTHORITIES))
    offsets: dict[tuple[int, str, int], int] = {}
    log = []
    for number, (topic, key, value, headers) in enumerate(sent):
        place = (1 + number // 2_000, topic, crc32(key or b"") % 2)
        log.append(LogRecord(*place, offsets.setdefault(place, 0), key, value, headers))
        offsets[place] += 1
    chance = random.Random(7)
    records, registry, snapshot = Records(log), Registry(REGISTRY), snapshot_of(REGISTRY)
    assert {conflict.kind for conflict in records.conflicts()} == {"id", "revision"}
    shuffled = log + log[:1_000]
    chance.shuffle(shuffled)
    database.deliver(shuffled, snapshot, cuts=chance.sample(range(len(shuffled)), 8))
    assert differences(database.client, records, registry) == []
    database.deliver(log, snapshot)
    for table in ("records", "event_ids", "measurements"):
        database.client.command(f"OPTIMIZE TABLE {table} FINAL")
    assert differences(database.client, records, registry) == []
