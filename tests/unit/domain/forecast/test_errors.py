import numpy as np
import pytest

from services.domain.effect.refusal import Refusal
from services.domain.forecast.errors import History, HorizonError, errors_by_horizon


def history(freed: list[float], treated: list[int] | None = None) -> History:
    of_months = treated or [100] * len(freed)
    return History(freed, of_months, [2 * n for n in of_months])


def by_horizon(found: tuple[HorizonError, ...] | Refusal) -> dict[int, HorizonError]:
    assert not isinstance(found, Refusal)
    return {error.horizon: error for error in found}


def test_under_36_months_nothing_is_said() -> None:
    assert isinstance(errors_by_horizon("constant", history([1.0] * 35)), Refusal)
    assert not isinstance(errors_by_horizon("constant", history([1.0] * 36)), Refusal)


def test_what_goes_on_as_it_was_has_no_error() -> None:
    for scenario in ("constant", "damped", "saturation"):
        for error in by_horizon(errors_by_horizon(scenario, history([5.0] * 40))).values():
            assert error.mean_absolute == pytest.approx(0, abs=1e-9)


def test_errors_are_those_of_a_forecast_that_knew_nothing_of_what_came() -> None:
    """24 months of 10, then 12 of 15: at the first origin each forecast is a third too low; the mean of the last twelve
    months at an origin m months later is 10 + 5·m/12."""
    found = by_horizon(errors_by_horizon("constant", history([10.0] * 24 + [15.0] * 12)))
    of_a_year = found[12]
    assert (of_a_year.origins, of_a_year.low, of_a_year.high) == (1, None, None)
    assert [of_a_year.median, of_a_year.mean_absolute, of_a_year.lowest, of_a_year.highest] == pytest.approx([0.5] * 4)
    first = [15 / (10 + 5 * m / 12) - 1 for m in range(12)]
    assert found[1].origins == 12
    assert [found[1].lowest, found[1].highest] == pytest.approx([min(first), max(first)])
    assert found[1].median == pytest.approx(float(np.median(first)))


def test_percentiles_come_with_forty_origins() -> None:
    chance = np.random.default_rng(5)
    freed = (100 * chance.lognormal(0, 0.2, 24 + 40)).tolist()
    found = by_horizon(errors_by_horizon("constant", history(freed)))
    assert found[1].origins == 40
    assert found[1].low is not None
    assert found[1].high is not None
    assert found[1].lowest <= found[1].low < found[1].median < found[1].high <= found[1].highest
    assert found[2].low is None


def test_what_frees_nothing_cannot_be_forecast() -> None:
    assert isinstance(errors_by_horizon("constant", history([-1.0] * 40)), Refusal)
