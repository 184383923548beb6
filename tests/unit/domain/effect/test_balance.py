"""Balance of the mix of tasks between arms, and the effect at the mix of the treated."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from services.domain.effect.balance import Balance, PostStratified, balance, post_stratified
from services.domain.effect.mix import TaskMix
from services.domain.effect.refusal import Refusal
from tests.unit.domain.effect.mixes import Line, added_up, task_mix, together


def balanced(mix: TaskMix) -> Balance:
    found = balance(mix)
    assert isinstance(found, Balance)
    return found


def weighted(mix: TaskMix, effort: np.ndarray) -> PostStratified:
    found = post_stratified(mix, effort)
    assert isinstance(found, PostStratified)
    return found


def test_shares_and_standardised_differences_by_hand() -> None:
    found = balanced(task_mix([("a", "low", 30, 10), ("a", "high", 20, 40)]))
    low, high = sorted(found.cells, key=lambda cell: cell.cell, reverse=True)
    assert (low.cell, low.treated_share, low.control_share) == ("a low core citizen", 0.6, 0.2)
    # (0.6 - 0.2)/sqrt((0.6·0.4 + 0.2·0.8)/2)
    assert low.standardised_difference == pytest.approx(0.4 / sqrt(0.2))
    assert high.standardised_difference == pytest.approx(-0.4 / sqrt(0.2))
    assert low.empty_in is None


def test_with_tasks_drawn_one_by_one_the_test_is_pearsons() -> None:
    lines: list[Line] = [("a", "low", 30, 20), ("a", "high", 20, 40), ("b", "low", 50, 40)]
    found = balanced(task_mix(lines))
    pearson = stats.chi2_contingency(np.array([[t, c] for _, _, t, c in lines]))
    assert found.statistic == pytest.approx(pearson.statistic * 199 / 200)
    assert (found.degrees_of_freedom, found.arm_correlation) == (2, 0)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 2))


def test_the_same_mix_is_balanced() -> None:
    found = balanced(task_mix([("a", "low", 30, 10), ("a", "high", 60, 20)]))
    assert found.statistic == pytest.approx(0, abs=1e-20)
    assert found.p_value == pytest.approx(1)
    assert [cell.standardised_difference for cell in found.cells] == [0, 0]


def test_cases_drawn_whole_count_as_one_draw_each() -> None:
    # 40 cases of 10 tasks of one kind, drawn whole: as tasks a clear difference, as 40 draws none.
    mix = task_mix([("a", "low", 120, 80), ("a", "high", 80, 120)])
    whole = replace(mix, cluster=[f"case{i // 10}" for i in range(400)])
    assert (balanced(mix).p_value or 0) < 0.001
    assert balanced(whole).arm_correlation == pytest.approx(1, abs=0.01)
    by_case = balanced(task_mix([("a", "low", 12, 8), ("a", "high", 8, 12)]))
    assert balanced(whole).p_value == pytest.approx(by_case.p_value, abs=0.02)
    assert (by_case.p_value or 0) > 0.2


def test_a_cell_that_is_empty_in_an_arm_is_said() -> None:
    found = balanced(task_mix([("a", "low", 30, 30), ("b", "low", 9, 0), ("c", "low", 0, 7)]))
    assert {cell.cell: cell.empty_in for cell in found.cells} == {
        "a low core citizen": None,
        "b low core citizen": "control",
        "c low core citizen": "treatment",
    }


def test_nothing_in_common_has_no_standardised_difference() -> None:
    found = balanced(task_mix([("a", "low", 30, 0), ("b", "low", 0, 30)]))
    assert [cell.standardised_difference for cell in found.cells] == [None, None]
    assert (found.p_value or 0) < 1e-6


def test_rare_cells_are_tested_as_one_and_named() -> None:
    found = balanced(task_mix([("a", "low", 30, 30), ("b", "low", 2, 1), ("c", "low", 1, 3), ("d", "low", 20, 20)]))
    assert found.tested_together == ("b low core citizen", "c low core citizen")
    assert found.degrees_of_freedom == 2


def test_one_cell_is_nothing_to_test() -> None:
    assert balanced(task_mix([("a", "low", 30, 30)])).p_value is None


def test_other_rates_in_other_strata_are_no_imbalance() -> None:
    mix = together(
        task_mix([("a", "low", 90, 10), ("a", "high", 90, 10)], "holdout of a tenth"),
        task_mix([("a", "low", 10, 10), ("a", "high", 90, 90)], "holdout of a half"),
    )
    found = balanced(mix)
    assert found.p_value == pytest.approx(1)
    assert [cell.standardised_difference for cell in found.cells] == pytest.approx([0, 0])
    assert (balanced(replace(mix, stratum=[""] * 400)).p_value or 1) < 0.01


def test_strata_with_mixes_of_their_own_add_up_by_hand() -> None:
    mix = together(
        task_mix([("a", "low", 15, 5), ("a", "high", 5, 15)], "half of it low"),
        task_mix([("a", "low", 5, 5), ("a", "high", 45, 45)], "a tenth of it low"),
    )
    # U = (15 - 10) + (5 - 5); V = 140/139·(1/4·40·0.5·0.5 + 1/4·100·0.1·0.9).
    assert balanced(mix).statistic == pytest.approx(5**2 / (2.5 + 2.25) * 139 / 140)


def test_a_stratum_of_one_arm_is_named() -> None:
    mix = together(task_mix([("a", "low", 30, 30), ("b", "low", 30, 30)]), task_mix([("a", "low", 9, 0)], "no control"))
    assert balanced(mix).one_sided_strata == ("no control",)
    nothing = balance(task_mix([("a", "low", 9, 0)]))
    assert isinstance(nothing, Refusal)
    assert "no stratum has tasks of both arms" in nothing.reason


def test_a_true_lot_is_rejected_as_rarely_as_it_says_even_with_a_small_holdout() -> None:
    random = np.random.default_rng(20_260_302)
    rejected = []
    for _ in range(300):
        cases = 600
        kinds = random.integers(0, 6, (cases, 3)) + random.integers(0, 6, (cases, 1))
        treated = np.repeat(random.random(cases) < 0.95, 3)
        kind = [f"t{k}" for k in kinds.ravel().tolist()]
        n = len(kind)
        case = [f"c{i // 3}" for i in range(n)]
        mix = TaskMix(
            treated, np.ones(n, dtype=np.int64), kind, ["low"] * n, ["core"] * n, ["citizen"] * n, [""] * n, case
        )
        rejected.append((balanced(mix).p_value or 0) < 0.05)
    assert 0.015 <= np.mean(rejected) <= 0.085


# --- Post-stratification.


def test_the_control_is_weighted_to_the_mix_of_the_treated() -> None:
    # Effort 10 at low and 50 at high complexity, whatever the arm; with AI 2 less.
    mix = task_mix([("a", "low", 30, 10), ("a", "high", 10, 40)])
    effort = np.array([10 if c == "low" else 50 for c in mix.complexity]) - 2 * mix.treated
    found = weighted(mix, effort)
    assert found.freed.freed_ms == 2 * 40
    assert found.freed.low_ms == pytest.approx(80)
    assert [(s.cell, s.treated_tasks, s.control_tasks, s.control_weight) for s in found.strata] == [
        ("a high core citizen", 10, 40, 0.25),
        ("a low core citizen", 30, 10, 3),
    ]
    weights = {s.cell: s.control_weight or 0 for s in found.strata}
    control = [(w, e) for cell, w, e in _control(mix, effort, weights)]
    assert sum(w * e for w, e in control) - effort[mix.treated].sum() == pytest.approx(80)


def _control(mix: TaskMix, effort: np.ndarray, weights: dict[str, float]) -> list[tuple[str, float, float]]:
    tasks = zip(mix.cells(), mix.treated.tolist(), effort.tolist(), strict=True)
    return [(cell, weights[cell], value) for cell, treated, value in tasks if not treated]


def test_sums_per_cell_and_cluster_say_what_tasks_say() -> None:
    mix = task_mix([("a", "low", 40, 24), ("a", "high", 20, 40)])
    cases = replace(mix, cluster=[f"c{i // 2 if i % 3 else 99 - i // 6}" for i in range(124)])
    effort = np.arange(124) % 7 + 10 * mix.treated
    summed, effort_of = added_up(cases, effort)
    assert set(summed.n.tolist()) == {1, 2}
    assert weighted(summed, effort_of) == weighted(cases, effort)


def test_what_cannot_be_compared_is_told_with_its_effort() -> None:
    mix = task_mix([("a", "low", 30, 30), ("b", "low", 12, 0)])
    found = weighted(mix, np.full(72, 5))
    (uncovered,) = found.freed.uncovered
    assert (uncovered.stratum, uncovered.treated_tasks, uncovered.control_tasks, uncovered.treated_effort_ms) == (
        "b",
        12,
        0,
        60,
    )
    assert found.strata[1].control_weight is None
    assert found.freed.treated_tasks == 30


def test_nothing_thick_enough_is_refused() -> None:
    found = post_stratified(task_mix([("a", "low", 9, 30)]), np.ones(39, dtype=np.int64))
    assert isinstance(found, Refusal)
    assert "10 clusters in both groups" in found.reason


@pytest.mark.parametrize(("treated", "control"), [(45, 5), (5, 45)])
def test_at_the_bound_of_a_rare_cell_it_does_not_matter_which_arm_is_called_treated(treated: int, control: int) -> None:
    """Fifty clusters a cell, a tenth of them in the smaller arm: five are expected there, which is enough."""
    found = balance(task_mix([("a", "low", treated, control), ("b", "low", treated, control)]))
    assert isinstance(found, Balance)
    assert (found.tested_together, found.degrees_of_freedom) == ((), 1)
