"""Restatement: a version has one content whoever writes it, and whatever comes between reading and writing is harmless."""

from datetime import timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import RULES
from contracts.events import RegistryEvent
from contracts.tasks import TaskRetraction, TaskState
from services.baselines.messages import registry_of
from services.baselines.restatement import (
    IDLE_SWEEPS,
    Rehearsal,
    Request,
    Restatement,
    Run,
    Stale,
    changed,
    restated,
)
from services.domain.columns import Snapshot
from services.domain.match import Registry
from services.domain.measure import measure
from services.runtime.errors import Halt
from tests.properties.domain.strategies import AUTHORITIES, baseline, event, histories, task
from tests.properties.restating import (
    NOW,
    Content,
    FoldingTable,
    Turns,
    collected,
    contents,
    payload_of,
    record_of,
    version_of,
)
from tests.reference.staleness import newer_generation

REQUEST = Request("method-office", "new-baselines")


def restatement(store: Any, request: Request = REQUEST, **options: Any) -> Restatement:
    return Restatement(store, request, **{"clock": lambda: NOW, "pause": lambda: None, **options})


def snapshot_at(events: list[RegistryEvent], generation: int) -> Snapshot:
    return Snapshot(Registry().apply(event for event in events if event.data.generation <= generation))


@given(histories(), contents(), st.data())
def test_a_restated_row_is_the_row_that_a_collector_writes(
    events: list[RegistryEvent], log: list[Content], data: st.DataObject
) -> None:
    """Bit for bit: every column, every type, and so under the same version."""
    old, new = sorted(data.draw(st.tuples(*[st.integers(0, len(events))] * 2)))
    states = [(offset, content) for offset, content in enumerate(log) if isinstance(content, TaskState)]
    before = collected(states, snapshot_at(events, old))
    expected = collected(states, snapshot_at(events, new))
    found = restated(before, snapshot_at(events, new))
    assert found.schema == expected.schema
    assert found.equals(expected)
    differing = [
        one | {"generation": 0} != other | {"generation": 0}
        for one, other in zip(before.to_pylist(), found.to_pylist(), strict=True)
    ]
    assert changed(before, found) == sum(differing)


def test_a_row_of_lower_rules_carries_the_rules_that_measured_it() -> None:
    rows = collected([(0, task())], snapshot_at([], 0))
    lower = rows.set_column(rows.column_names.index("rules"), "rules", pa.array([0], pa.uint32()))
    assert restated(lower, snapshot_at([], 0)).equals(rows)


@given(histories(), contents(), st.data())
def test_what_is_not_stale_would_come_out_the_same(
    events: list[RegistryEvent], log: list[Content], data: st.DataObject
) -> None:
    """The definition that the view is held to leaves out no state that the newest generation would change."""
    states = [(offset, content) for offset, content in enumerate(log) if isinstance(content, TaskState)]
    before = collected(states, snapshot_at(events, data.draw(st.integers(0, len(events)))))
    after = restated(before, snapshot_at(events, len(events)))
    for old, new in zip(before.to_pylist(), after.to_pylist(), strict=True):
        if old["generation"] >= newer_generation(old, events):
            assert new | {"generation": 0} == old | {"generation": 0}


class Race:
    """Two collectors, of which each may be behind, two sweeps and the registry's writer, in any order of their steps."""

    def __init__(self, data: st.DataObject, events: list[RegistryEvent], log: list[Content]) -> None:
        self._coming = events
        self._log = list(enumerate(log))
        turns = Turns(lambda names: data.draw(st.sampled_from(names)))
        self.table = FoldingTable(turns.point)
        sweeps = {f"sweep {n}": partial(self._sweep, turns, n) for n in (1, 2)}
        cuts = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=4)
        parts = [data.draw(cuts) for _ in range(2)]
        collectors = {f"collector {n}": partial(self._collect, its) for n, its in enumerate(parts, start=1)}
        turns.run({"registry": self._publish, **sweeps, **collectors})

    def _publish(self) -> None:
        for coming in self._coming:
            self.table.point()
            self.table.events.append(coming)

    def _sweep(self, turns: Turns, number: int) -> None:
        asked = Request(f"sweep-{number}", "race")
        restatement(self.table, asked, pause=turns.point, page_keys=2).until_nothing_is_stale()

    def _collect(self, parts: list[tuple[int, int]]) -> None:
        """Writes the whole log in parts (size, how many generations behind the registry's writer)."""
        rest = self._log
        for size, behind in [*parts, (len(rest), 0)]:
            generation = max(0, len(self.table.events) - behind)
            rows = collected(rest[:size], snapshot_at(self._coming, generation))
            self.table.write(rows)
            rest = rest[size:]


