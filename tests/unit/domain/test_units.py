"""Milliseconds, hours and full-time equivalents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.units import (
    GOAL_NORM,
    GRANT_NORM,
    full_time_equivalents,
    hours_text,
    ms_of_hours_text,
)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0.00 h"), (3_600_000, "1.00 h"), (-4_444_200_000, "-1,234.50 h"), (18_000, "0.00 h"), (54_000, "0.02 h")],
)
def test_hours_as_text(ms: int, text: str) -> None:
    assert hours_text(ms) == text


@given(st.integers(-(10**15), 10**15))
def test_text_with_enough_decimals_gives_the_milliseconds_back(ms: int) -> None:
    assert ms_of_hours_text(hours_text(ms, 7)) == ms


@pytest.mark.parametrize("text", ["", "1", "1,5 h", "1.234,50 h", "h", "1,2345 h", "nan h", "1 t"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not hours"):
        ms_of_hours_text(text)


def test_full_time_equivalents_by_norm() -> None:
    goal_ms = 50_000_000 * 3_600_000
    assert full_time_equivalents(goal_ms, GOAL_NORM) == pytest.approx(30_000)
    assert full_time_equivalents(goal_ms, GRANT_NORM) == pytest.approx(50_000_000 / 1_924)
    assert round(float(GOAL_NORM.hours), 2) == 1_666.67
