"""The tasks of a place as ClickHouse gives them, beside the ones in memory that the dry run's properties rest on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from contracts import RULES
from contracts.tasks import TaskRetraction
from services.baselines.clickhouse import MeasurementStore
from services.baselines.controls_store import ControlStore
from services.baselines.in_scope.clickhouse import ScopeStore
from services.baselines.in_scope.dry_run import InScope
from services.baselines.in_scope.place import Place
from tests.integration.delivering import Database
from tests.properties.domain.strategies import AUTHORITIES, TASK_TYPES, day, task
from tests.properties.restating import Content, FoldingTable, collected
from tests.properties.test_dry_run import TasksInMemory
from tests.properties.test_restatement import snapshot_at

MS = timedelta(milliseconds=1)
A, B = TASK_TYPES
PLACES = [
    Place("", None, A, "any", day(0), day(12)),
    Place("", None, A, "low", day(0), day(12)),
    Place("", None, A, "high", day(0), day(12)),
    Place("", (AUTHORITIES[0],), A, "any", day(2), day(6)),
    Place("", AUTHORITIES[1:], A, "any", day(0), day(12)),
    Place("", (), A, "any", day(0), day(12)),
    Place("", None, B, "any", day(0), day(12)),
    Place("", None, "local:none", "any", day(0), day(12)),
]


def _tables() -> list[pa.Table]:
    """Tasks at the bounds of a place, of other kinds, corrected into and out of it, retracted, judged by other rules."""
    states: list[Content] = [
        *(task(task=f"at{n}", completed_at=at) for n, at in enumerate([day(2) - MS, day(2), day(6) - MS, day(6)])),
        *(task(task=f"of{n}", authority=cvr, complexity="medium") for n, cvr in enumerate(AUTHORITIES)),
        task(task="other", task_type=B),
        task(task="out"),
        task(task="out", revision=2, task_type=B),
        task(task="in", task_type=B, active_ms=7),
        task(task="in", revision=2),
        task(task="gone"),
        TaskRetraction(authority=AUTHORITIES[0], task="gone", revision=2, reason="wrong"),
        task(task="lot", arm="control", assignment="random", assigned_at=day(-1), cluster="c", cluster_kind="case"),
    ]
    ours = collected(enumerate(states), snapshot_at([], 0))
    others = collected([(99, task(task="newer"))], snapshot_at([], 0))
    rules = pa.array([RULES + 1], pa.uint32())
    return [ours, others.set_column(others.column_names.index("rules"), "rules", rules)]


@pytest.fixture
def memory() -> TasksInMemory:
    table = FoldingTable()
    for rows in _tables():
        table.write(rows)
    return TasksInMemory(table)


@pytest.fixture
def filled(new_database: Callable[[], Database]) -> Client:
    client = new_database().client
    for rows in _tables():
        MeasurementStore(client).write(rows)
    return client


@pytest.fixture
def store(filled: Client) -> ScopeStore:
    return ScopeStore(filled)


def test_both_give_the_same_tasks_in_the_same_pages(store: ScopeStore, memory: TasksInMemory) -> None:
    seen = set[str]()
    for place in PLACES:
        found = store.in_scope(place)
        assert found == memory.in_scope(place)
        for authority in found:
            after = ""
            while (end := store.page_end(place, authority, after, 2)) is not None:
                assert memory.page_end(place, authority, after, 2) == end
                page, expected = (
                    {row["task"]: row for row in one.page(place, authority, after, end).to_pylist()}
                    for one in (store, memory)
                )
                assert page == expected
                seen |= page.keys()
                after = end
            assert memory.page_end(place, authority, after, 2) is None
    assert seen == {"at0", "at1", "at2", "at3", "of0", "of1", "of2", "other", "out", "in", "lot"}
    assert store.in_scope(PLACES[3]) == {AUTHORITIES[0]: InScope(2, 0)}
    assert store.in_scope(PLACES[0])[AUTHORITIES[0]].foreign == 1


def test_controls_are_those_of_the_place_alone(filled: Client) -> None:
    """Of each task type where the place names none; none where it has no control; nothing where no task was received."""
    store = ControlStore(filled)
    found = store.controls(PLACES[0])
    assert found is not None
    (control,) = found.states.to_pylist()
    assert (control["task"], control["cluster"], control["active_ms"]) == ("lot", "c", 1_000)
    for place, count in ((PLACES[1], 1), (PLACES[2], 0), (PLACES[6], 0), (replace(PLACES[0], task_type=""), 1)):
        of_place = store.controls(place)
        assert of_place is not None
        assert of_place.states.num_rows == count
    assert store.controls(PLACES[5]) is None
