"""Caps and estimates: the rule at its edges, and every number computed a second time."""

import statistics
from collections import defaultdict
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.estimation.caps import CAPS_MS, MOST_CAPPED, capped_share, idle_cap_ms
from services.domain.estimation.estimate import OtherCaps, clustered_error, estimate, rounded_mean

MINUTE = 60_000
DURATIONS = st.lists(st.integers(0, 400 * MINUTE), min_size=1, max_size=120)


def durations(*minutes: float) -> np.ndarray:
    return np.array([round(m * MINUTE) for m in minutes], dtype=np.int64)


@pytest.mark.parametrize(
    ("long_minutes", "count", "cap"),
    [
        (15, 100, 15),  # equal to the cap is not capped
        (15.001, 2, 15),  # 2 % may be capped
        (15.001, 3, 30),
        (31, 3, 60),
        (61, 3, 120),
        (121, 3, 240),
        (240, 3, 240),
        (241, 2, 15),
    ],
)
def test_the_smallest_cap_that_cuts_at_most_two_per_cent(long_minutes: float, count: int, cap: int) -> None:
    found = idle_cap_ms(durations(*[1] * (100 - count), *[long_minutes] * count))
    assert found == cap * MINUTE


def test_where_the_largest_cap_cuts_more_nothing_is_supported() -> None:
    heavy = durations(*[1] * 97, *[300] * 3)
    assert idle_cap_ms(heavy) is None
    found = estimate(heavy, [f"c{i}" for i in range(100)], "elapsed")
    assert (found.supported, found.cap_ms, found.capped_share) == (False, None, 0.03)
    assert found.mean_ms == found.raw_mean_ms


@given(DURATIONS)
def test_the_rule_is_the_rule(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    fitting = [cap for cap in CAPS_MS if sum(v > cap for v in values) <= MOST_CAPPED * len(values)]
    assert idle_cap_ms(array) == (fitting[0] if fitting else None)


def test_only_elapsed_time_is_capped() -> None:
    times, cases = durations(*[1] * 99, 300), [f"c{i}" for i in range(100)]
    elapsed, measured = estimate(times, cases, "elapsed"), estimate(times, cases, "measured")
    assert (elapsed.cap_ms, elapsed.mean_ms, elapsed.capped_share) == (15 * MINUTE, round(1.14 * MINUTE), 0.01)
    assert (measured.cap_ms, measured.mean_ms, measured.capped_share) == (None, round(3.99 * MINUTE), 0.0)
    assert elapsed.raw_mean_ms == measured.raw_mean_ms == measured.mean_ms
    assert elapsed.supported
    assert measured.supported


def test_half_and_double_the_cap_by_hand() -> None:
    """Two cases, cap 15 minutes: 5, 11 | 20, 40, and a minute of review of each, which no cap bounds.

    At 7.5: 5, 7.5 | 7.5, 7.5, mean 6.875 + 1; residual sums -1.25, 1.25; sqrt(2·2·1.25²)/4 = 0.625.
    At 30: 5, 11 | 20, 30, mean 16.5 + 1; residual sums -17, 17; sqrt(2·2·17²)/4 = 8.5."""
    found = estimate(durations(5, 11, 20, 40), ["a", "a", "b", "b"], "elapsed", durations(1, 1, 1, 1), 15 * MINUTE)
    assert found.other_caps == OtherCaps(472_500, 37_500, 1_050_000, 510_000)
    assert found.under_cap(found.cap_ms) == found.other_caps


def test_time_that_is_not_capped_is_the_same_under_every_cap() -> None:
    found = estimate(durations(10, 20, 60), ["a", "b", "c"], "measured")
    same = (found.mean_ms, found.standard_error_ms)
    assert found.other_caps is None
    assert found.under_cap(15 * MINUTE) == OtherCaps(*same, *same)
    assert found.under_cap(None) is None


@given(DURATIONS, st.data(), st.integers(1, 300 * MINUTE))
def test_at_another_cap_the_figures_are_those_of_an_estimate_with_it(
    values: list[int], data: st.DataObject, half: int
) -> None:
    times = np.array(values, dtype=np.int64)
    cases = data.draw(st.lists(st.sampled_from("abcde"), min_size=len(times), max_size=len(times)))
    review = np.array(data.draw(st.lists(st.integers(0, MINUTE), min_size=len(times), max_size=len(times))))
    at_half, found, at_double = (
        estimate(times, cases, "elapsed", review, fixed_cap_ms=cap) for cap in (half, 2 * half, 4 * half)
    )
    assert found.other_caps == OtherCaps(
        at_half.mean_ms, at_half.standard_error_ms, at_double.mean_ms, at_double.standard_error_ms
    )
    assert at_half.mean_ms <= found.mean_ms <= at_double.mean_ms


def test_a_single_case_supports_nothing() -> None:
    found = estimate(durations(1, 2, 3), ["c", "c", "c"], "measured")
    assert (found.clusters, found.standard_error_ms, found.supported) == (1, 0, False)


def test_no_durations_are_no_estimate() -> None:
    with pytest.raises(ValueError, match="no durations"):
        estimate(durations(), [], "elapsed")
    assert capped_share(durations(), 1) == 0


def test_the_error_by_hand() -> None:
    # Mean 4; residual sums of the cases: (-3 - 1) = -4, (+1 + 3) = 4; sqrt(2/1 · 32) / 4 = 2.
    error, groups = clustered_error(np.array([1, 3, 5, 7]), ["a", "a", "b", "b"])
    assert (error, groups) == (2.0, 2)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.sampled_from("abcdef")), min_size=2, max_size=60))
def test_every_number_computed_a_second_time(rows: list[tuple[int, str]]) -> None:
    values, cases = [value for value, _ in rows], [case for _, case in rows]
    found = estimate(np.array(values, dtype=np.int64), cases, "measured")
    mean = sum(values) / len(values)
    residuals: dict[str, float] = defaultdict(float)
    for value, case in rows:
        residuals[case] += value - mean
    groups = len(residuals)
    squares = sum(residual**2 for residual in residuals.values())
    error = sqrt(groups / (groups - 1) * squares) / len(values) if groups > 1 else 0
    assert found.standard_error_ms == pytest.approx(error, abs=0.51)
    assert found.mean_ms == pytest.approx(mean, abs=0.5)
    assert found.median_ms == pytest.approx(statistics.median(values), abs=0.5)
    assert (found.n, found.clusters) == (len(values), groups)


def test_with_every_task_its_own_case_the_error_is_the_ordinary_one() -> None:
    values = np.random.default_rng(1).integers(0, 10**6, 50)
    error, _ = clustered_error(values, [str(i) for i in range(50)])
    assert error == pytest.approx(statistics.stdev(values.tolist()) / sqrt(50))


@pytest.mark.parametrize(("total", "count", "mean"), [(1, 2, 1), (3, 2, 2), (1, 3, 0), (2, 3, 1), (0, 5, 0)])
def test_a_mean_is_rounded_half_up(total: int, count: int, mean: int) -> None:
    assert rounded_mean(total, count) == mean
