"""Rollups on the real engine: what is shown in the end is the reference model's, and what was shown at a moment can be had again."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest

from services.audit.as_of.totals import By
from services.audit.rollups.clickhouse import PublishedStore
from services.audit.rollups.published import Total as Sums
from services.audit.rollups.published import published
from services.audit.rollups.verifying import verified
from services.baselines.clickhouse import MeasurementStore
from services.baselines.restatement import Request, Restatement
from services.domain.rollups.rolling import rolled
from services.progress.rollups.publishing import Rollups, Round
from services.reports.clickhouse import ReportStore
from services.reports.group import LAST, Group
from tests.integration.delivering import Database, snapshot_of
from tests.integration.rollups.publishing import AUTHORITIES, REGISTRY, Shown, expected, publish, shown, writer
from tests.integration.test_metamorphic import placed
from tests.reference import workload
from tests.reference.model import Fold, Total, fold
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.shapes import LogRecord

SEED = 61
FIRST = len(REGISTRY) - 4
"""How much of the registry is known at first."""


class History:
    """What was shown, each with a moment at which it was."""

    def __init__(self, database: Database) -> None:
        self._client = database.client
        self.moments: list[tuple[datetime, Shown]] = []

    def note(self) -> Shown:
        now = shown(self._client)
        milliseconds = self._client.query("SELECT toUnixTimestamp64Milli(now64(3))").result_rows[0][0]
        self.moments.append((datetime.fromtimestamp(milliseconds / 1000, UTC), now))
        return now


def restated(database: Database) -> None:
    store = MeasurementStore(database.client)
    work = Restatement(store, Request("method-office", "test"), lambda: datetime.now(UTC), lambda: None)
    assert work.until_nothing_is_stale() == {}


def model(log: list[LogRecord]) -> Fold:
    return fold(Records(log), Registry(json.dumps(message) for message in REGISTRY))


@pytest.mark.timeout(300)
def test_what_is_shown_is_the_reference_models_and_what_was_shown_can_be_had_again(
    new_database: Callable[[], Database],
) -> None:
    database = new_database()
    log = placed(list(workload.messages(6_000, SEED, AUTHORITIES)))
    history, writers = History(database), [writer(database, number) for number in (1, 2)]
    _delivered_in_batches(database, log, writers, history)
    _held_back_until_it_is_restated(database, log, writers, history)

    found = model(log)
    assert history.note() == expected(found.states())
    _totals_are_the_models(database, found)
    _clusters_are_what_reports_read(database)
    _what_was_shown(database, history)
    result = verified(PublishedStore(database.client))
    assert (result.findings, result.behind, result.units) == ([], 0, len(found.by("authority", "day")))
    assert result.heads > result.units


def _delivered_in_batches(database: Database, log: list[LogRecord], writers: list[Rollups], history: History) -> None:
    """With repeated deliveries, and publications by either writer."""
    chance = Random(SEED)
    publish(database, REGISTRY[:FIRST])
    history.note()
    for cut in range(0, len(log), 900):
        database.deliver(log[max(0, cut - 50) : cut + 900], snapshot_of(REGISTRY[:FIRST]))
        chance.choice([Rollups.look, Rollups.sweep])(chance.choice(writers))
        history.note()


def _held_back_until_it_is_restated(
    database: Database, log: list[LogRecord], writers: list[Rollups], history: History
) -> None:
    """The registry goes on: then nothing is published of whose measurements are stale, and what is shown stays."""
    assert all(each.sweep().held == 0 for each in writers)
    publish(database, REGISTRY[FIRST:])
    before = history.note()
    database.deliver(log[-300:], snapshot_of(REGISTRY))  # by a collector that has followed
    (stale,) = database.rows("SELECT groupUniqArray(toString(authority)) FROM stale_measurements")[0]
    held = writers[1].look()
    assert held.held > 0
    assert {unit.authority for unit in writers[0].store.dirty(None)} == set(stale)
    assert {key: row for key, row in history.note()[0].items() if key[0] in stale} == {
        key: row for key, row in before[0].items() if key[0] in stale
    }
    restated(database)
    assert writers[1].look().published > 0
    assert all(each.sweep() == Round(0, 0, 0) for each in writers)
    assert history.note() != before


def _totals_are_the_models(database: Database, found: Fold) -> None:
    """Against the model's own totals, which do not know of rollups."""
    rows = database.rows(
        "SELECT authority, toUInt32(day), sum(n), sumIf(n, status = 'measured'), sumIf(n, status = 'unmeasured'), "
        "sumIf(n, status = 'incomplete'), sum(n_capped), sumIf(effort_ms, status = 'measured'), "
        "sumIf(credit_ms, status = 'measured'), sum(saved_ms), sumIf(n, role = 'treated' AND status = 'measured'), "
        "sumIf(saved_ms, role = 'treated'), sumIf(gross_ms, role = 'treated' AND status = 'measured') "
        "FROM current_progress GROUP BY authority, day"
    )
    assert {row[:2]: Total(*row[2:]) for row in rows} == found.by("authority", "day")


