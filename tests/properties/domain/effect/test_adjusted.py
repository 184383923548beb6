"""The adjusted saving from sums is the design's, task by task, and depends on nothing that it should not depend on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.effect.adjusted import AdjustedSaving, Saving, adjusted_saving
from services.domain.effect.arms import ArmSums
from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.sufficiency import Sufficiency
from tests.reference.adjusted import Task, adjusted
from tests.unit.domain.effect.arms import Row, arm_sums

ANY = Sufficiency(control_tasks=1, clusters=1, effective_authorities=1)
SERIES = {"b1": (700, BaselineError("b1", "s1", 31)), "b2": (500, BaselineError("b2", "s1", 12)),
          "b3": (900, BaselineError("b3", "s2", 45)), "": (0, BaselineError("", "", 0))}  # fmt: skip
ERRORS = [error for name, (_, error) in SERIES.items() if name]
RELATIVE = 1e-9


def task_lists(baselines: Sequence[str] = tuple(SERIES), cells: str = "xyz") -> st.SearchStrategy[list[Task]]:
    """Tasks in which every cell has credit in both arms, so that it is sufficient where next to nothing is asked."""
    one = st.builds(
        lambda cell, control, cluster, effort, baseline: Task(
            cell, control, f"g{cluster}", effort, SERIES[baseline][0], baseline
        ),
        st.sampled_from(cells), st.booleans(), st.integers(0, 6), st.integers(0, 5_000), st.sampled_from(baselines),
    )  # fmt: skip
    ground = [Task(cell, control, "g0", 600, SERIES["b1"][0], "b1") for cell in cells for control in (True, False)]
    return st.lists(one, max_size=40).map(lambda tasks: ground + tasks)


def rows_of(tasks: Sequence[Task]) -> list[Row]:
    """Each task as a row of its own."""
    return [
        ("A", t.cell, "low", "control" if t.control else "treated", t.cluster, t.baseline, 1, int(t.mu > 0), t.effort, t.mu)
        for t in tasks
    ]  # fmt: skip


def saving(found: AdjustedSaving) -> Saving:
    assert found.adjusted is not None
    return found.adjusted


@given(task_lists())
def test_sums_give_what_the_design_says_task_by_task(tasks: list[Task]) -> None:
    found = saving(adjusted_saving(arm_sums(rows_of(tasks)), ERRORS, ANY))
    expected = adjusted(tasks, {error.baseline: (error.source, error.standard_error_ms) for error in ERRORS})
    scale = sum(task.effort + task.mu for task in tasks)
    assert found.saving_ms == pytest.approx(expected.saving, rel=RELATIVE, abs=RELATIVE * scale)
    assert found.variance_tasks == pytest.approx(expected.of_tasks, rel=RELATIVE, abs=RELATIVE * scale**2)
    assert found.variance_baselines == pytest.approx(expected.of_baselines, rel=RELATIVE, abs=RELATIVE * scale**2)


@given(task_lists(), st.randoms(use_true_random=False))
def test_the_order_and_the_cutting_of_rows_change_no_bit(tasks: list[Task], chance: Any) -> None:
    whole = rows_of(tasks)
    cut = [
        (*row[:6], *part)
        for row in whole
        for part in ((row[6], row[7], row[8] // 3, row[9]), (0, 0, row[8] - row[8] // 3, 0))
    ]
    chance.shuffle(cut)
    assert adjusted_saving(arm_sums(cut), ERRORS, ANY) == adjusted_saving(arm_sums(whole), ERRORS, ANY)


@given(task_lists(baselines=("b1", "")), st.integers(2, 9))
def test_with_one_baseline_its_size_and_its_error_cancel(tasks: list[Task], times: int) -> None:
    before = saving(adjusted_saving(arm_sums(rows_of(tasks)), ERRORS, ANY))
    larger = [replace(task, mu=task.mu * times) for task in tasks]
    after = saving(adjusted_saving(arm_sums(rows_of(larger)), [BaselineError("b1", "s1", 10**6)], ANY))
    scale = sum(task.effort + task.mu for task in tasks)
    assert after.saving_ms == pytest.approx(before.saving_ms, rel=RELATIVE, abs=RELATIVE * scale)
    assert after.variance_tasks == pytest.approx(before.variance_tasks, rel=1e-6, abs=RELATIVE * scale**2)
    assert after.variance_baselines == pytest.approx(0, abs=1e-3)


@given(task_lists(), st.integers(2, 1_000))
def test_it_is_in_the_unit_of_its_input(tasks: list[Task], times: int) -> None:
    before = saving(adjusted_saving(arm_sums(rows_of(tasks)), ERRORS, ANY))
    larger = [replace(task, mu=task.mu * times, effort=task.effort * times) for task in tasks]
    errors = [replace(error, standard_error_ms=error.standard_error_ms * times) for error in ERRORS]
    after = saving(adjusted_saving(arm_sums(rows_of(larger)), errors, ANY))
    scale = float(sum(task.effort + task.mu for task in tasks))
    for found, expected, power in (
        (after.saving_ms, before.saving_ms, 1),
        (after.variance_tasks, before.variance_tasks, 2),
        (after.variance_baselines, before.variance_baselines, 2),
    ):
        assert found / times**power == pytest.approx(expected, rel=RELATIVE, abs=RELATIVE * scale**power)


@given(task_lists(baselines=("b1", "b2", "b3")))
def test_it_is_the_net_and_what_drift_adds(tasks: list[Task]) -> None:
    found = adjusted_saving(arm_sums(rows_of(tasks)), ERRORS, ANY)
    parts = [c.net_ms + (c.drift.ratio - 1) * c.treated.credit_ms for c in found.cells if c.drift is not None]
    assert saving(found).saving_ms == pytest.approx(sum(parts), abs=1e-4)


@given(task_lists(), st.integers(0, 10**6))
def test_names_mean_nothing(tasks: list[Task], seed: int) -> None:
    random = np.random.default_rng(seed)
    sums = arm_sums(rows_of(tasks))
    renamed: dict[str, Any] = {}
    for column in ("authority", "task_type", "complexity", "cluster"):
        names, codes = np.unique(getattr(sums, column), return_inverse=True)
        renamed[column] = random.permutation(len(names))[codes]
    again = saving(adjusted_saving(replace(sums, **renamed), ERRORS, ANY))
    before = saving(adjusted_saving(sums, ERRORS, ANY))
    assert again.saving_ms == pytest.approx(before.saving_ms, rel=RELATIVE, abs=1e-4)
    assert again.variance_tasks == pytest.approx(before.variance_tasks, rel=RELATIVE, abs=1e-2)
    assert again.clusters_min == before.clusters_min


@given(task_lists())
def test_every_task_is_in_one_cell(tasks: list[Task]) -> None:
    sums: ArmSums = arm_sums(rows_of(tasks))
    for asked in (ANY, Sufficiency(5, 3, 1), Sufficiency()):
        cells = adjusted_saving(sums, ERRORS, asked).cells
        assert sum(cell.control.tasks + cell.treated.tasks for cell in cells) == len(tasks)
        assert sum(cell.control.effort_ms + cell.treated.effort_ms for cell in cells) == int(sums.effort_ms.sum())
