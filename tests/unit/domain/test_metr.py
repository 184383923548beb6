"""The trial METR 2025, against its published result: measured against a lot AI costs time; people expected it to save."""

import numpy as np
import pytest

from services.domain.freed import Freed
from services.domain.refusal import Refusal
from services.domain.trial import Factor, Interval, Trial, TrialTasks, trial
from tests.reference import metr
from tests.unit.domain.trials import nullable

MS_PER_HOUR = 3_600_000

pytestmark = pytest.mark.skipif(not metr.PATH.exists(), reason="the trial's data are not beside the project")


@pytest.fixture(scope="module")
def found() -> Trial:
    rows = list(metr.rows())
    tasks = TrialTasks(
        treated=np.array([row.treated for row in rows]),
        completed=np.ones(len(rows), dtype=np.bool_),
        active_ms=np.array([row.active_ms for row in rows]),
        review=nullable(*[0] * len(rows)),
        rework=nullable(*[row.rework_ms for row in rows]),
        predicted_without=nullable(*[row.predicted_without_ms for row in rows]),
        predicted_with=nullable(*[row.predicted_with_ms for row in rows]),
        stratum=[""] * len(rows),
        cluster=[row.worker for row in rows],
        time_bases=frozenset({"measured"}),
    )
    result = trial(tasks)
    assert isinstance(result, Trial)
    return result


@pytest.fixture(scope="module")
def factor(found: Trial) -> Factor:
    assert isinstance(found.factor, Factor)
    return found.factor


def test_the_published_factor(factor: Factor) -> None:
    assert round(factor.factor, 3) == 1.188
    assert factor.adjusted_for == ("predicted effort",)


@pytest.mark.parametrize(
    ("errors", "low", "high"),
    [("homoskedastic", 1.013, 1.395), ("hc3", 1.013, 1.394), ("clustered", 1.016, 1.390)],
)
def test_the_published_intervals(factor: Factor, errors: str, low: float, high: float) -> None:
    interval = getattr(factor, errors)
    assert isinstance(interval, Interval)
    assert (round(interval.low, 3), round(interval.high, 3)) == (low, high)


def test_the_figures_of_statsmodels(factor: Factor) -> None:
    # statsmodels 0.15.0 on the minutes of the file: OLS with a normal quantile; "nonrobust", "HC3", "cluster".
    assert factor.factor == pytest.approx(1.1883999411634, abs=1e-8)
    ends = [(i.low, i.high) for i in (factor.homoskedastic, factor.hc3, factor.clustered) if isinstance(i, Interval)]
    assert ends == [
        pytest.approx((1.01255985, 1.39477624), abs=1e-7),
        pytest.approx((1.01301885, 1.39414427), abs=1e-7),
        pytest.approx((1.01631633, 1.38962091), abs=1e-7),
    ]


def test_missing_rework_is_imputed_with_its_arms_mean_and_stated(found: Trial) -> None:
    control, treatment = found.arms
    assert (control.tasks, treatment.tasks, control.clusters, treatment.clusters) == (110, 136, 16, 16)
    assert [(i.part, i.arm, i.tasks, round(i.mean_ms / 60_000, 2)) for i in found.imputed] == [
        ("rework", "control", 7, 9.71),
        ("rework", "treatment", 9, 14.94),
    ]


def test_hours_freed_are_negative_under_every_controlled_estimator(found: Trial) -> None:
    hours = []
    for estimate in (found.unadjusted, found.scaled):
        assert isinstance(estimate, Freed)
        hours.append([round(ms / MS_PER_HOUR, 1) for ms in (estimate.freed_ms, estimate.low_ms, estimate.high_ms)])
        assert estimate.clusters_min == 16
    assert hours == [[-76.8, -134.2, -19.4], [-55.6, -114.5, 3.3]]
    assert found.grade.grade == "A"


def test_what_expectation_would_have_claimed(found: Trial) -> None:
    assert not isinstance(found.expected_ms, Refusal)
    assert not isinstance(found.against_prediction_ms, Refusal)
    assert round(found.expected_ms / MS_PER_HOUR, 1) == 65.6
    assert round(found.against_prediction_ms / MS_PER_HOUR, 1) == -41.8
