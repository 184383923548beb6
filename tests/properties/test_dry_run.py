"""A dry run says what the tasks in scope are worth before and after, as measuring each of them says."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import RULES
from contracts.events import RegistryEvent
from contracts.registry import Authority, Baseline
from contracts.tasks import TaskState
from services.baselines.in_scope.dry_run import Effect, InScope, effects
from services.baselines.in_scope.place import Place, place_of
from services.domain.match import Registry
from services.domain.measure import measure
from services.runtime.errors import Halt
from tests.properties.domain.strategies import AUTHORITIES, DAYS, baseline, day, event, histories, task
from tests.properties.restating import Content, FoldingTable, collected, contents
from tests.properties.test_restatement import snapshot_at


@dataclass
class TasksInMemory:
    """The tasks of a folding table, as ClickHouse gives them."""

    table: FoldingTable = field(default_factory=FoldingTable)

    def _rows(self, place: Place) -> list[dict[str, Any]]:
        return [
            row
            for row in self.table.states()
            if row["task_type"] == place.task_type
            and place.complexity in {"any", row["complexity"]}
            and place.begin <= row["completed_at"] < place.end
            and (place.authorities is None or row["authority"] in place.authorities)
        ]

    def in_scope(self, place: Place) -> dict[str, InScope]:
        rows = self._rows(place)
        ours = {cvr: [row["rules"] == RULES for row in rows if row["authority"] == cvr] for cvr in AUTHORITIES}
        return {cvr: InScope(sum(found), len(found) - sum(found)) for cvr, found in ours.items() if found}

    def page_end(self, place: Place, authority: str, after: str, keys: int) -> str | None:
        tasks = [row["task"] for row in self._rows(place) if row["authority"] == authority and row["task"] > after]
        return sorted(tasks)[:keys][-1] if tasks else None

    def page(self, place: Place, authority: str, after: str, end: str) -> pa.Table:
        rows = [
            row
            for row in self._rows(place)
            if row["authority"] == authority and after < row["task"] <= end and row["rules"] == RULES
        ]
        return pa.Table.from_pylist(rows, self.table._schema)


def winners(log: Iterable[Content]) -> dict[tuple[str, str], TaskState]:
    """The state of each task, if it is one: the highest revision, then a retraction, then the first."""
    found: dict[tuple[str, str], tuple[tuple[int, bool, int], Content]] = {}
    for offset, content in enumerate(log):
        rank = (content.revision, not isinstance(content, TaskState), -offset)
        held = found.get((content.authority, content.task))
        if held is None or held[0] < rank:
            found[content.authority, content.task] = (rank, content)
    return {key: content for key, (_, content) in found.items() if isinstance(content, TaskState)}


def expected(states: list[TaskState], now: Registry, then: Registry) -> Effect:
    pairs = []
    for one in states:
        asked = (one.authority, one.task_type, one.complexity, one.completed_at)
        matched = (now.match(*asked), then.match(*asked))
        pairs.append([(measure(one, found), found) for found in matched])
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    measured = [(old[0].status == "measured", new[0].status == "measured") for old, new in pairs]
    return Effect(
        states[0].authority,
        tasks=len(states),
        changed=sum(_row(*old) != _row(*new) for old, new in pairs),
        newly_measured=measured.count((False, True)),
        no_longer_measured=measured.count((True, False)),
        saved_before_ms=sum(found.saved_ms or 0 for found, _ in before),
        saved_after_ms=sum(found.saved_ms or 0 for found, _ in after),
    )


def _row(found: Any, matched: Baseline | None) -> tuple[Any, ...]:
    return found, matched and (matched.baseline, matched.version, matched.level, matched.grade)


@given(histories(), contents(), st.data())
def test_a_dry_run_is_measuring_each_task_twice(
    events: list[RegistryEvent], log: list[Content], data: st.DataObject
) -> None:
    number = len(events) + 1
    scope = data.draw(
        st.sampled_from(
            [{}, {"level": "authority", "authority": AUTHORITIES[0]}, {"level": "sector", "sector": "state"}]
        )
    )
    fields = {"complexity": data.draw(st.sampled_from(["any", "low"])), "valid_from": day(data.draw(st.integers(0, 9)))}
    new = baseline(number, **scope, **fields)
    now, then = Registry().apply(events), Registry().apply([*events, event(new)])
    tasks = TasksInMemory()
    under = snapshot_at(events, data.draw(st.integers(0, len(events))))
    tasks.table.write(collected(enumerate(log), under))
    before = dict(tasks.table.rows)
    place = place_of(new, now, new.valid_from, min(new.valid_to, new.expires_at))
    heard: list[tuple[int, int]] = []
    found = effects(tasks, (now, then), place, lambda *progress: heard.append(progress), page_keys=2)

    chosen: dict[str, list[TaskState]] = {}
    for state in winners(log).values():
        sector = known.sector if (known := now.authorities().get(state.authority)) else None
        inside = new.level == "nation" or new.authority == state.authority or (sector and new.sector == sector)
        same = new.task_type == state.task_type and new.complexity in {"any", state.complexity}
        if inside and same and place.begin <= state.completed_at < place.end:
            chosen.setdefault(state.authority, []).append(state)
    assert found == [expected(states, now, then) for _, states in sorted(chosen.items())]
    assert tasks.table.rows == before
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert not heard or heard[-1] == (sum(effect.tasks for effect in found),) * 2


def test_what_other_rules_judged_is_counted_apart() -> None:
    tasks = TasksInMemory()
    rows = collected([(0, task()), (1, task(task="t2"))], snapshot_at([], 0))
    rules = pa.array([RULES, RULES + 1], pa.uint32())
    tasks.table.write(rows.set_column(rows.column_names.index("rules"), "rules", rules))
    new = baseline(1, mean_ms=5_000)
    place = place_of(new, Registry(), day(0), day(DAYS))
    (found,) = effects(tasks, (Registry(), Registry().apply([event(new)])), place)
    assert (found.tasks, found.newly_measured, found.saved_after_ms, found.foreign) == (1, 1, 4_000, 1)


def test_a_number_that_is_missing_halts_it() -> None:
    """The proposal would wait for it, and the dry run would say that nothing changes."""
    new = baseline(2)
    place = place_of(new, Registry(), day(0), day(DAYS))
    with pytest.raises(Halt, match="generation 1 is missing"):
        effects(TasksInMemory(), (Registry(), Registry().apply([event(new)])), place)


def test_a_sectors_baseline_is_for_the_authorities_that_are_in_it_now() -> None:
    """One has moved out of it, one into it; what is registered nowhere belongs to no sector."""
    told = [("10000009", 1, "state"), ("10000017", 1, "region"), ("10000009", 2, "region"), ("10000017", 2, "state")]
    known = [
        Authority.model_validate(
            {"authority": cvr, "version": version, "generation": number, "name": "Eksempel", "sector": sector}
        )
        for number, (cvr, version, sector) in enumerate(told, start=1)
    ]
    now = Registry().apply(map(event, known))
    new = baseline(5, level="sector", sector="state", mean_ms=5_000)
    tasks = TasksInMemory()
    log = enumerate(task(task=f"t{number}", authority=cvr) for number, cvr in enumerate(AUTHORITIES))
    tasks.table.write(collected(log, snapshot_at([], 0)))
    place = place_of(new, now, day(0), day(DAYS))
    assert place.authorities == ("10000017",)
    (found,) = effects(tasks, (now, now.apply([event(new)])), place)
    assert (found.authority, found.tasks, found.newly_measured) == ("10000017", 1, 1)
