"""Caps, estimates and the interval: by hand, and by simulation."""

import numpy as np
import pytest

from services.domain.caps import idle_cap_ms
from services.domain.estimate import estimate, rounded_mean
from services.domain.interval import BaselineUse, ClusterSums, drift, net_interval

MINUTE = 60_000


@pytest.mark.parametrize(("slow", "cap"), [(2, 15), (3, 30), (1, 15), (0, 15)])
def test_the_cap_is_the_smallest_that_cuts_two_percent(slow: int, cap: int) -> None:
    durations = np.array([20 * MINUTE] * slow + [MINUTE] * (100 - slow), dtype=np.int64)
    assert idle_cap_ms(durations) == cap * MINUTE


def test_without_a_cap_the_data_are_unsupported() -> None:
    assert idle_cap_ms(np.array([500 * MINUTE] * 3 + [MINUTE] * 97, dtype=np.int64)) is None
    assert not estimate(np.array([500 * MINUTE] * 3), ["a", "b", "c"], "elapsed").supported


def test_an_estimate_by_hand() -> None:
    # Cases a: 100, 200; b: 400. Mean 700/3 = 233.33; deviations -166.67 (a) and 166.67 (b).
    found = estimate(np.array([100, 200, 400], dtype=np.int64), ["a", "a", "b"], "elapsed")
    assert (found.n, found.clusters, found.mean_ms, found.median_ms) == (3, 2, 233, 200)
    assert found.standard_error_ms == round((2 / 1 * 2 * (500 / 3) ** 2) ** 0.5 / 3)


@pytest.mark.parametrize(("total", "count", "mean"), [(7, 2, 4), (5, 2, 3), (4, 3, 1), (5, 3, 2), (0, 9, 0)])
def test_means_round_half_up(total: int, count: int, mean: int) -> None:
    assert rounded_mean(total, count) == mean


def _sums(effort: list[int], credit: list[int], clusters: list[str] | None = None) -> ClusterSums:
    n = len(effort)
    names = clusters if clusters is not None else [f"c{i}" for i in range(n)]
    return ClusterSums(["a"] * n, ["t"] * n, ["low"] * n, names, np.array(effort), np.array(credit))


def test_an_interval_by_hand() -> None:
    # Two clusters, rho = 300/400: residuals 100 - 150 = -50 and 200 - 150 = 50; a² = 2; V_T = 2·(2500 + 2500).
    found = net_interval(_sums([100, 200], [200, 200]), [BaselineUse("b", "s", "a", 2, 10, 0)])
    assert found.net_ms == 100
    assert found.variance_tasks == pytest.approx(10_000)
    assert found.variance_baselines == pytest.approx(400)  # (2·10)²
    half = 12.706204736 * (10_400**0.5)
    assert found.low_ms == pytest.approx(100 - half)
    assert found.high_ms == pytest.approx(100 + half)
    assert not found.covers_drift


def test_errors_of_one_source_add_up_and_those_of_two_do_not() -> None:
    one = [BaselineUse("b1", "s", "a", 3, 10, 0), BaselineUse("b2", "s", "a", 4, 10, 0)]
    two = [BaselineUse("b1", "s", "a", 3, 10, 0), BaselineUse("b2", "r", "a", 4, 10, 0)]
    sums = _sums([1, 2], [3, 4])
    assert net_interval(sums, one).variance_baselines == pytest.approx(70**2)
    assert net_interval(sums, two).variance_baselines == pytest.approx(30**2 + 40**2)


def test_borrowing_counts_per_authority() -> None:
    uses = [BaselineUse("b", "s", "a", 3, 0, 5), BaselineUse("b", "s", "other", 4, 0, 5)]
    assert net_interval(_sums([1, 2], [3, 4]), uses).variance_borrowed == pytest.approx(25 * (9 + 16))


def test_a_single_cluster_has_no_interval() -> None:
    assert net_interval(_sums([1, 2], [3, 4], ["c", "c"]), []).low_ms is None
    assert net_interval(_sums([], []), []).low_ms is None


def test_the_interval_covers_and_one_without_the_baselines_error_does_not() -> None:
    """Lognormal effort in clusters, a baseline estimated from a sample; 400 histories, seeded."""
    chance = np.random.default_rng(4)
    mean, covered, ignoring = 600_000.0, 0, 0  # nothing changes, so the true net is zero
    for _ in range(400):
        history = chance.lognormal(0, 0.8, 400)
        found_mean = float(history.mean()) * mean
        error = float(history.std(ddof=1)) / 20 * mean
        effort = (chance.lognormal(0, 0.8, 1_000) * mean).astype(np.int64)
        sums = _sums(effort.tolist(), [round(found_mean)] * 1_000, [f"c{i // 10}" for i in range(1_000)])
        found = net_interval(sums, [BaselineUse("b", "s", "a", 1_000, round(error), 0)])
        without = net_interval(sums, [])
        assert found.low_ms is not None
        assert found.high_ms is not None
        assert without.low_ms is not None
        assert without.high_ms is not None
        covered += found.low_ms <= 0 <= found.high_ms
        ignoring += without.low_ms <= 0 <= without.high_ms
    assert 0.92 <= covered / 400 <= 0.98
    assert ignoring / 400 < 0.85


def test_drift() -> None:
    assert drift(110, 100) == pytest.approx(1.1)
    assert drift(110, 0) is None
