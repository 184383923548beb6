"""A trial's estimates: by hand, what is imputed, what is refused, and that arms are analysed as drawn."""

from math import exp, log, sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats

from services.domain.freed import Freed
from services.domain.refusal import Refusal
from services.domain.trial import Factor, trial
from tests.unit.domain.trials import estimated, nullable, trial_tasks


def reason(found: Any) -> str:
    assert isinstance(found, Refusal)
    return found.reason


def factor_of(found: Any) -> Factor:
    assert isinstance(found, Factor)
    return found


def test_without_predictions_the_factor_is_the_ratio_of_geometric_means() -> None:
    # Control 10, 1000 and treated 50, 200, 800: geometric means 100 and 200.
    found = factor_of(estimated(trial_tasks("ccttt", [10, 1000, 50, 200, 800])).factor)
    assert found.factor == pytest.approx(2)
    assert found.adjusted_for == ()
    # Residuals of the logarithms: ± log 10 and ± log 4.
    error = sqrt((2 * log(10) ** 2 + 2 * log(4) ** 2) / 3 * (1 / 2 + 1 / 3))
    assert found.homoskedastic.low == pytest.approx(exp(log(2) - stats.norm.ppf(0.975) * error))
    assert found.homoskedastic.high == pytest.approx(exp(log(2) + stats.norm.ppf(0.975) * error))


def test_predicted_effort_takes_its_share() -> None:
    # Effort is predicted effort to the power 2, times 3 for the treated.
    predicted = [2, 3, 5, 7, 11, 13]
    efforts = [p * p * (3 if arm == "t" else 1) for p, arm in zip(predicted, "cctctt", strict=True)]
    found = factor_of(estimated(trial_tasks("cctctt", efforts, predicted_without=nullable(*predicted))).factor)
    assert found.factor == pytest.approx(3)
    assert found.adjusted_for == ("predicted effort",)


@pytest.mark.parametrize("predicted", [nullable(2, 3, None, 7), nullable(2, 3, 0, 7), nullable(5, 5, 5, 5)])
def test_a_prediction_that_cannot_enter_does_not(predicted: Any) -> None:
    assert (
        factor_of(estimated(trial_tasks("ctct", [1, 2, 3, 4], predicted_without=predicted)).factor).adjusted_for == ()
    )


def test_strata_enter_where_the_lot_was_drawn_within_them() -> None:
    # AI does nothing. In the slow stratum most tasks are treated.
    efforts = [10, 11, 9, 10, 100, 110, 90, 100]
    columns = {"stratum": ["quick"] * 4 + ["slow"] * 4}
    found = estimated(trial_tasks("ccctcttt", efforts, **columns))
    assert factor_of(found.factor).adjusted_for == ("stratum",)
    assert factor_of(found.factor).factor == pytest.approx(1, abs=0.1)
    assert factor_of(estimated(trial_tasks("ccctcttt", efforts)).factor).factor > 2


def test_a_missing_part_gets_the_mean_of_its_arm_and_zeros_are_no_gaps() -> None:
    rework = nullable(0, 30, None, 10, None, 0)
    found = estimated(trial_tasks("cccttt", [100] * 6, rework=rework))
    assert [(i.part, i.arm, i.tasks, i.mean_ms) for i in found.imputed] == [
        ("rework", "control", 1, 15),
        ("rework", "treatment", 1, 5),
    ]
    assert [arm.effort_ms for arm in found.arms] == [345, 315]


def test_without_ai_a_part_that_is_never_known_adds_nothing() -> None:
    review = nullable(None, None, 10, None)
    found = estimated(trial_tasks("cctt", [100] * 4, review=review))
    assert [(i.part, i.arm, i.tasks, i.mean_ms) for i in found.imputed] == [
        ("review", "control", 2, 0),
        ("review", "treatment", 1, 10),
    ]
    assert [arm.effort_ms for arm in found.arms] == [200, 220]


