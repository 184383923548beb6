"""Which cells stand alone, and what the others are compared with."""

from dataclasses import replace

from services.domain.mix import Pooled, pooled_cells
from tests.unit.domain.mixes import task_mix, together


def test_a_cell_with_enough_in_both_groups_stands() -> None:
    cells, pooled = pooled_cells(task_mix([("a", "low", 3, 3), ("a", "high", 3, 4)]), 3)
    assert cells == ["a low core citizen"] * 6 + ["a high core citizen"] * 7
    assert pooled == ()


def test_thin_cells_are_pooled_within_task_type_and_complexity_first() -> None:
    mix = replace(
        task_mix([("a", "low", 4, 4), ("a", "high", 3, 3)]),
        audience=["citizen", "business"] * 4 + ["citizen"] * 6,
    )
    cells, pooled = pooled_cells(mix, 3)
    assert set(cells) == {"a low", "a high core citizen"}
    assert [(p.cell, p.into, p.treated_tasks, p.control_tasks) for p in pooled] == [
        ("a low core business", "a low", 2, 2),
        ("a low core citizen", "a low", 2, 2),
    ]


def test_then_within_the_task_type() -> None:
    cells, pooled = pooled_cells(task_mix([("a", "low", 2, 2), ("a", "high", 2, 1), ("b", "low", 3, 3)]), 3)
    assert set(cells) == {"a", "b low core citizen"}
    assert {p.into for p in pooled} == {"a"}


def test_what_is_left_joins_the_thinnest_cell_of_its_type() -> None:
    cells, pooled = pooled_cells(task_mix([("a", "low", 9, 9), ("a", "medium", 4, 5), ("a", "high", 2, 0)]), 3)
    assert cells[-2:] == ["a medium core citizen"] * 2
    assert pooled == (Pooled("a high core citizen", "a medium core citizen", 2, 0),)


def test_task_types_are_never_pooled_with_each_other() -> None:
    cells, pooled = pooled_cells(task_mix([("a", "low", 9, 9), ("b", "low", 5, 0), ("c", "low", 0, 5)]), 3)
    assert cells[18:] == ["b"] * 5 + ["c"] * 5
    assert pooled == (Pooled("b low core citizen", "b", 5, 0), Pooled("c low core citizen", "c", 0, 5))


def test_nor_strata() -> None:
    mix = together(task_mix([("a", "low", 9, 9)], "s1"), task_mix([("a", "low", 9, 1)], "s2"))
    assert set(pooled_cells(mix, 3)[0]) == {"s1 a low core citizen", "s2 a"}


def test_clusters_count_not_tasks() -> None:
    mix = replace(task_mix([("a", "low", 9, 9)]), cluster=["one"] * 9 + [f"c{i}" for i in range(9)])
    assert set(pooled_cells(mix, 3)[0]) == {"a"}
