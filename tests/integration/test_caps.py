"""What tasks and reports come to at half and at double the idle cap: as baselines with that cap would have measured them."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

import pytest

from contracts.reading import STRUCTURED_HEADERS, Record, read
from contracts.topics import BASELINES
from services.baselines.clickhouse import RegistryStore
from services.reports.clickhouse import ReportStore
from tests.integration.delivering import Database, snapshot_of
from tests.integration.test_metamorphic import placed
from tests.reference import load_registry, workload
from tests.reference.model import State, fold
from tests.reference.records import Records
from tests.reference.registry import Registry

AUTHORITIES = workload.authorities(3)
CAP_MS: Final = 1_800_000
COLUMNS: Final = "authority, task, status, counted_active_ms, capped, effort_ms, credit_ms, saved_ms, baseline, baseline_version"
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


def test_the_views_columns_are_those_of_tasks(new_database: Callable[[], Database]) -> None:
    database = new_database()
    described = {
        name: [tuple(column[:2]) for column in database.rows(f"DESCRIBE TABLE {name}")]
        for name in ("measured_roles", "task_roles_at_caps")
    }
    assert set(described["task_roles_at_caps"]) == {*described["measured_roles"], ("at", "String")}