def _clusters_are_what_reports_read(database: Database) -> None:
    names = ("n", "n_credit", "effort", "credit", "active", "review", "rework", "abandoned", "escalated", "induced")
    keys = ("authority", "task_type", "complexity", "role", "unit", "baseline_name")
    read = ReportStore(database.client).sums(Group(), LAST).to_pylist()
    sums = ", ".join(f"sum({name}{'' if name.startswith('n') else '_ms'})" for name in names)
    rows = database.rows(
        "SELECT authority, task_type, complexity, role, cluster, "
        f"if(baseline = '', '', concat(baseline, '/', toString(baseline_version))) AS name, {sums} "
        "FROM current_cluster_sums GROUP BY ALL"
    )
    assert read
    assert {row[:6]: row[6:] for row in rows} == {
        tuple(row[key] for key in keys): tuple(row[name] for name in names) for row in read
    }


def _what_was_shown(database: Database, history: History) -> None:
    store = PublishedStore(database.client)
    assert len(history.moments) > 10
    for at, rows in history.moments:
        assert shown(database.client, at) == rows
        answer = published(store, at, by=By.TASK_TYPE)
        tasks, net = Counter[str](), Counter[str]()
        for key, (role, n, *amounts) in rows[0].items():
            tasks[key[2]] += n
            net[key[2]] += amounts[8] if role == "treated" else 0
        assert {group.named: (group.tasks, group.net_ms) for group in answer.groups} == {
            name: (count, net[name]) for name, count in tasks.items()
        }
        assert (answer.total.tasks, answer.total.net_ms) == (tasks.total(), net.total())
        assert answer.units == len({key[:2] for key in rows[0]})
    at, rows = history.moments[-1]
    one = published(store, at, AUTHORITIES[:1], by=By.AUTHORITY)
    assert one.groups == (Sums(AUTHORITIES[0], *[getattr(one.total, name) for name in Sums.__slots__[1:]]),)
    assert 0 < one.total.tasks < published(store, at).total.tasks
    days = published(store, at, by=By.DAY).groups
    assert len(days) == workload.DAYS
    assert sum(day.net_ms for day in days) == published(store, at).total.net_ms


def test_an_emptied_unit_and_rows_that_were_deleted_in_place(new_database: Callable[[], Database]) -> None:
    """Deleted in place: no insert leads there, so the sweep alone finds it, and counts it."""
    database = new_database()
    publish(database, REGISTRY)
    database.deliver(placed(list(workload.messages(600, 5, AUTHORITIES))), snapshot_of(REGISTRY))
    work = writer(database)
    work.look()
    database.client.command("OPTIMIZE TABLE measurements FINAL")  # no superseded row comes back
    authority, day, tasks = database.rows("SELECT authority, day, n FROM unit_fingerprints ORDER BY n, 1, 2 LIMIT 1")[0]
    database.client.command(
        f"ALTER TABLE measurements DELETE WHERE authority = '{authority}' AND day = '{day}'",
        settings={"mutations_sync": 1},
    )
    assert work.look() == Round(0, 0, 0)
    assert work.sweep() == Round(published=1, held=0, missed=1)
    assert tasks > 0
    where = f"authority = '{authority}' AND day = '{day}'"
    assert database.rows(f"SELECT count() FROM current_progress WHERE {where}") == [(0,)]
    assert database.rows(f"SELECT n, run FROM current_heads WHERE {where}") == [(0, 0)]
    assert verified(PublishedStore(database.client)).findings == []


def test_rows_that_nobody_published_are_shown_by_nobody_and_named(new_database: Callable[[], Database]) -> None:
    database = new_database()
    publish(database, REGISTRY)
    database.deliver(placed(list(workload.messages(200, 6, AUTHORITIES))), snapshot_of(REGISTRY))
    work = writer(database)
    unit = min(work.store.dirty(None))
    (dead,) = rolled(work.store.copy([unit]), [unit])
    work.store.write(dead.daily, dead.clusters)  # and here it died
    assert shown(database.client) == [{}, {}]
    result = verified(PublishedStore(database.client))
    assert {(found.kind, found.run, found.day) for found in result.findings} == {("unpublished", dead.run, unit.day)}
    assert result.only_unpublished
    work.look()
    assert verified(PublishedStore(database.client)).findings == []