def test_with_ai_a_part_that_is_never_known_is_refused() -> None:
    assert "rework time is unknown for every treated task" in reason(
        trial(trial_tasks("cctt", [1, 2, 3, 4], rework=nullable(1, 1, None, None)))
    )


def test_a_trial_needs_both_arms() -> None:
    assert "no task was drawn into the control arm" in reason(trial(trial_tasks("tt", [1, 2])))
    assert "no task was drawn into the treatment arm" in reason(trial(trial_tasks("cc", [1, 2])))


def test_a_task_without_any_effort_has_sums_and_no_factor() -> None:
    found = estimated(trial_tasks("cctt", [10, 20, 0, 10]))
    assert "1 of 4 tasks took no time at all" in reason(found.factor)
    assert isinstance(found.unadjusted, Freed)
    assert found.unadjusted.freed_ms == 2 * 15 - 10


def test_the_sums_beside_the_factor_by_hand() -> None:
    # Control 10 + 30 = 40 for a predicted 20, so d = 2; treated 50 + 10 for a predicted 40: expected 80.
    predicted = {"predicted_without": nullable(8, 12, 30, 10), "predicted_with": nullable(1, 1, 20, 5)}
    found = estimated(trial_tasks("cctt", [10, 30, 50, 10], **predicted))
    assert isinstance(found.unadjusted, Freed)
    assert isinstance(found.scaled, Freed)
    assert (found.unadjusted.freed_ms, found.scaled.freed_ms) == (40 - 60, 80 - 60)
    assert (found.expected_ms, found.against_prediction_ms) == (40 - 25, 40 - 60)


def test_a_claim_that_was_not_made_for_every_task_is_not_made_up() -> None:
    predicted = {"predicted_without": nullable(8, 12, 30, None), "predicted_with": nullable(None, None, 20, 5)}
    found = estimated(trial_tasks("cctt", [10, 30, 50, 10], **predicted))
    assert "1 of 4 tasks lack a predicted effort without AI" in reason(found.scaled)
    assert "1 of 2 tasks lack a predicted effort without AI" in reason(found.expected_ms)
    assert "1 of 2 tasks lack a predicted effort without AI" in reason(found.against_prediction_ms)


def test_only_the_treated_need_a_prediction_of_effort_with_ai() -> None:
    predicted = {"predicted_without": nullable(8, 12, 30, 9), "predicted_with": nullable(None, None, 20, 5)}
    assert estimated(trial_tasks("cctt", [10, 30, 50, 10], **predicted)).expected_ms == 39 - 25
    predicted["predicted_with"] = nullable(1, 1, None, 5)
    assert "effort with AI" in reason(estimated(trial_tasks("cctt", [10, 30, 50, 10], **predicted)).expected_ms)


def test_what_was_abandoned_counts_with_what_it_took_and_is_told() -> None:
    completed = np.array([True, True, True, False])
    found = estimated(trial_tasks("cctt", [10, 10, 10, 2], completed=completed))
    assert [(arm.tasks, arm.completed, arm.effort_ms) for arm in found.arms] == [(2, 2, 20), (2, 1, 12)]


def test_errors_that_cannot_be_known_are_refused_one_by_one() -> None:
    found = factor_of(estimated(trial_tasks("ccct", [1, 2, 3, 9], cluster=["one"] * 4)).factor)
    assert "one cluster" in reason(found.clustered)
    assert "one task alone" in reason(found.hc3)
    assert found.homoskedastic.low < found.factor < found.homoskedastic.high


def test_the_grade_is_that_of_its_time_basis() -> None:
    assert estimated(trial_tasks("cctt", [1, 2, 3, 4])).grade.grade == "A"
    said = estimated(trial_tasks("cctt", [1, 2, 3, 4], time_bases=frozenset({"measured", "self_reported"})))
    assert said.grade.grade == "D"
    assert [why.component for why in said.grade.decisive] == ["time basis"]
