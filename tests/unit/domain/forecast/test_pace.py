from datetime import UTC, datetime, timedelta

import pytest

from services.domain.forecast.pace import YEAR, required

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_left_is_spread_over_the_time_that_is_left() -> None:
    pace = required(50.0, 10.0, NOW, NOW + 8 * YEAR)
    assert (pace.left_ms, pace.years, pace.per_year_ms) == (40.0, 8.0, 5.0)
    assert pace.times(2.5) == 2.0
    assert pace.times(0.0) is None
    assert pace.times(-1.0) is None


def test_a_loss_has_to_be_made_up_for() -> None:
    assert required(50.0, -10.0, NOW, NOW + YEAR).per_year_ms == 60.0


@pytest.mark.parametrize(("so_far", "per_year"), [(50.0, 0.0), (60.0, 0.0), (49.0, None)])
def test_at_the_deadline_it_is_reached_or_cannot_be(so_far: float, per_year: float | None) -> None:
    for after in (timedelta(0), timedelta(days=9)):
        pace = required(50.0, so_far, NOW, NOW - after)
        assert (pace.years, pace.per_year_ms) == (0.0, per_year)
