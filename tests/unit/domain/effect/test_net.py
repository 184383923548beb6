"""The unadjusted interval: a case added up by hand, what it does not depend on, and whether it keeps its promise."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from services.domain.clusters.sizes import MIN_CLUSTERS
from services.domain.effect.baseline_errors import BaselineError, BaselineUse
from services.domain.effect.net import ClusterSums, NetInterval, net_interval
from services.domain.estimation.estimate import Estimate, estimate

Row = tuple[str, str, str, str, int, int]


def sums(rows: Sequence[Row]) -> ClusterSums:
    authority, task_type, complexity, cluster, effort, credit = zip(*rows, strict=True)
    return ClusterSums(authority, task_type, complexity, cluster, np.array(effort), np.array(credit))


def use(
    n: int, error: int, baseline: str = "b/1", source: str = "s", authority: str = "A", tau: int = 0
) -> BaselineUse:
    return BaselineUse(BaselineError(baseline, source, error, tau), authority, n)


def test_a_case_added_up_by_hand() -> None:
    # Three cases of two tasks each, credit 100 a task: efforts 150, 170, 130, so rho = 450/600 = 0.75.
    rows = [("A", "t", "low", c, e, 200) for c, e in (("c1", 150), ("c2", 170), ("c3", 130))]
    found = net_interval(sums(rows), [use(6, 5)])
    # Residuals 0, 20, -20; a² = 3/2.
    assert found.variance_tasks == pytest.approx(1.5 * (0 + 400 + 400))
    assert found.variance_baselines == (6 * 5) ** 2
    assert (found.net_ms, found.clusters_min, found.covers_drift) == (150, 3, False)
    half = stats.t.ppf(0.975, 2) * sqrt(1200 + 900)
    assert found.low_ms == pytest.approx(150 - half)
    assert found.high_ms == pytest.approx(150 + half)


def test_errors_of_one_source_add_up_and_of_two_sources_do_not() -> None:
    rows = [("A", "t", "low", f"c{i}", 1, 2) for i in range(40)]
    one = [use(3, 10), use(4, 10, "b/2")]
    two = [use(3, 10), use(4, 10, "b/2", source="other")]
    assert net_interval(sums(rows), one).variance_baselines == (30 + 40) ** 2
    assert net_interval(sums(rows), two).variance_baselines == 30**2 + 40**2


def test_what_is_borrowed_varies_between_authorities() -> None:
    rows = [("A", "t", "low", f"c{i}", 1, 2) for i in range(40)]
    uses = [use(3, 0, tau=7), use(4, 0, authority="B", tau=7), use(9, 0, "own/1")]
    assert net_interval(sums(rows), uses).variance_borrowed == 7**2 * (3**2 + 4**2)


def test_a_cluster_is_summed_over_cells_before_it_is_squared() -> None:
    rows: list[Row] = []
    for number in range(MIN_CLUSTERS):
        swing = 10 if number % 2 else -10
        rows.append(("A", "t1", "low", f"c{number}", 100 + swing, 100))
        rows.append(("A", "t2", "low", f"c{number}", 100 - swing, 100))
    assert net_interval(sums(rows), []).variance_tasks == pytest.approx(0, abs=1e-9)
    apart = [(a, t, c, f"{t}{g}", e, b) for a, t, c, g, e, b in rows]
    factor = MIN_CLUSTERS / (MIN_CLUSTERS - 1)
    assert net_interval(sums(apart), []).variance_tasks == pytest.approx(2 * MIN_CLUSTERS * 100 * factor)


def test_a_token_means_its_own_authoritys_cluster() -> None:
    rows = [(a, "t", "low", f"c{i}", 100 + i, 100) for a in ("A", "B") for i in range(MIN_CLUSTERS)]
    renamed = [(a, t, c, a + g, e, b) for a, t, c, g, e, b in rows]
    assert net_interval(sums(rows), []) == net_interval(sums(renamed), [])


def test_the_order_and_the_cutting_of_rows_are_nothing() -> None:
    random = np.random.default_rng(3)
    rows = [
        (f"A{i % 2}", f"t{i % 3}", "low", f"c{random.integers(60)}", int(random.integers(1, 99)), 50)
        for i in range(400)
    ]
    cut = [(a, t, c, g, part, b // 2) for a, t, c, g, e, b in rows for part in (e // 2, e - e // 2)]
    random.shuffle(cut)
    whole, other = net_interval(sums(rows), [use(400, 3)]), net_interval(sums(cut), [use(400, 3)])
    assert other.net_ms == whole.net_ms
    assert other.variance_tasks == pytest.approx(whole.variance_tasks)
    assert other.clusters_min == whole.clusters_min


def test_one_rare_task_does_not_set_the_width_for_all_others() -> None:
    rows: list[Row] = [("A", "t", "low", f"c{i}", 90 + i % 21, 100) for i in range(500)]
    before = net_interval(sums(rows), [])
    after = net_interval(sums([*rows, ("A", "rare", "low", "r1", 100, 120)]), [])
    assert before.clusters_min == 500
    assert after.clusters_min == 501
    assert width(after) == pytest.approx(width(before), rel=0.1)


def test_what_is_left_over_joins_the_smallest_cell() -> None:
    rows: list[Row] = [("A", "large", "low", f"c{i}", 90, 100) for i in range(200)]
    rows += [("A", "small", "low", f"c{i}", 90, 100) for i in range(MIN_CLUSTERS)]
    assert net_interval(sums([*rows, ("A", "rare", "low", "r1", 100, 120)]), []).clusters_min == MIN_CLUSTERS + 1


def test_small_cells_are_pooled_as_far_as_needed() -> None:
    by_complexity = [(f"A{i}", "t", "low", f"c{i}", 100 + i, 100) for i in range(MIN_CLUSTERS)]
    assert net_interval(sums(by_complexity), []).clusters_min == MIN_CLUSTERS
    by_type = [(f"A{i}", "t", ("low", "high")[i % 2], f"c{i}", 100, 100) for i in range(2 * MIN_CLUSTERS - 2)]
    assert net_interval(sums(by_type), []).clusters_min == 2 * MIN_CLUSTERS - 2
    by_all = [("A", f"t{i}", "low", f"c{i}", 100, 100) for i in range(MIN_CLUSTERS)]
    assert net_interval(sums(by_all), []).clusters_min == MIN_CLUSTERS
    assert net_interval(sums(by_all[:5]), []).clusters_min == 5


def test_under_two_clusters_there_is_a_figure_and_no_interval() -> None:
    alone = net_interval(sums([("A", "t", "low", "c", 70, 100)]), [use(1, 5)])
    assert (alone.net_ms, alone.low_ms, alone.high_ms, alone.clusters_min) == (30, None, None, 1)
    nothing = net_interval(ClusterSums((), (), (), (), np.array([], dtype=int), np.array([], dtype=int)), [])
    assert (nothing.net_ms, nothing.low_ms, nothing.clusters_min) == (0, None, 0)


def test_effort_without_any_credit_counts_with_its_whole_spread() -> None:
    rows = [("A", "t", "low", f"c{i}", 10, 0) for i in range(MIN_CLUSTERS)]
    found = net_interval(sums(rows), [])
    assert found.net_ms == -10 * MIN_CLUSTERS
    assert found.variance_tasks == pytest.approx(MIN_CLUSTERS * 100 * MIN_CLUSTERS / (MIN_CLUSTERS - 1))


def width(found: NetInterval) -> float:
    assert found.low_ms is not None
    assert found.high_ms is not None
    return found.high_ms - found.low_ms


# --- Coverage in simulation: lognormal effort, cases that share an effect, a baseline from a history of its own.

CASES, PER_CASE, HISTORY_CASES, EFFECT = 160, 5, 60, 0.8
MEAN_MS = 600_000
BETWEEN, WITHIN = 0.5, 0.6


def _efforts(random: np.random.Generator, cases: int) -> np.ndarray:
    log = random.normal(0, BETWEEN, (cases, 1)) + random.normal(0, WITHIN, (cases, PER_CASE))
    return np.round(MEAN_MS * np.exp(log - (BETWEEN**2 + WITHIN**2) / 2)).astype(np.int64)


def _history(random: np.random.Generator) -> Estimate:
    cases = [f"h{case}" for case in range(HISTORY_CASES) for _ in range(PER_CASE)]
    return estimate(_efforts(random, HISTORY_CASES).ravel(), cases, "measured")


def _covered(random: np.random.Generator) -> tuple[bool, bool, bool]:
    """Whether the truth lies in the interval; in one without the baseline's error; in one of tasks taken one by one."""
    efforts, history = np.round(_efforts(random, CASES) * EFFECT).astype(np.int64), _history(random)
    tasks = CASES * PER_CASE
    truth = tasks * MEAN_MS * (1 - EFFECT)
    by_case: list[Row] = [
        ("A", "t", "low", f"c{case}", int(efforts[case].sum()), PER_CASE * history.mean_ms) for case in range(CASES)
    ]
    by_task: list[Row] = [
        ("A", "t", "low", f"c{number}", int(effort), history.mean_ms) for number, effort in enumerate(efforts.ravel())
    ]
    uses = [use(tasks, history.standard_error_ms)]
    found = (net_interval(sums(by_case), uses), net_interval(sums(by_case), []), net_interval(sums(by_task), []))
    inside = [(one.low_ms or 0) <= truth <= (one.high_ms or 0) for one in found]
    return inside[0], inside[1], inside[2]


def test_the_interval_covers_as_often_as_it_says_and_would_not_without_the_baselines_error() -> None:
    random = np.random.default_rng(20_260_101)
    runs = 500
    whole, without_error, one_by_one = np.mean([_covered(random) for _ in range(runs)], axis=0)
    assert 0.925 <= whole <= 0.97
    assert without_error < 0.7
    assert one_by_one < without_error
