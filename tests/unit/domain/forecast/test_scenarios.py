from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from math import exp, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.effect.refusal import Refusal
from services.domain.estimates import Estimate
from services.domain.forecast.months import month_of
from services.domain.forecast.scenarios import SCENARIOS, Adoption, Point, ScenarioName, adopted, path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAST = month_of(NOW) - 1
NOTHING = Estimate(0.0, 0.0, 0.0)
ONE = Estimate(1.0, 0.5, 1.5)

adoptions = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), min_size=6, max_size=12).map(
    lambda months: Adoption(LAST, [a for a, _ in months], [a + rest for a, rest in months])
)
ends = st.integers(0, 3650 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))


def grown(scenario: ScenarioName, adoption: Adoption, j: int) -> float:
    grows = adopted(scenario, adoption)
    assert not isinstance(grows, Refusal)
    return grows(j)


def points(scenario: ScenarioName, adoption: Adoption, until: datetime, per_task: Estimate = ONE) -> tuple[Point, ...]:
    found = path(scenario, NOTHING, per_task, adoption, NOW, until)
    assert not isinstance(found, Refusal)
    return found


def test_constant_goes_on_at_the_mean() -> None:
    found = points("constant", Adoption(LAST, [10, 20], [30, 30]), datetime(2027, 1, 1, tzinfo=UTC))
    assert [point.freed.ms for point in found] == pytest.approx([15.0 * m for m in range(1, 13)])
    assert astuple(found[-1].freed) == pytest.approx((180.0, 90.0, 270.0))


@pytest.mark.parametrize("growth", [0.05, -0.05])
def test_damped_grows_by_less_each_month(growth: float) -> None:
    """ln a grows by g: the next month by 0.9·g, the one after by 0.81·g, and never by more than 9·g in all."""
    treated = [round(1e9 * exp(growth * m)) for m in range(12)]
    adoption = Adoption(LAST, treated, treated)
    for j, grown_by in ((1, 0.9), (2, 1.71), (500, 9.0)):
        assert isclose(grown("damped", adoption, j), treated[-1] * exp(growth * grown_by), rel_tol=1e-6)


def test_saturation_goes_on_along_the_logistic_curve_to_all_that_is_eligible() -> None:
    share = [1 / (1 + exp(-(-2 + 0.3 * m))) for m in range(24)]
    treated = [round(1e9 * s) for s in share]
    adoption = Adoption(LAST, treated[:12], [10**9] * 12)
    for j in (1, 5, 12):
        assert isclose(grown("saturation", adoption, j), treated[11 + j], rel_tol=1e-6)
    assert isclose(grown("saturation", adoption, 10_000), 1e9)


@given(adoptions, st.integers(1, 2_000))
def test_saturation_never_passes_what_is_eligible(adoption: Adoption, j: int) -> None:
    assert 0 <= grown("saturation", adoption, j) <= sum(adoption.eligible) / len(adoption.eligible) * (1 + 1e-12)


@given(st.sampled_from(SCENARIOS), adoptions, ends)
def test_a_path_ends_at_the_deadline_and_is_the_same_in_one_step_or_two(
    scenario: ScenarioName, adoption: Adoption, until: datetime
) -> None:
    found = points(scenario, adoption, until)
    if until == NOW:
        assert found == ()
        return
    assert found[-1].until == until
    longer = points(scenario, adoption, datetime(2036, 6, 1, tzinfo=UTC))
    assert longer[: len(found) - 1] == found[:-1]
    assert found[-1].freed.ms <= longer[len(found) - 1].freed.ms * (1 + 1e-12)


@given(st.sampled_from(SCENARIOS), adoptions, ends)
def test_the_error_of_the_effect_is_one_draw_for_all_months(
    scenario: ScenarioName, adoption: Adoption, until: datetime
) -> None:
    """The range is as wide in proportion at the end as at the beginning: it does not average out."""
    for point in points(scenario, adoption, until, Estimate(2.0, -1.0, 3.0)):
        assert point.freed.low_ms == pytest.approx(-0.5 * point.freed.ms)
        assert point.freed.high_ms == pytest.approx(1.5 * point.freed.ms)


@pytest.mark.parametrize(
    ("treated", "eligible"), [([5] * 5, [9] * 5), ([5] * 5 + [0], [9] * 6), ([5] * 6, [9] * 5 + [4])]
)
def test_growth_that_cannot_be_seen_is_refused_and_constant_is_not(treated: list[int], eligible: list[int]) -> None:
    adoption = Adoption(LAST, treated, eligible)
    assert isinstance(adopted("damped", adoption), Refusal)
    assert isinstance(path("saturation", NOTHING, ONE, adoption, NOW, datetime(2030, 1, 1, tzinfo=UTC)), Refusal)
    assert not isinstance(adopted("constant", adoption), Refusal)
    assert isinstance(adopted("constant", Adoption(LAST, [], [])), Refusal)
