"""The measure in SQL beside the reference model: every column, at any instant, under any generation."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import RegistryEvent
from services.audit.as_of.clickhouse import InstantStore
from services.audit.as_of.totals import By, Total, snapshot
from services.baselines.proposals import Draft
from services.baselines.registry import Registry
from services.cli.demo import offices
from services.runtime.errors import Refused
from tests.integration.against import states_in_clickhouse
from tests.integration.audit.recomputing import History, expected, moment
from tests.integration.delivering import SENT_MS, Database, publish
from tests.properties.domain.strategies import START, baseline, event, histories, task
from tests.properties.restating import Content, contents, payload_of, record_of
from tests.properties.test_restatement import snapshot_at
from tests.properties.test_workflow import drafts
from tests.reference.model import Fold, fold
from tests.reference.records import Records
from tests.reference.registry import Registry as Book
from tests.reference.shapes import LogRecord
from tests.unit.baselines.worlds import MemoryLog, MemoryStore

AT = "fromUnixTimestamp64Milli({at:Int64}, 'UTC')"
EVER = "toDateTime64('2299-01-01', 3, 'UTC')"


def model_totals(found: Fold, by: By | None) -> dict[tuple[str, ...], Total]:
    """The model's totals with the names of the command's."""
    names = {None: (), By.AUTHORITY: ("authority",), By.DAY: ("day",), By.TASK_TYPE: ("task_type", "complexity")}[by]
    totals = {key: Total(*total) for key, total in found.by(*names).items()}
    if by == By.DAY:
        return {(moment(int(day) * 86_400_000).date().isoformat(),): total for (day,), total in totals.items()}
    return {tuple(map(str, key)): total for key, total in totals.items()} or ({(): Total()} if by is None else {})


@pytest.mark.timeout(300)
def test_as_of_is_the_models_snapshot_at_any_instant(new_database: Callable[[], Database]) -> None:
    history, database, chance = History(31), new_database(), random.Random(31)
    history.stored_in(database)
    edges = [SENT_MS - 1, SENT_MS, history.last_ms, history.last_ms + 10**6]
    instants = [*edges, *(chance.randrange(SENT_MS, history.last_ms) for _ in range(36))]
    tasks = set()
    for at in instants:
        model = history.snapshot(at)
        found = dict(states_in_clickhouse(database.client, f"measurements_as_of(at = {AT})", at=at))
        assert found == expected(model), moment(at)
        tasks.add(len(found))
    assert len(tasks) > 25, "the instants are different"


@pytest.mark.timeout(300)
def test_totals_as_of_are_the_models(new_database: Callable[[], Database]) -> None:
    history, database, chance = History(32), new_database(), random.Random(32)
    history.stored_in(database)
    store = InstantStore(database.client)
    for by in [None, *By, *By]:
        at = chance.randrange(SENT_MS, history.last_ms)
        model = history.snapshot(at)
        found = snapshot(store, moment(at), by)
        assert (found.totals, found.unreadable) == (model_totals(model, by), 0)
        assert found.generation == history.registry(at).generation
        assert found.total == model_totals(model, None)[()]


def test_a_number_that_is_missing_holds_back_those_after_it(new_database: Callable[[], Database]) -> None:
    database = new_database()
    publish(database.client, [event(baseline(number)) for number in (1, 3)])
    record = record_of(task(), 0)
    log = [LogRecord(1, record.topic, 0, 0, record.key, record.value, tuple(record.headers))]
    database.deliver(log, snapshot_at([], 0))
    found = database.rows(f"SELECT generation, credit_ms FROM measurements_as_of(at = {EVER})")
    assert found == [(1, 1_000)]


@pytest.fixture(scope="module")
def shared(database_settings: Any) -> Iterator[Database]:
    """One database for all examples."""
    database = Database(database_settings.model_copy(update={"database": "recomputed"}))
    yield database
    database.client.command("DROP DATABASE recomputed")


@pytest.mark.timeout(300)
@given(histories(), contents())
@settings(max_examples=40, deadline=None)
def test_every_figure_under_every_generation_is_the_models(
    shared: Database, events: list[RegistryEvent], log: list[Content]
) -> None:
    assert_every_figure(shared, events, log)


@pytest.mark.timeout(300)
@given(st.lists(drafts(), min_size=2, max_size=6), contents())
@settings(max_examples=25, deadline=None)
def test_what_takes_the_place_of_another_measures_in_its_interval(
    shared: Database, wanted: list[Draft], log: list[Content]
) -> None:
    """By the registry's writer: withdrawals, the rests of what is replaced, then the new version."""
    store = MemoryStore()
    for draft in wanted:
        with suppress(Refused):
            offices.publish(Registry(store, MemoryLog()), [draft.content], START)
    assert_every_figure(shared, [published for published, _ in store.events], log)


def assert_every_figure(database: Database, events: list[RegistryEvent], log: list[Content]) -> None:
    client = database.client
    for table in ("baselines", "authorities", "records", "measurements"):
        client.command(f"TRUNCATE TABLE {table}")
    publish(client, events)
    raw = [record_of(content, offset) for offset, content in enumerate(log)]
    records = [LogRecord(1, r.topic, 0, r.offset, r.key, r.value, tuple(r.headers)) for r in raw]
    database.deliver(records, snapshot_at(events, len(events)))
    known, registry = Records(records), Book(payload_of(published) for published in events)
    spans = list(_spans(client))
    for generation in range(len(events) + 1):
        model = fold(known, registry, {record[:4]: generation for record in records})
        assert {key: row for key, since, until, row in spans if since <= generation < until} == expected(model)


def _spans(client: Client) -> Iterator[tuple[tuple[str, str], int, int, dict[str, Any]]]:
    """Every figure that a task has: from which generation on, before which."""
    unknown = "topic, kind, event_type, baseline_generation, earns_credit, rules, broker_time"
    sql = f"SELECT * EXCEPT ({unknown}) FROM recomputed_states(at = {EVER}) WHERE kind = 1"
    found = client.query(sql, tz_mode="aware")
    for values in found.result_rows:
        row = dict(zip(found.column_names, values, strict=True))
        key = (row.pop("authority"), row.pop("task"))
        yield key, row.pop("since_generation"), row.pop("until_generation"), row
