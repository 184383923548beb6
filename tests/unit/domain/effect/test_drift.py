"""Drift: the ratio, its interval, its alarm."""

import pytest

from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.drift import Drift, drift, drift_by_authority
from tests.unit.domain.effect.arms import arm_sums


def test_drift() -> None:
    assert drift(110, 100) == 1.1
    assert drift(0, 0) is None


def test_each_authority_over_all_its_control_tasks() -> None:
    rows = [
        ("A", "t", "low", "control", "c1", "b", 2, 2, 24, 20),
        ("A", "u", "high", "control", "c2", "b", 2, 2, 20, 20),
        ("A", "t", "low", "treated", "c3", "b", 9, 9, 1, 90),
        ("B", "t", "low", "control", "c1", "b", 1, 1, 5, 10),
        ("C", "t", "low", "control", "c1", "b", 1, 0, 5, 0),
    ]
    found = drift_by_authority(arm_sums(rows), [BaselineError("b", "s", 1)])
    assert list(found) == ["A", "B"]
    assert found["B"] == Drift(0.5, None, None, 1)
    # Residuals 24 - 22 and 20 - 22, a² = 2; the baseline: (1.1·4·1)²; t_0.975(1) = 12.706.
    half = 12.7062047 * ((2 * (4 + 4) + 4.4**2) ** 0.5) / 40
    assert found["A"].ratio == pytest.approx(1.1)
    assert found["A"].clusters == 2
    assert found["A"].low == pytest.approx(1.1 - half)
    assert found["A"].high == pytest.approx(1.1 + half)


@pytest.mark.parametrize(
    ("low", "high", "alarm"),
    [(0.9, 1.1, False), (1.0, 1.1, False), (1.001, 1.1, True), (0.9, 0.999, True), (None, None, False)],
)
def test_the_alarm_is_raised_where_the_interval_excludes_one(
    low: float | None, high: float | None, alarm: bool
) -> None:
    assert Drift(1.05, low, high, 40).alarm is alarm
