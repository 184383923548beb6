from datetime import UTC, datetime

import pytest

from services.domain.effect.refusal import Refusal
from services.domain.estimates import Estimate
from services.domain.forecast.months import month_of
from services.domain.forecast.run_rate import Window, rate_window

NOW = datetime(2026, 11, 29, tzinfo=UTC)
AUGUST = month_of(datetime(2026, 8, 31, 12, tzinfo=UTC))  # 90 days before NOW


def month(year: int, number: int) -> int:
    return month_of(datetime(year, number, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("first", "window"),
    [
        (month(2020, 1), Window(month(2025, 8), 12)),  # twelve months before August, which is not mature
        (month(2025, 8), Window(month(2025, 8), 12)),
        (month(2025, 9), Window(month(2025, 9), 11)),
        (month(2026, 7), Window(month(2026, 7), 1)),
    ],
)
def test_the_last_twelve_mature_months_or_what_there_is(first: int, window: Window) -> None:
    found = rate_window(first, NOW)
    assert found == window
    assert window.last == AUGUST - 1
    assert window.annualised == (window.months < 12)


@pytest.mark.parametrize("first", [None, AUGUST, month(2026, 11)])
def test_without_a_mature_month_there_is_no_rate(first: int | None) -> None:
    assert isinstance(rate_window(first, NOW), Refusal)


def test_fewer_months_are_annualised_with_their_interval() -> None:
    assert Window(0, 3).rate(Estimate(30.0, -6.0, 90.0)) == Estimate(120.0, -24.0, 360.0)
    assert Window(0, 12).rate(Estimate(30.0, None, None)) == Estimate(30.0, None, None)


def test_a_sum_under_one_draw_is_as_wide_as_its_parts_together() -> None:
    assert Estimate(1.0, 0.0, 3.0).plus(Estimate(2.0, -1.0, 4.0)) == Estimate(3.0, -1.0, 7.0)
    assert Estimate(1.0, 0.0, 3.0).plus(Estimate(2.0, None, None)) == Estimate(3.0, None, None)