def assert_written_as_by_a_collector(table: FoldingTable, events: list[RegistryEvent], log: list[Content]) -> None:
    """Whoever wrote it: a row under a generation is what a collector makes of its record with all numbers up to that one."""
    for generation in {row["generation"] for row in table.written.values()}:
        expected = collected(enumerate(log), snapshot_at(events, generation)).to_pylist()
        by_offset = {row["offset"]: row for row in expected}
        written = [row for row in table.written.values() if row["generation"] == generation]
        assert written == [by_offset[row["offset"]] for row in written]


@given(st.data(), histories(), contents())
@settings(max_examples=150, deadline=None)
def test_a_race_ends_in_the_newest_figures(
    data: st.DataObject, events: list[RegistryEvent], log: list[Content]
) -> None:
    table = Race(data, events, log).table
    table.point = lambda: None
    assert restatement(table).until_nothing_is_stale() == {}
    assert_written_as_by_a_collector(table, events, log)
    registry = Registry().apply(events)
    winners: dict[tuple[str, str], tuple[tuple[int, int, int], Content]] = {}
    for offset, content in enumerate(log):
        rank = (content.revision, 1 + isinstance(content, TaskRetraction), -offset)
        winners.setdefault((content.authority, content.task), (rank, content))
        winners[content.authority, content.task] = max(
            winners[content.authority, content.task], (rank, content), key=lambda entry: entry[0]
        )
    assert table.rows.keys() == winners.keys()
    for place, ((revision, kind, offset), content) in winners.items():
        row = table.rows[place]
        assert version_of(row)[:-1] == (revision, kind, -1, 0, offset, RULES)
        if isinstance(content, TaskState):
            matched = registry.match(content.authority, content.task_type, content.complexity, content.completed_at)
            figures = measure(content, matched)
            assert (row["status"], row["effort_ms"], row["credit_ms"], row["saved_ms"], row["counted_active_ms"]) == (
                figures.status,
                figures.effort_ms,
                figures.credit_ms,
                figures.saved_ms,
                figures.counted_active_ms,
            )
            assert (row["baseline"], row["baseline_version"]) == (
                (matched.baseline, matched.version) if matched else ("", 0)
            )


def published(*baselines: Any) -> list[RegistryEvent]:
    return [event(data) for data in baselines]


def test_a_sweep_says_what_it_did_and_does_it_once() -> None:
    table = FoldingTable(events=published(baseline(1), baseline(2, mean_ms=9_000)))
    log = [(n, task(task=f"t{n}", active_ms=1_000)) for n in range(5)]
    table.write(collected(log, snapshot_at(table.events, 1)))
    heard: list[tuple[int, int]] = []
    work = restatement(table, page_keys=2, watch=lambda run, total: heard.append((run.tasks, total)))
    assert work.until_nothing_is_stale() == {}
    run = Run(2, NOW, "method-office", "new-baselines", "", NOW, 5, 5, saved_before_ms=0, saved_after_ms=40_000)
    assert work.runs == [run]
    assert list(table.ledger.values()) == [run]
    assert heard == [(2, 5), (4, 5), (5, 5)]
    again = restatement(table)
    assert again.until_nothing_is_stale() == {}
    assert again.runs == []


