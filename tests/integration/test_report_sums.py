"""What a report reads from ClickHouse, against the reference model's states of the same log, for several groups."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from services.reports.clickhouse import ReportStore
from services.reports.group import Group
from tests.integration.delivering import Database, snapshot_of
from tests.integration.test_metamorphic import placed
from tests.reference import load_registry, workload
from tests.reference.model import State, fold
from tests.reference.records import Records
from tests.reference.registry import Registry

AUTHORITIES = workload.authorities(3)
MIDDLE = workload.START + timedelta(days=45)
GROUPS = [
    Group(),
    Group(authorities=AUTHORITIES[:1]),  # type: ignore[arg-type]
    Group(authorities=()),
    Group(task_type="kle:27.35.04"),
    Group(complexity="low"),
    Group(programme="nobody's"),
    Group(study="trial-1"),
    Group(since=MIDDLE),
    Group(before=MIDDLE),
]


@dataclass
class Delivered:
    """A store over a database that has the log, and the states of the model."""

    store: ReportStore
    states: list[State]

    def of(self, group: Group) -> list[State]:
        return [state for state in self.states if within(group, state)]


def within(group: Group, state: State) -> bool:
    since, before = (int(moment.timestamp()) * 1000 for moment in (group.since, group.before))
    return (
        (group.authorities is None or state.authority in group.authorities)
        and group.task_type in {"", state.task_type}
        and group.complexity in {"", state.complexity}
        and group.programme in {"", state.traits.programme}
        and group.study in {"", state.traits.study}
        and since <= state.completed_ms < before
    )


@pytest.fixture(scope="module")
def log() -> tuple[list[object], list[dict[str, object]]]:
    return placed(list(workload.messages(12_000, 47, AUTHORITIES))), load_registry.registry(AUTHORITIES)  # type: ignore[return-value]


@pytest.fixture
def delivered(new_database: Callable[[], Database], log) -> Delivered:  # type: ignore[no-untyped-def]
    records, registry = log
    database = new_database()
    database.deliver(records, snapshot_of(registry))
    known = Registry(json.dumps(message) for message in registry)
    return Delivered(ReportStore(database.client), list(fold(Records(records), known).states()))


def unit(state: State) -> str:
    return state.traits.cluster or f" {state.task}"


def version(state: State) -> str:
    found = state.figures.baseline
    return "" if state.figures.credit_ms is None or found is None else f"{found.baseline}/{found.version}"


def rows_of(
    table: pa.Table, keys: Iterable[str], amounts: Iterable[str]
) -> dict[tuple[object, ...], tuple[object, ...]]:
    keys, amounts = list(keys), list(amounts)
    rows = table.to_pylist()
    found = {tuple(row[key] for key in keys): tuple(row[name] for name in amounts) for row in rows}
    assert len(found) == len(rows)
    return found


def test_sums_by_cell_role_cluster_and_baseline(delivered: Delivered) -> None:
    young = MIDDLE + timedelta(days=10)
    for group in GROUPS:
        expected: dict[tuple[object, ...], Counter[str]] = defaultdict(Counter)
        for state in delivered.of(group):
            figures, traits = state.figures, state.traits
            if figures.status != "measured" or state.traits.role == "comparison":
                continue
            key = (state.authority, state.task_type, state.complexity, state.traits.role, unit(state), version(state))
            amounts = expected[key]
            credited = figures.credit_ms is not None
            late = state.completed_ms > int(young.timestamp()) * 1000
            amounts["n"] += 1
            amounts["n_credit"] += credited
            amounts["effort"] += figures.effort_ms
            amounts["credit"] += figures.credit_ms or 0
            amounts["active"] += credited * figures.counted_active_ms
            amounts["review"] += credited * (state.review_ms or 0)
            amounts["rework"] += credited * (state.rework_ms or 0)
            if not credited:
                amounts["induced" if traits.outcome == "completed" else traits.outcome] += figures.effort_ms
            amounts["young"] += late
            amounts["young_net"] += late * (figures.saved_ms or 0)
        names = ("n", "n_credit", "effort", "credit", "active", "review", "rework")
        more = ("abandoned", "escalated", "induced", "young", "young_net")
        keys = ("authority", "task_type", "complexity", "role", "unit", "baseline_name")
        found = rows_of(delivered.store.sums(group, young), keys, (*names, *more))
        assert found == {key: tuple(amounts[name] for name in (*names, *more)) for key, amounts in expected.items()}
        assert bool(found) == (group.authorities != () and not group.programme)


def test_evidence_of_each_cell(delivered: Delivered) -> None:
    for group in GROUPS:
        expected: dict[tuple[str, str, str], tuple[set[str], set[str], set[str]]] = {}
        for state in delivered.of(group):
            if state.figures.status != "measured" or state.traits.role == "comparison":
                continue
            key = (state.authority, state.task_type, state.complexity)
            assignments, bases, versions = expected.setdefault(key, (set(), set(), set()))
            bases.add(state.traits.time_basis)
            if state.traits.role == "treated":
                assignments.add(state.traits.assignment)
                versions |= {version(state)} - {""}
        rows = {(a, t, c): tuple(map(set, sets)) for a, t, c, *sets in delivered.store.evidence(group)}
        assert rows == {key: sets for key, sets in expected.items() if sets[0]}


@pytest.mark.parametrize("drawn", [True, False])
def test_the_mix_of_tasks(delivered: Delivered, drawn: bool) -> None:
    for group in GROUPS:
        expected: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0, 0])
        for state in delivered.of(group):
            if state.figures.status != "measured" or bool(state.traits.arm) != drawn:
                continue
            traits = (state.traits.work, state.traits.audience, state.traits.role, unit(state))
            sums = expected[(state.authority, state.task_type, state.complexity, *traits)]
            sums[0] += 1
            sums[1] += state.figures.effort_ms
        keys = ("authority", "task_type", "complexity", "work", "audience", "role", "unit")
        table = (delivered.store.drawn if drawn else delivered.store.not_drawn)(group)
        assert rows_of(table, keys, ("n", "effort")) == {key: tuple(sums) for key, sums in expected.items()}


def test_months_trials_counts_and_claims(delivered: Delivered) -> None:
    for group in GROUPS:
        states = delivered.of(group)
        measured = [state for state in states if state.figures.status == "measured"]
        months: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        for state in measured:
            moment = datetime.fromtimestamp(state.completed_ms / 1000, UTC)
            sums = months[state.authority, 12 * (moment.year - 1970) + moment.month - 1]
            sums[0] += state.figures.effort_ms
            sums[1] += state.figures.credit_ms or 0
            sums[2] += state.traits.assistance != "none"
        found = rows_of(delivered.store.months(group), ("authority", "month"), ("effort", "credit", "assisted"))
        assert found == {key: tuple(sums) for key, sums in months.items()}

        drawn = [state for state in states if state.traits.arm]
        studies = Counter(state.traits.study for state in drawn if state.traits.study)
        assert dict(delivered.store.studies(group)) == studies
        trial = delivered.store.trial(group)
        assert trial.num_rows == len(drawn)
        assert sum(trial.column("counted_active_ms").to_pylist()) == sum(s.figures.counted_active_ms for s in drawn)

        counts = delivered.store.counts(group)
        statuses = Counter(state.figures.status for state in states)
        assert (counts.tasks, counts.unmeasured) == (len(states), statuses["unmeasured"])
        assert (counts.incomplete, counts.capped) == (
            statuses["incomplete"],
            sum(state.figures.capped for state in states),
        )
        assert counts.compared == sum(state.traits.role == "comparison" for state in measured)
        without = [s.figures for s in measured if s.traits.role != "treated" and s.figures.credit_ms is not None]
        effort, credit = (
            sum(values) for values in ((f.effort_ms for f in without), (f.credit_ms or 0 for f in without))
        )
        assert delivered.store.without_ai(group) == (effort, credit)

        treated = [state for state in measured if state.traits.role == "treated"]
        both = [
            state.predicted_without_ai_ms - state.predicted_with_ai_ms
            for state in treated
            if state.predicted_without_ai_ms is not None and state.predicted_with_ai_ms is not None
        ]
        said = [state.figures.saved_ms or 0 for state in treated if state.traits.time_basis == "self_reported"]
        assert delivered.store.claims(group) == (len(both), sum(both), len(said), sum(said))
