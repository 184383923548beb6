"""What benefit owners confirm: the newest counts, and what cannot be right is named."""

import random
from typing import Any

import pytest

from contracts.events import REALISED
from contracts.examples import AUTHORITY, base
from contracts.reading import Record
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import Database, snapshot_of
from tests.reference.shapes import LogRecord


def confirmed(name: str = "r-1", revision: int = 1, **fields: Any) -> Record:
    """A confirmation for January 2026."""
    known = {
        "authority": AUTHORITY,
        "realisation": name,
        "revision": revision,
        "period_from": "2026-01-01T00:00:00Z",
        "period_to": "2026-02-01T00:00:00Z",
        "realised_ms": 1_000,
        "use": "core_task",
        "confirmed_by": "benefit-owner",
    }
    return base.record(base.event(REALISED, name, known | fields))


def log_of(records: list[Record]) -> list[LogRecord]:
    return [
        LogRecord(1, each.topic, 0, offset, each.key, each.value, each.headers) for offset, each in enumerate(records)
    ]


@pytest.fixture(scope="module")
def shared(database_settings: ClickHouseSettings) -> Database:
    return Database(database_settings.model_copy(update={"database": "benefits"}))


@pytest.fixture
def database(shared: Database) -> Database:
    for table in ("records", "measurements"):
        shared.client.command(f"TRUNCATE TABLE {table}")
    return shared


SNAPSHOT = snapshot_of([])


def test_the_newest_confirmation_counts_in_any_order_of_delivery(database: Database) -> None:
    history = log_of(
        [
            confirmed(realised_ms=1),
            confirmed(revision=3, realised_ms=3, period_to="2026-02-01T01:00:00+01:00"),
            confirmed(revision=2, realised_ms=2),
            confirmed(revision=3, realised_ms=4),
            confirmed("r-2", use="quality", programme="p-1"),
        ]
    )
    random.Random(7).shuffle(history)
    for _ in range(2):
        database.deliver(history, SNAPSHOT, cuts=(2, 3))
    assert database.rows(
        "SELECT realisation, revision, realised_ms, use, programme, toString(period_to), offset FROM realisations ORDER BY 1"
    ) == [
        ("r-1", 3, 3, "core_task", "", "2026-02-01 00:00:00.000", 1),
        ("r-2", 1, 1_000, "quality", "p-1", "2026-02-01 00:00:00.000", 4),
    ]


OVERLAPS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"period_from": "2026-01-31T23:59:59.999Z", "period_to": "2026-03-01T00:00:00Z"}, True),
    ({"period_from": "2026-02-01T00:00:00Z", "period_to": "2026-03-01T00:00:00Z"}, False),
    ({"use": "quality"}, False),
    ({"programme": "p-1"}, False),
]


@pytest.mark.parametrize(("second", "faulty"), OVERLAPS)
def test_two_confirmations_of_the_same_hours_are_named(
    database: Database, second: dict[str, Any], faulty: bool
) -> None:
    database.deliver(log_of([confirmed(), confirmed("r-2", **second)]), SNAPSHOT)
    found = database.rows("SELECT authority, realisation, other FROM realisation_faults WHERE fault = 'overlap'")
    assert found == ([(AUTHORITY, "r-1", "r-2")] if faulty else [])


EXCESS: list[tuple[str, list[Record], list[tuple[str, int, int]]]] = [
    ("as much as was freed", [confirmed(realised_ms=7_000)], []),
    ("a millisecond more", [confirmed(realised_ms=7_001)], [("r-1", 7_001, 7_000)]),
    (
        "two uses together are more",
        [confirmed(realised_ms=4_000), confirmed("r-2", realised_ms=3_001, use="saved")],
        [("r-1", 7_001, 7_000), ("r-2", 7_001, 7_000)],
    ),
    (
        "a part of the period has less",
        [confirmed(realised_ms=5_001, period_to="2026-01-10T00:00:00Z")],
        [("r-1", 5_001, 5_000)],
    ),
    ("of a programme", [confirmed(realised_ms=2_001, programme="p-1")], [("r-1", 2_001, 2_000)]),
    (
        "nothing was freed",
        [confirmed(realised_ms=1, period_from="2025-01-01T00:00:00Z", period_to="2025-02-01T00:00:00Z")],
        [("r-1", 1, 0)],
    ),
]


@pytest.mark.parametrize(("case", "confirmations", "faults"), EXCESS, ids=[case[0] for case in EXCESS])
def test_more_than_was_freed_is_named(
    database: Database, case: str, confirmations: list[Record], faults: list[tuple[str, int, int]]
) -> None:
    """Seven seconds were freed in January by AI, five of them before the tenth, two in a programme; those of the control and
    of tasks without AI are no saving of it."""
    database.deliver(log_of(confirmations), SNAPSHOT)
    columns = "(authority, task, revision, kind, offset, completed_at, status, saved_ms, arm, assistance, programme)"
    rows = [
        "('10000009', 'a', 1, 1, 11, '2026-01-05 00:00:00', 'measured', 5000, 'treatment', 'none', '')",
        "('10000009', 'b', 1, 1, 12, '2026-01-15 00:00:00', 'measured', 2000, '', 'draft', 'p-1')",
        "('10000009', 'c', 1, 1, 13, '2026-01-15 00:00:00', 'measured', 9000, 'control', 'none', '')",
        "('10000009', 'd', 1, 1, 14, '2026-01-15 00:00:00', 'measured', 9000, '', 'none', '')",
        "('10000009', 'e', 1, 1, 15, '2026-02-01 00:00:00', 'measured', 9000, '', 'draft', '')",
        "('10000009', 'f', 1, 1, 16, '2026-01-15 00:00:00', 'incomplete', NULL, '', 'draft', '')",
        "('10000017', 'g', 1, 1, 17, '2026-01-15 00:00:00', 'measured', 9000, '', 'draft', '')",
    ]
    database.client.command(f"INSERT INTO measurements {columns} VALUES {', '.join(rows)}")
    found = database.rows(
        "SELECT realisation, realised_ms, net_ms FROM realisation_faults WHERE fault = 'more_than_freed' ORDER BY 1"
    )
    assert found == faults, case


def test_tasks_are_no_confirmations(database: Database) -> None:
    database.deliver(log_of([base.record(base.task())]), SNAPSHOT)
    assert database.rows("SELECT * FROM realisations") == []