def test_a_rehearsal_says_the_same_and_writes_nothing() -> None:
    table = FoldingTable(events=published(baseline(1)))
    table.write(collected([(0, task())], snapshot_at([], 0)))
    before = dict(table.rows)
    work = restatement(Rehearsal(table))
    run = work.sweep(table.stale(""))
    assert (run.tasks, run.changed, run.saved_before_ms, run.saved_after_ms) == (1, 1, 0, 0)
    assert table.rows == before
    assert table.ledger == {}


def test_one_authority_alone() -> None:
    table = FoldingTable(events=published(baseline(1)))
    log = [(n, task(task=f"t{n}", authority=authority)) for n, authority in enumerate(AUTHORITIES)]
    table.write(collected(log, snapshot_at([], 0)))
    work = restatement(table, Request("method-office", "new-baselines", AUTHORITIES[1]))
    assert work.until_nothing_is_stale() == {}
    assert [row["generation"] for row in table.states()] == [0, 1, 0]


def test_what_other_rules_judged_is_left_alone_and_said() -> None:
    table = FoldingTable(events=published(baseline(1)))
    rows = collected([(0, task()), (1, task(task="t2"))], snapshot_at([], 0))
    rules = pa.array([RULES, RULES + 1], pa.uint32())
    table.write(rows.set_column(rows.column_names.index("rules"), "rules", rules))
    assert restatement(table).until_nothing_is_stale() == {AUTHORITIES[0]: Stale(0, 0, foreign=1)}
    assert [(row["generation"], row["rules"]) for row in table.states()] == [(1, RULES), (0, RULES + 1)]


def test_a_retraction_is_not_stale() -> None:
    table = FoldingTable(events=published(baseline(1)))
    table.write(
        collected([(0, TaskRetraction(authority=AUTHORITIES[0], task="t", revision=1, reason="x"))], snapshot_at([], 0))
    )
    assert restatement(table).until_nothing_is_stale() == {}


def test_a_sweep_is_repeated_while_a_collector_is_behind() -> None:
    table = FoldingTable(events=published(baseline(1)))
    coming = [(n, task(task=f"t{n}")) for n in range(4)]
    paused: list[int] = []

    def pause() -> None:
        paused.append(len(table.stale("")))

    def late_collector(_run: Run, _stale: int) -> None:
        if coming:
            table.write(collected([coming.pop()], snapshot_at([], 0)))

    table.write(collected([coming.pop()], snapshot_at([], 0)))
    work = restatement(table, pause=pause, watch=late_collector)
    assert work.until_nothing_is_stale() == {}
    assert [run.tasks for run in work.runs] == [1, 1, 1, 1]
    assert paused == [1, 1, 1]
    assert len({row["task"] for row in table.states() if row["generation"] == 1}) == 4


def test_a_generation_that_is_missing_is_waited_for_and_then_said() -> None:
    """The second of two is there and the first is not: under which figures would the second stand?"""
    table = FoldingTable(events=published(baseline(2)))
    table.write(collected([(0, task())], snapshot_at([], 0)))
    paused: list[None] = []
    work = restatement(table, pause=lambda: paused.append(None))
    assert work.until_nothing_is_stale() == {AUTHORITIES[0]: Stale(1, 0, 0)}
    assert len(paused) == IDLE_SWEEPS
    table.events += published(baseline(1))
    assert restatement(table).until_nothing_is_stale() == {}


def test_a_registry_that_contradicts_itself_halts() -> None:
    two = [payload_of(event(baseline(1, mean_ms=mean))) for mean in (1, 2)]
    with pytest.raises(Halt, match="generation 1 has two contents"):
        registry_of(two)
    with pytest.raises(Halt, match="breaks the contract"):
        registry_of([record_of(task(), 0).value or b""])


def test_an_elapsed_task_is_capped_when_its_baseline_comes() -> None:
    long = task(time_basis="elapsed", active_ms=2_000_000, completed_at=task().completed_at + timedelta(hours=1))
    rows = collected([(0, long)], snapshot_at([], 0))
    found = restated(rows, snapshot_at(published(baseline(1, cap_ms=900_000)), 1)).to_pylist()[0]
    assert (found["counted_active_ms"], found["capped"], found["active_ms"]) == (900_000, 1, 2_000_000)
