"""Heaping at round minutes: by hand, on smooth times, and on times that somebody rounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.heaping import heaping

MINUTE = 60_000


def durations(*minutes: float) -> np.ndarray:
    return np.array([round(m * MINUTE) for m in minutes], dtype=np.int64)


def test_the_shares_by_hand() -> None:
    # 1 and 2 are nearer to 0 than to 5; 4.6 is rounded to 5. On a multiple of 5: 4.6, 10, 10 of 8.
    five, fifteen, thirty = heaping(durations(1, 2, 3, 4, 4.6, 6, 7, 10, 10, 12))
    assert (five.minutes, five.n, five.share, five.expected) == (5, 8, 0.375, 0.2)
    assert five.rounded == pytest.approx(0.21875)  # (0.375 - 0.2) / 0.8
    # P(3 or more of 8 at 0.2) = 1 - 0.8^8 - 8·0.2·0.8^7 - 28·0.2²·0.8^6
    assert five.p_value == pytest.approx(0.20308, abs=1e-5)
    assert (fifteen.n, fifteen.share, fifteen.rounded) == (3, 0.0, 0.0)  # 10, 10, 12: from 8 minutes on
    assert (thirty.n, thirty.share, thirty.p_value) == (0, 0.0, 1.0)


@pytest.mark.parametrize(("step", "first"), [(0, 3), (1, 8), (2, 16)])
def test_blocks_are_whole_around_each_multiple(step: int, first: int) -> None:
    minutes = (5, 15, 30)[step]
    found = heaping(durations(*range(first + 2 * minutes)))[step]
    assert (found.n, found.share) == (2 * minutes, 1 / minutes)


def test_smooth_times_are_not_heaped() -> None:
    flagged = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        times = np.exp(chance.normal(np.log(12 * MINUTE), 1.0, 2_000)).astype(np.int64)
        flagged += any(found.p_value < 0.001 for found in heaping(times))
    assert flagged <= 3  # 600 tests at 0.001


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_the_rounded_share_is_found_again(share: float) -> None:
    chance = np.random.default_rng(5)
    times = np.exp(chance.normal(np.log(40 * MINUTE), 0.8, 40_000)).astype(np.int64)
    rounded = chance.random(len(times)) < share
    times[rounded] = np.maximum(1, np.rint(times[rounded] / (15 * MINUTE))).astype(np.int64) * 15 * MINUTE
    _, fifteen, _ = heaping(times)
    assert fifteen.rounded == pytest.approx(share, abs=0.03)
    assert fifteen.p_value < 1e-6


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(values: list[int], chance: object) -> None:
    shuffled = values.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert heaping(np.array(values)) == heaping(np.array(shuffled))
