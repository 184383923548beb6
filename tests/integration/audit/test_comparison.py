"""What is stored beside what comes out: nothing is found where nothing is wrong, and each change behind the system's back is."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from services.audit.as_of.clickhouse import InstantStore
from services.audit.recompute.clickhouse import NULLABLE as NULLABLE_COLUMNS
from services.audit.recompute.clickhouse import RecomputationStore
from services.audit.recompute.comparison import Kind, Recomputation, Report
from services.baselines.clickhouse import MeasurementStore
from services.baselines.restatement import Request, Restatement
from services.runtime.clickhouse import INSERT_SETTINGS
from services.runtime.errors import Halt
from tests.integration.audit.recomputing import AUTHORITIES, History, moment
from tests.integration.delivering import SENT_MS, Database, events_of, publish
from tests.reference import load_registry

NOW = moment(SENT_MS)
TAMPERED = 100
KEYS = ("authority", "task")


def compared(database: Database, *authorities: str) -> Report:
    return Recomputation(RecomputationStore(database.client), pause=lambda: None).run(authorities)


def restate(database: Database, authority: str) -> None:
    work = Restatement(MeasurementStore(database.client), Request("x", "test", authority), lambda: NOW, lambda: None)
    assert work.until_nothing_is_stale() == {}


@pytest.fixture
def stored(new_database: Callable[[], Database]) -> Database:
    """A log that was judged under several generations; one authority is restated, the others are stale."""
    database = new_database()
    History(41).stored_in(database)
    restate(database, AUTHORITIES[0])
    return database


def test_all_is_as_it_comes_out_and_what_is_stale_is_said(stored: Database) -> None:
    report = compared(stored)
    assert (report.wrong, report.findings) == (0, [])
    stale = stored.rows("SELECT authority, count() FROM stale_measurements GROUP BY authority ORDER BY authority")
    assert list(report.stale.items()) == stale
    assert set(report.stale) == set(AUTHORITIES[1:])
    outdated = {one.authority: one.outdated for one in report.compared}
    assert outdated[AUTHORITIES[0]] == 0
    assert all(0 < outdated[cvr] <= report.stale[cvr] for cvr in AUTHORITIES[1:])
    shown = stored.rows(
        "SELECT authority, count(), countIf(status = 'measured'), sumIf(saved_ms, status = 'measured') FROM task_measurements GROUP BY authority ORDER BY 1"
    )
    for side in ("stored", "recomputed"):
        sums = [(one.authority, getattr(one, side)) for one in report.compared]
        assert [(cvr, found.tasks, found.measured, found.saved_ms) for cvr, found in sums] == shown
    for cvr in AUTHORITIES[1:]:
        restate(stored, cvr)
    report = compared(stored)
    assert (report.wrong, report.stale) == (0, {})
    assert sum(one.outdated for one in report.compared) == 0


# -- tampering ----------------------------------------------------------------------------------------------------------


OTHERWISE: dict[str, Callable[[random.Random, Any], Any]] = {
    "generation": lambda chance, _: chance.randrange(
        1_000, 2_000
    ),  # an older one may be right: the figures are the same
    "rules": lambda chance, rules: rules + chance.choice([-1, 1]),
    "kind": lambda _, kind: 3 - kind,
    "capped": lambda _, capped: 1 - capped,
    "day": lambda chance, day: day + timedelta(days=chance.choice([-1, 1])),
}


def otherwise(chance: random.Random, column: str, value: Any, unsigned: bool) -> Any:
    """Another value of a column."""
    if column in OTHERWISE:
        return OTHERWISE[column](chance, value)
    if isinstance(value, datetime):
        return value + timedelta(milliseconds=chance.choice([-1, 1, 86_400_000]))
    if isinstance(value, str):
        return value + "x"
    if value is None:
        return chance.randrange(1_000)
    forgotten = column in NULLABLE_COLUMNS and chance.random() < 0.3
    return None if forgotten else value + chance.choice([1, 60_000] if unsigned else [-1, 1, 10**6])


def tampering(chance: random.Random, rows: pa.Table) -> Iterator[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """What is done to each of these rows: (how, before, after); none after a deletion, another task after an insertion."""
    for number, row in enumerate(rows.to_pylist()):
        how = chance.choice(["change"] * 3 + ["delete", "insert"])
        if how == "change":
            column = chance.choice([name for name in rows.column_names if name not in KEYS])
            unsigned = pa.types.is_unsigned_integer(rows.schema.field(column).type)
            yield column, row, {**row, column: otherwise(chance, column, row[column], unsigned)}
        elif how == "insert":
            yield how, row, {**row, "task": f"invented-{number}"}
        else:
            yield how, row, None


@pytest.mark.parametrize("seed", [51, 52])
def test_a_hundred_changes_behind_the_systems_back_are_named(stored: Database, seed: int) -> None:
    chance = random.Random(seed)
    everything = stored.client.query_arrow(
        "SELECT * FROM measurements FINAL ORDER BY authority, task", use_strings=True
    )
    rows = everything.take(pa.array(sorted(chance.sample(range(everything.num_rows), TAMPERED))))
    stored.client.command("OPTIMIZE TABLE measurements FINAL")
    wanted: dict[tuple[str, str], str] = {}
    after, gone = [], []
    for how, before, row in tampering(chance, rows):
        if how != "insert":
            gone.append(before["task"])
        if row is not None:
            after.append(row)
        changed = before if row is None else row
        wanted[changed["authority"], changed["task"]] = how
    quoted = ", ".join(f"'{task}'" for task in gone)
    stored.client.command(f"ALTER TABLE measurements DELETE WHERE task IN ({quoted}) SETTINGS mutations_sync = 2")
    stored.client.insert_arrow("measurements", pa.Table.from_pylist(after, rows.schema), settings=INSERT_SETTINGS)
    report = compared(stored)
    found = {(one.authority, one.task): one for one in report.findings}
    assert set(found) == set(wanted)
    assert report.wrong == TAMPERED
    for key, how in wanted.items():
        if how in {"insert", "delete"}:
            assert found[key].kind == (Kind.EXTRA if how == "insert" else Kind.MISSING)
        else:
            assert how in {difference.column for difference in found[key].columns}, (key, how)
    assert len(set(wanted.values())) > 20, "columns of all kinds were changed"


def test_a_view_of_totals_that_shows_something_else_is_named(stored: Database) -> None:
    (definition,) = stored.rows(
        "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'hours_freed_daily'"
    )
    changed = (
        definition[0]
        .replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
        .replace("countIf(status = 'measured') AS", "1 + countIf(status = 'measured') AS")
    )
    assert changed != definition[0]
    stored.client.command(changed)
    report = compared(stored, AUTHORITIES[0])
    assert {difference.view for difference in report.totals} == {"hours_freed_daily"}
    assert report.wrong == len(report.totals) > 10


def test_a_changed_baseline_makes_every_task_that_it_measured_differ(stored: Database) -> None:
    """Told by its content: the columns that were made of it are read by nobody who measures."""
    ((name, version, count),) = stored.rows(
        "SELECT baseline, baseline_version, count() AS n FROM task_measurements WHERE credit_ms IS NOT NULL "
        "GROUP BY ALL ORDER BY n DESC LIMIT 1"
    )
    stored.client.command(
        "ALTER TABLE baselines UPDATE payload = replaceRegexpOne(payload, '\"mean_ms\": ?[0-9]+', '\"mean_ms\":1') "
        f"WHERE baseline = '{name}' AND baseline_version = {version} AND kind = 'published' SETTINGS mutations_sync = 2"
    )
    report = compared(stored)
    assert report.wrong >= count > 0
    assert {difference.column for one in report.findings for difference in one.columns} == {"credit_ms", "saved_ms"}


def test_two_contents_of_a_generation_halt(stored: Database) -> None:
    another = {"authority": AUTHORITIES[0], "name": "En anden", "sector": "state", "version": 99, "generation": 1}
    publish(stored.client, events_of([load_registry.registry_event("authority.registered", another)]))
    with pytest.raises(Halt, match="two contents"):
        compared(stored)


def test_a_generation_that_is_not_there_any_more_halts(stored: Database) -> None:
    stored.client.command("ALTER TABLE baselines DELETE WHERE generation = 21 SETTINGS mutations_sync = 2")
    with pytest.raises(Halt, match="generation 21 of the registry is missing, and 39 is there"):
        compared(stored)
    with pytest.raises(Halt, match="generation 21"):
        InstantStore(stored.client).known_generation(NOW)


def test_two_contents_of_a_coordinate_halt(stored: Database) -> None:
    ((topic, offset),) = stored.rows("SELECT topic, offset FROM task_events ORDER BY topic DESC, offset LIMIT 1")
    everything = "* REPLACE (reverse(digest) AS digest, concat(payload, ' ') AS payload)"
    stored.client.command(
        f"INSERT INTO records SELECT {everything} FROM records FINAL WHERE topic = '{topic}' AND offset = {offset} LIMIT 1"
    )
    with pytest.raises(Halt, match=f"two contents at [0-9]+/{topic}/[0-9]+/{offset}"):
        compared(stored)
    assert compared(stored, AUTHORITIES[0]).wrong == 0


# -- what cannot be recomputed -----------------------------------------------------------------------------------------


def erase(database: Database, task: str, *, lawfully: bool) -> int:
    """Removes payload and salt of every event of a task; with the ledger's row where it is lawful. How many events."""
    events = database.rows(f"SELECT log_no, topic, partition, offset FROM task_events WHERE task = '{task}'")
    if lawfully:
        rows = [[*place, "right-to-erasure", "office", NOW] for place in events]
        names = ["log_no", "topic", "partition", "offset", "reason", "requested_by", "erased_at"]
        database.client.insert("erasures", rows, column_names=names, settings=INSERT_SETTINGS)
    database.client.command(
        f"ALTER TABLE records UPDATE payload = '', salt = '' WHERE subject = '{task}' SETTINGS mutations_sync = 2"
    )
    return len(events)


def test_an_erased_task_is_named_apart_and_one_without_payload_is_wrong(stored: Database) -> None:
    (erased,), (lost,) = stored.rows("SELECT task FROM task_measurements WHERE revision > 1 ORDER BY task LIMIT 2")
    assert erase(stored, erased, lawfully=True) > 1
    erase(stored, lost, lawfully=False)
    report = compared(stored)
    assert [(one.kind, one.task) for one in report.findings] == [(Kind.PAYLOAD_MISSING, lost), (Kind.ERASED, erased)]
    assert report.wrong == 1
