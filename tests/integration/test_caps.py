"""What tasks and reports come to at half and at double the idle cap: as baselines with that cap would have measured them."""

import json
from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import BaselinePublished, RegistryEvent
from contracts.reading import STRUCTURED_HEADERS, Record, read
from contracts.registry import Baseline
from contracts.tasks import TaskState
from contracts.topics import BASELINES
from services.baselines.clickhouse import MeasurementStore, RegistryStore
from services.baselines.targets import set_target
from services.cli.report import answers
from services.domain.columns import Snapshot
from services.domain.match import Registry as Domain
from services.domain.measure import Measurement, Status, measure
from services.reports.clickhouse import ReportStore
from services.reports.effect import effect
from services.reports.group import Group
from services.reports.waterfall import waterfall_of
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import Database, snapshot_of
from tests.integration.test_metamorphic import placed
from tests.properties.domain.strategies import histories, tasks
from tests.properties.restating import collected, payload_of
from tests.reference import load_registry, workload
from tests.reference.model import State, fold
from tests.reference.records import Records
from tests.reference.registry import Registry

AUTHORITIES = workload.authorities(3)
NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)
CAP_MS: Final = 1_800_000
COLUMNS: Final = (
    "authority, task, status, counted_active_ms, capped, effort_ms, credit_ms, saved_ms, baseline, baseline_version"
)
Messages = list[dict[str, Any]]


def registry(*, silent: str = "") -> Messages:
    """The workload's, with a cap that cuts, for all but sectors; what it says of other caps, but for the `silent` series."""
    messages = load_registry.registry(AUTHORITIES)
    for number, data in enumerate(message["data"] for message in messages):
        if "mean_ms" not in data:
            continue
        data["cap_ms"] = CAP_MS + number
        if data["level"] == "sector":
            del data["cap_ms"]
        elif not silent or not data["baseline"].startswith(silent):
            data |= {
                "mean_half_cap_ms": data["mean_ms"] - 100_000 - number,
                "standard_error_half_cap_ms": 20_000 + number,
                "mean_double_cap_ms": data["mean_ms"] + 50_000 + number,
                "standard_error_double_cap_ms": 40_000 + number,
            }
    return messages


def at(cap: str, messages: Messages) -> Messages:
    """The registry of baselines whose cap is that; a series that does not say its mean there is not in it."""
    changed = json.loads(json.dumps(messages))
    for data in (message["data"] for message in changed):
        if "cap_ms" in data:
            data["cap_ms"] = data["cap_ms"] // 2 if cap == "half" else data["cap_ms"] * 2
            data["mean_ms"] = data.get(f"mean_{cap}_cap_ms", -1)
            data["standard_error_ms"] = data.get(f"standard_error_{cap}_cap_ms", 0)
            for name in [name for name in data if name.endswith(("_half_cap_ms", "_double_cap_ms"))]:
                del data[name]
    return changed  # type: ignore[no-any-return]


def row(state: State) -> tuple[Any, ...]:
    """A task as the view has it. A mean of -1: nobody knows what it would be credited with."""
    figures, known = state.figures, state.figures.baseline
    name = (known.baseline, known.version) if known else ("", 0)
    parts = (figures.counted_active_ms, int(figures.capped), figures.effort_ms)
    if figures.credit_ms == -1:
        status = "unmeasured" if figures.status == "measured" else figures.status
        return (state.authority, state.task, status, *parts, None, None, *name)
    return (state.authority, state.task, figures.status, *parts, figures.credit_ms, figures.saved_ms, *name)


def rows(database: Database, cap: str) -> list[tuple[Any, ...]]:
    return database.rows(f"SELECT {COLUMNS} FROM task_roles_at_caps WHERE at = {{cap:String}}", cap=cap)


@pytest.fixture(scope="module")
def log() -> list[Any]:
    return placed(list(workload.messages(12_000, 47, AUTHORITIES)))


@pytest.fixture
def deliver(new_database: Callable[[], Database], log: list[Any]) -> Callable[[Messages], Database]:
    """A database to which the log came under a registry, and the registry."""

    def delivered(messages: Messages) -> Database:
        database = new_database()
        for message in messages:
            payload = json.dumps(message).encode()
            event = read(Record(BASELINES, str(message["subject"]).encode(), STRUCTURED_HEADERS, payload)).event
            RegistryStore(database.client).insert([(event, payload)])  # type: ignore[list-item]
        database.deliver(log, snapshot_of(messages))
        return database

    return delivered


def states(log: list[Any], messages: Messages) -> Iterable[State]:
    return fold(Records(log), Registry(json.dumps(message) for message in messages)).states()


def test_tasks_at_another_cap_are_those_of_a_baseline_with_it(
    deliver: Callable[[Messages], Database], log: list[Any]
) -> None:
    messages = registry(silent="nation")
    database = deliver(messages)
    for cap in ("half", "double"):
        expected = sorted(map(row, states(log, at(cap, messages))))
        found = sorted(rows(database, cap))
        assert found == expected
        unknown = [one for one in found if one[2] == "unmeasured" and one[-2]]
        capped = [one for one in found if one[4]]
        assert len(unknown) > 100
        assert len(capped) > 100
    assert database.rows("SELECT count() FROM task_roles_at_caps WHERE at NOT IN ('half', 'double')") == [(0,)]


