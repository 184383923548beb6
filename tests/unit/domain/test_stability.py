"""Halves of a window beside each other, and concentration: by hand, by simulation, and what must not change them."""

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from services.domain.stability import (
    Ratio,
    largest_share,
    ratio_of_means,
    ratio_of_tasks_per_cluster,
    second_half,
)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_the_ratio_by_hand() -> None:
    # First half: cases a 2, 4 and b 6, mean 4. Second: a 5 and c 7, mean 6. In both G = 2, so a = sqrt(2).
    # u: a 2·sqrt(2)/12 - sqrt(2)/12, b -2·sqrt(2)/12, c sqrt(2)/12; the sum of their squares is 12/144.
    values, second = ints(2, 4, 6, 5, 7), np.array([False, False, False, True, True])
    found = ratio_of_means(values, second, ints(0, 0, 1, 0, 2))
    assert found is not None
    width = float(stats.t.ppf(0.975, 1)) * sqrt(1 / 12)
    assert found.ratio == 1.5
    assert log(found.high) == pytest.approx(log(1.5) + width)
    assert log(found.low) == pytest.approx(log(1.5) - width)


def test_a_case_in_both_halves_is_one_case() -> None:
    # Each case is slow or quick in both halves: what moves one mean moves the other, and the ratio is known exactly.
    values, second = ints(1, 9, 2, 18), np.array([False, False, True, True])
    same = ratio_of_means(values, second, ints(0, 1, 0, 1))
    other = ratio_of_means(values, second, ints(0, 1, 2, 3))
    assert same is not None
    assert other is not None
    assert (same.ratio, same.low, same.high) == (2.0, 2.0, 2.0)
    assert other.low < 1 < other.high


@pytest.mark.parametrize(
    ("values", "second", "clusters"),
    [
        (ints(1, 2, 3), [False, False, True], ints(0, 1, 2)),  # one case in a half
        (ints(1, 2, 3), [True, True, True], ints(0, 1, 2)),  # no first half
        (ints(0, 0, 3, 4), [False, False, True, True], ints(0, 1, 2, 3)),  # no time in a half
    ],
)
def test_where_a_half_is_too_small_nothing_is_said(
    values: np.ndarray, second: list[bool], clusters: np.ndarray
) -> None:
    assert ratio_of_means(values, np.array(second), clusters) is None


def test_the_interval_covers_as_it_promises() -> None:
    covered = 0
    for seed in range(2_000):
        chance = np.random.default_rng(seed)
        clusters = chance.integers(0, 80, 400)
        level = np.exp(chance.normal(0, 0.5, 80))[clusters]
        second = chance.random(400) < 0.5
        values = (1e6 * level * np.exp(chance.normal(0, 0.7, 400)) * np.where(second, 1.2, 1.0)).astype(np.int64)
        found = ratio_of_means(values, second, clusters)
        assert found is not None
        covered += found.low <= 1.2 <= found.high
    assert 0.935 <= covered / 2_000 <= 0.965


@pytest.mark.parametrize(
    ("ratio", "beyond"),
    [
        (Ratio(1.2, 1.05, 1.4), True),
        (Ratio(0.8, 0.7, 0.95), True),
        (Ratio(1.2, 0.99, 1.4), False),  # the interval holds 1
        (Ratio(1.05, 1.01, 1.09), False),  # it is known, and small
        (Ratio(1 / 1.1, 0.9, 0.93), False),  # as far from 1 as 1.1, in the other direction
    ],
)
def test_beyond_needs_both_a_size_and_an_interval(ratio: Ratio, *, beyond: bool) -> None:
    assert ratio.beyond(0.10) == beyond


def test_halves_are_of_time_not_of_tasks() -> None:
    assert second_half(ints(0, 1, 2, 10)).tolist() == [False, False, False, True]
    assert second_half(ints(0, 5, 10)).tolist() == [False, True, True]


def test_tasks_per_case_by_hand() -> None:
    # First half: case 0 has 2 tasks, case 1 has 1, mean 1.5. Second: case 1 has 1, case 2 has 5, mean 3.
    second = np.array([False, False, False, True, True, True, True, True, True])
    found = ratio_of_tasks_per_cluster(second, ints(0, 0, 1, 1, 2, 2, 2, 2, 2))
    assert found is not None
    assert found.ratio == 2.0


def test_the_share_of_the_largest_case() -> None:
    assert largest_share(ints(1, 2, 3, 4), ints(7, 8, 7, 9)) == 0.4
    assert largest_share(ints(0, 0), ints(0, 1)) == 0


ROWS = st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 5), st.integers(0, 10**12)), min_size=2, max_size=60)


@given(ROWS, st.randoms(use_true_random=False), st.integers(-(10**12), 10**12), st.integers(1, 1_000))
def test_neither_order_nor_time_nor_unit_matters(
    rows: list[tuple[int, int, int]], chance: object, shift: int, unit: int
) -> None:
    shuffled = rows.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    values, clusters, moments = (np.array(column) for column in zip(*rows, strict=True))
    values2, clusters2, moments2 = (np.array(column) for column in zip(*shuffled, strict=True))
    second, second2 = second_half(moments), second_half(moments2 + shift)
    one, two = ratio_of_means(values, second, clusters), ratio_of_means(unit * values2, second2, clusters2 + 9)
    assert (one is None) == (two is None)
    if one is not None and two is not None:
        assert (two.ratio, two.low, two.high) == pytest.approx((one.ratio, one.low, one.high), rel=1e-9)
    assert largest_share(unit * values2, clusters2) == pytest.approx(largest_share(values, clusters))
