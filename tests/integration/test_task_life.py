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
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.shapes import LogRecord

AUTHORITIES = workload.authorities(3)
REGISTRY = load_registry.registry(AUTHORITIES)
TOPIC = f"frigjort.tasks.v1.{AUTHORITIES[0]}"
_STATE = (
    '{{"specversion":"1.0","id":"{id}","source":"/case/{source}","type":"dk.frigjort.task.{what}.v1","subject":"{task}",'
    '"partitionkey":"{task}","time":"2026-02-01T10:00:00Z","dataschema":"urn:frigjort:schema:dk.frigjort.task.{what}.v1",'
    '"data":{{"authority":"{authority}","task":"{task}","revision":{revision},{rest}}}}}'
)
_REST = (
    '"task_type":"{task_type}","complexity":"{complexity}","started_at":"2026-01-01T00:00:00Z","completed_at":"2026-{day}T12:00:00Z",'
    '"active_ms":{active},"review_ms":0,"rework_ms":{rework},"time_basis":"measured","assistance":"draft",'
    '"assignment":"chosen","origin":"pre_existing","outcome":"completed","work":"core","audience":"citizen"'
)


def event(what: str = "completed", revision: int = 1, **fields: Any) -> bytes:
    """An event of task t-1."""
    known = {
        "id": f"t-1-{revision}",
        "source": "a",
        "task": "t-1",
        "authority": AUTHORITIES[0],
        "day": "02-01",
        "rework": 0,
        "task_type": "kle:27.35.04",
        "complexity": "low",
        "active": 600_000,
        **fields,
    }
    rest = '"reason":"reported-in-error"' if what == "retracted" else _REST.format(**known)
    return _STATE.format(what=what, revision=revision, rest=rest, **known).encode()


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