def said(data: st.DataObject, event: RegistryEvent) -> RegistryEvent:
    """A published baseline with a cap may say what it is at others."""
    if not isinstance(event, BaselinePublished) or event.data.cap_ms is None or data.draw(st.booleans()):
        return event
    mean = event.data.mean_ms
    means = {
        "mean_half_cap_ms": data.draw(st.integers(0, mean)),
        "mean_double_cap_ms": data.draw(st.integers(mean, 10**9)),
    }
    errors = {"standard_error_half_cap_ms": 1, "standard_error_double_cap_ms": 2}
    return event.model_copy(update={"data": event.data.model_copy(update={**means, **errors})})


def measured_at(cap: str, task: TaskState, baseline: Baseline | None) -> Measurement:
    """By the definition, against the baseline as it would be with that cap."""
    if baseline is None or baseline.cap_ms is None:
        return measure(task, baseline)
    mean = baseline.mean_half_cap_ms if cap == "half" else baseline.mean_double_cap_ms
    other = {"cap_ms": baseline.cap_ms // 2 if cap == "half" else 2 * baseline.cap_ms, "mean_ms": mean or 0}
    found = measure(task, baseline.model_copy(update=other))
    if mean is not None or found.credit_ms is None:
        return found
    status: Status = "unmeasured" if found.status == "measured" else found.status
    return replace(found, status=status, credit_ms=None, saved_ms=None)


@pytest.fixture(scope="module")
def one_database(database_settings: ClickHouseSettings) -> Database:
    return Database(database_settings.model_copy(update={"database": "caps"}))


@given(histories(), st.lists(tasks(), min_size=1, max_size=30), st.data())
@settings(max_examples=30, deadline=None)
def test_measuring_at_another_cap_is_measuring_with_a_baseline_that_has_it(
    one_database: Database, events: list[RegistryEvent], drawn: list[TaskState], data: st.DataObject
) -> None:
    for table in ("measurements", "baselines"):
        one_database.client.command(f"TRUNCATE TABLE {table}")
    events = [said(data, event) for event in events]
    registry = Domain().apply(events)
    states = [state.model_copy(update={"task": str(number)}) for number, state in enumerate(drawn)]
    for event in events:
        RegistryStore(one_database.client).insert([(event, payload_of(event))])
    MeasurementStore(one_database.client).write(collected(enumerate(states), Snapshot(registry)))
    for cap in ("half", "double"):
        found = {row[1]: row[2:8] for row in rows(one_database, cap)}
        assert found == {
            state.task: astuple(
                measured_at(
                    cap, state, registry.match(state.authority, state.task_type, state.complexity, state.completed_at)
                )
            )
            for state in states
        }


def test_the_views_columns_are_those_of_tasks(new_database: Callable[[], Database]) -> None:
    database = new_database()
    described = {
        name: [tuple(column[:2]) for column in database.rows(f"DESCRIBE TABLE {name}")]
        for name in ("measured_roles", "task_roles_at_caps")
    }
    assert set(described["task_roles_at_caps"]) == {*described["measured_roles"], ("at", "String")}


def set_no_minimum(database: Database) -> None:
    """People said how long some of the workload's tasks took, which is of the lowest grade: the headline takes it too."""
    set_target(RegistryStore(database.client), "minimum_grade", "D", "the workload", "test", datetime.now(UTC))


def report(database: Database, group: Group) -> Any:
    """The answers of both commands, as JSON would have them."""
    store = ReportStore(database.client)
    found = {
        "effect": answers.effect(effect(store, group, NOW)),
        "waterfall": answers.waterfall(waterfall_of(store, group, NOW)),
    }
    return json.loads(json.dumps(found))


def test_a_report_at_another_cap_is_that_of_baselines_with_it(deliver: Callable[[Messages], Database]) -> None:
    messages = registry()
    database = deliver(messages)
    set_no_minimum(database)
    others: dict[str, Database] = {cap: deliver(at(cap, messages)) for cap in ("half", "double")}
    for other in others.values():
        set_no_minimum(other)
    for group in (Group(), Group(task_type="kle:27.35.04"), Group(study="trial-1")):
        found = report(database, group)
        for cap, other in others.items():
            expected = report(other, group)
            for command, answer in found.items():
                under = answer["other_caps"][cap]
                assert under == {name: expected[command][name] for name in under}
                assert under != {name: answer[name] for name in under}
    steps = {step["name"]: step for step in report(database, Group())["waterfall"]["other_caps"]["half"]["steps"]}
    assert steps["gross"]["ms"] > steps["net"]["ms"]
    assert steps["net"]["low_ms"] < steps["net"]["ms"] < steps["net"]["high_ms"]


def test_where_baselines_do_not_say_it_the_report_does(deliver: Callable[[Messages], Database]) -> None:
    database = deliver(registry(silent="nation"))
    ((capped, unknown),) = database.rows(
        "SELECT count(), countIf(baseline LIKE 'nation%' AND credit_ms IS NOT NULL) FROM measured_roles WHERE baseline != '' AND baseline NOT LIKE 'sector%'"
    )
    refused = report(database, Group())["effect"]["other_caps"]
    words = f"the credit of {unknown:,} of {capped:,} tasks is not known there"
    assert set(refused) == {"half", "double"}
    assert all(at["refused"].startswith(words) for at in refused.values())


def test_without_a_cap_there_is_nothing_to_say(deliver: Callable[[Messages], Database]) -> None:
    messages = registry()
    for data in (message["data"] for message in messages):
        for name in [name for name in data if name.endswith("cap_ms")]:
            del data[name]
    database = deliver(messages)
    assert report(database, Group())["effect"]["other_caps"] == {}
    plain = database.rows(f"SELECT {COLUMNS} FROM task_roles ORDER BY authority, task")
    assert sorted(rows(database, "half")) == sorted(rows(database, "double")) == plain
