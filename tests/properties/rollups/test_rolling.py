"""A copy becomes rows: as the words say, the same for a unit alone and among others, in any order; parts and heads."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.rollups.heads import Head, newest
from services.domain.rollups.parts import Part, fresh
from services.domain.rollups.rolling import Rolled, batches, rolled
from services.domain.rollups.tables import CLUSTERS, DAILY, Layout, Unit, digest, rows_of
from tests.fakes.rollups import Task, mark, table_of, task_of
from tests.properties.rollups.test_publishing import AUTHORITIES, DAYS, contents
from tests.reference import rollups as reference

UNITS = [Unit(authority, day) for authority in AUTHORITIES for day in DAYS]
tasks_of_units = st.lists(st.tuples(st.sampled_from(AUTHORITIES), contents), max_size=12).map(
    lambda drawn: [
        {**content, "authority": authority, "task": f"t{n}", "mark": mark(f"t{n}", 1)}
        for n, (authority, content) in enumerate(drawn)
    ]
)


def rows(layout: Layout, units: list[Rolled]) -> dict[tuple[object, ...], tuple[object, ...]]:
    found: dict[tuple[object, ...], tuple[object, ...]] = {}
    for unit in units:
        table = unit.daily if layout is DAILY else unit.clusters
        for row in rows_of(layout, table):
            found[(*unit.unit, *row[: len(layout.keys)])] = row[len(layout.keys) :]
        assert table.column("run").to_pylist() == [unit.run] * table.num_rows
        assert set(table.column("authority").to_pylist()) <= {unit.unit.authority}
        assert set(table.column("day").to_pylist()) <= {unit.unit.day}
    return found


@given(tasks_of_units, st.randoms(use_true_random=False))
def test_units_are_the_sums_of_their_tasks_alone_and_together(tasks: list[Task], chance: Random) -> None:
    together = rolled(table_of(tasks), UNITS)
    assert rows(DAILY, together) == reference.daily(tasks)
    assert rows(CLUSTERS, together) == reference.clusters(tasks)
    for unit in together:
        mine = [task for task in tasks if (task["authority"], task["day"]) == unit.unit]
        assert (unit.n, unit.run) == (len(mine), sum(task["mark"] for task in mine) % 2**64)
        (alone,) = rolled(table_of(chance.sample(mine, len(mine))), [unit.unit])
        assert (alone.rows, alone.run, alone.n) == (unit.rows, unit.run, unit.n)


def test_of_measured_tasks_the_parts_add_up_to_the_effort_and_the_rest_to_what_is_saved() -> None:
    chance = Random(3)
    tasks = []
    for n in range(200):
        active, review, rework = (chance.randrange(100) for _ in range(3))
        fields = {"counted_active_ms": active, "review_ms": review, "rework_ms": rework}
        credit = chance.choice([None, 250])
        outcome = "completed" if credit else chance.choice(["completed", "abandoned", "escalated"])
        content = task_of(DAYS[0], effort_ms=active + review + rework, credit_ms=credit, outcome=outcome, **fields)
        tasks.append({**content, "authority": AUTHORITIES[0], "task": f"t{n}", "mark": n})
    (unit,) = rolled(table_of(tasks), UNITS[:1])
    sums = {name: sum(unit.daily.column(name).to_pylist()) for name in DAILY.amounts}
    parts = ("active", "review", "rework", "abandoned", "escalated", "induced")
    assert sum(sums[f"{part}_ms"] for part in parts) == sums["effort_ms"]
    assert sums["gross_ms"] - sum(sums[f"{part}_ms"] for part in parts[1:]) == sums["saved_ms"]
    assert sums["n"] - sums["n_credit"] == sums["n_abandoned"] + sums["n_escalated"] + sums["n_induced"] > 0


def test_tasks_of_another_unit_are_refused() -> None:
    task = {**task_of(DAYS[0]), "authority": AUTHORITIES[0], "task": "t", "mark": 1}
    with pytest.raises(ValueError, match="not asked for"):
        rolled(table_of([task]), UNITS[1:])


@given(tasks_of_units.filter(bool), st.data())
def test_any_change_of_any_row_changes_the_digest(tasks: list[Task], data: st.DataObject) -> None:
    unit = data.draw(st.sampled_from([each for each in rolled(table_of(tasks), UNITS) if each.n]))
    layout, table = data.draw(
        st.sampled_from([(lay, t) for lay, t in ((DAILY, unit.daily), (CLUSTERS, unit.clusters)) if t.num_rows])
    )
    name, place = data.draw(st.sampled_from(layout.columns)), data.draw(st.integers(0, table.num_rows - 1))
    way = data.draw(st.sampled_from(["change", "delete", "insert"]))
    changed = table.to_pylist()
    if way == "change":
        changed[place][name] = changed[place][name] + ("x" if isinstance(changed[place][name], str) else 1)
    elif way == "delete":
        del changed[place]
    else:
        changed.append(changed[place])
    other = type(table).from_pylist(changed, schema=table.schema)
    stored = [rows_of(DAILY, unit.daily), rows_of(CLUSTERS, unit.clusters)]
    assert digest(unit.unit, unit.run, *stored) == unit.rows
    assert digest(unit.unit, unit.run + 1, *stored) != unit.rows
    stored[layout is CLUSTERS] = rows_of(layout, other)
    assert digest(unit.unit, unit.run, *stored) != unit.rows


@given(st.dictionaries(st.sampled_from(UNITS), st.integers(0, 9)), st.integers(1, 3), st.integers(1, 12))
def test_batches_hold_each_unit_once_and_no_more_than_they_may(
    sizes: dict[Unit, int], most_units: int, most_tasks: int
) -> None:
    found = list(batches(sizes, most_units, most_tasks))
    assert [unit for batch in found for unit in batch] == sorted(sizes)
    for batch in found:
        assert 1 <= len(batch) <= most_units
        assert len(batch) == 1 or sum(sizes[unit] for unit in batch) <= most_tasks


def test_fresh_parts_cover_a_number_that_was_not_there() -> None:
    before = [Part("all_1_5_1", 1, 5), Part("all_7_7_0", 7, 7), Part("all_8_8_0", 8, 8)]
    assert fresh(before, before) == []
    assert fresh([Part("all_1_5_1", 1, 5), Part("all_7_8_1", 7, 8)], before) == []
    assert fresh([Part("all_1_8_2", 1, 8)], before) == ["all_1_8_2"]  # 6 was stored late, and merged at once
    assert fresh([*before, Part("all_6_6_0", 6, 6), Part("all_9_9_0", 9, 9)], before) == ["all_6_6_0", "all_9_9_0"]
    assert fresh(before, []) == ["all_1_5_1", "all_7_7_0", "all_8_8_0"]


def test_the_newest_head_by_time_then_by_number_is_shown() -> None:
    unit, other = UNITS[0], UNITS[1]
    heads = [Head(unit, seq, seq, 1, b"", b"", ms, b"") for seq, ms in ((1, 10), (3, 20), (2, 20), (4, 30))]
    heads.append(Head(other, 9, 9, 1, b"", b"", 25, b""))
    assert {at: {u: h.seq for u, h in newest(heads, at).items()} for at in (9, 10, 20, 25, 30)} == {
        9: {}, 10: {unit: 1}, 20: {unit: 3}, 25: {unit: 3, other: 9}, 30: {unit: 4, other: 9},
    }  # fmt: skip
    assert newest(heads)[unit].seq == 4
