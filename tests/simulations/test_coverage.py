"""A small, seeded run of each simulation: bounds that a broken formula does not keep. The full ones: `make simulate`."""

from collections.abc import Sequence

import numpy as np

from services.domain.effect.adjusted import adjusted_saving
from services.domain.effect.arms import ArmSums
from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.sufficiency import Sufficiency
from tests.simulations import coverage
from tests.simulations.coverage import ALL, EVERYWHERE, INDEPENDENT, UNADJUSTED, Examined, Found
from tests.simulations.nations import LOTS, Lot, nation
from tests.simulations.report import Coverage, holds


def examined(lot: Lot, nations: int, tasks: float) -> Found:
    random = np.random.default_rng(20_260_101)
    found = Found()
    for number in range(nations):
        one = Examined.of(nation(random, 10 + number % 20, tasks, lot), Sufficiency())
        if one.result.adjusted is not None:
            coverage.count_total(found, one, one.result.adjusted, coverage.LOT_NAMES[0])
            coverage.count_cells(found, one)
    return found


def test_the_true_saving_of_nations_is_covered_and_the_unadjusted_net_does_not_cover_it() -> None:
    found = examined(LOTS[0], 80, 1_500)
    assert percent(found.totals[ALL]) >= 88
    assert percent(found.others[UNADJUSTED]) < 60
    everywhere = [cells for (place, _), cells in found.cells.items() if place == EVERYWHERE]
    for one in (pooled([cells.saving for cells in everywhere]), pooled([cells.drift for cells in everywhere])):
        assert one.runs > 800
        assert 93 <= percent(one) <= 97


def test_tasks_of_a_team_are_not_independent() -> None:
    found = examined(Lot(whole=True, shares=(0.5,), tasks=30, between=0.6), 60, 1_500)
    assert percent(found.totals[ALL]) >= 88
    assert percent(found.others[INDEPENDENT]) < 70


def test_few_clusters_are_honest_too() -> None:
    """4,000 cells of 4 control clusters and 200 treated ones of equal size: t with 3 degrees of freedom and the factor a
    hold 95 %; without a it would be 93 %."""
    random = np.random.default_rng(20_260_102)
    cells, control, treated = 4_000, 4, 200
    cell = np.repeat(np.arange(cells), control + treated)
    cluster = np.tile(np.arange(control + treated), cells)
    is_control = cluster < control
    mean = np.where(is_control, 660_000, 528_000)  # drift 1.1, and a fifth saved
    effort = np.round(random.normal(mean, 0.2 * mean)).astype(np.int64)
    same = np.zeros_like(cell)
    one = np.ones_like(cell)
    role = np.where(is_control, "control", "treated")
    sums = ArmSums(same, cell, same, role, cluster, same, one, one, effort, 600_000 * one)
    found = adjusted_saving(sums, [BaselineError("0", "s", 60_000)], Sufficiency(4, 4))
    covered = Coverage()
    for each in found.cells:
        assert each.saving is not None
        covered.add(holds(each.saving.low_ms, treated * (660_000 - 528_000), each.saving.high_ms))
    assert covered.runs == cells
    assert 94.2 <= percent(covered) <= 95.8


def test_an_error_of_the_baselines_is_in_the_interval_where_the_arms_have_different_ones() -> None:
    """In the first half nearly all are control, in the second nearly all treated, and the two halves have baselines with
    errors of their own."""
    random = np.random.default_rng(20_260_103)
    whole, without = Coverage(), Coverage()
    for _ in range(400):
        halves = np.repeat([0, 1], 200)
        control = np.arange(400) % 20 != 0
        control[200:] = ~control[200:]
        mean = np.array([600_000, 900_000])
        credit = np.round(mean * (1 + 0.05 * random.normal(size=2))).astype(np.int64)
        effort = np.round(random.normal(mean[halves], 0.1 * mean[halves])).astype(np.int64)
        same, one = np.zeros_like(halves), np.ones_like(halves)
        role = np.where(control, "control", "treated")
        sums = ArmSums(same, same, same, role, np.arange(400), halves, one, one, effort, credit[halves])
        errors = [BaselineError(str(half), str(half), round(0.05 * mean[half])) for half in (0, 1)]
        found = adjusted_saving(sums, errors, Sufficiency(control_tasks=100)).adjusted
        assert found is not None
        whole.add(holds(found.low_ms, 0, found.high_ms))
        without.add(abs(found.saving_ms) <= 1.96 * found.variance_tasks**0.5)
    assert 92 <= percent(whole) <= 98
    assert percent(without) < 60


def test_a_nation_without_control_has_no_adjusted_figure() -> None:
    made = nation(np.random.default_rng(1), 10, 300, Lot(whole=True, shares=(0.0,), tasks=4, between=0.5))
    found = adjusted_saving(made.sums, made.errors)
    assert (found.headline, found.adjusted) == ("net", None)
    assert found.insufficient.net_ms == int(made.sums.credit_ms.sum() - made.sums.effort_ms.sum())


def percent(one: Coverage) -> float:
    assert one.percent is not None
    return one.percent


def pooled(parts: Sequence[Coverage]) -> Coverage:
    return Coverage(sum(part.hits for part in parts), sum(part.runs for part in parts))
