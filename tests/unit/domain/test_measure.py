"""What one task freed, in examples that can be added up by hand."""

from typing import Any

import pytest

from services.domain.measure import Measurement, measure
from tests.properties.domain.strategies import CAP_MS, baseline, task

MINUTE = 60_000
BASELINE = baseline(1, mean_ms=30 * MINUTE, cap_ms=CAP_MS)


def measured(**fields: Any) -> Measurement:
    return measure(task(**fields), BASELINE)


def test_a_task_with_ai() -> None:
    found = measured(assistance="draft", active_ms=12 * MINUTE, review_ms=4 * MINUTE, rework_ms=2 * MINUTE)
    assert found == Measurement("measured", 12 * MINUTE, False, 18 * MINUTE, 30 * MINUTE, 12 * MINUTE)


def test_a_loss_stays_a_loss() -> None:
    assert measured(assistance="draft", active_ms=50 * MINUTE).saved_ms == -20 * MINUTE


@pytest.mark.parametrize(
    ("basis", "active", "counted", "capped"),
    [
        ("elapsed", CAP_MS, CAP_MS, False),
        ("elapsed", CAP_MS + 1, CAP_MS, True),
        ("measured", CAP_MS + 1, CAP_MS + 1, False),
        ("self_reported", 9 * CAP_MS, 9 * CAP_MS, False),
    ],
)
def test_the_cap_bounds_elapsed_active_time_alone(basis: str, active: int, counted: int, capped: bool) -> None:
    found = measured(time_basis=basis, active_ms=active, review_ms=CAP_MS, rework_ms=CAP_MS)
    assert (found.counted_active_ms, found.capped, found.effort_ms) == (counted, capped, counted + 2 * CAP_MS)


@pytest.mark.parametrize("missing", [{"review_ms": None}, {"rework_ms": None}, {"review_ms": None, "rework_ms": None}])
def test_with_ai_an_unknown_part_is_not_zero(missing: dict[str, None]) -> None:
    found = measured(assistance="suggestion", active_ms=5, **missing)
    assert (found.status, found.effort_ms, found.credit_ms, found.saved_ms) == ("incomplete", 5, 30 * MINUTE, None)


def test_without_ai_an_unknown_part_adds_nothing() -> None:
    found = measured(review_ms=None, rework_ms=None, active_ms=5)
    assert (found.status, found.saved_ms) == ("measured", 30 * MINUTE - 5)


@pytest.mark.parametrize("kind", [{"outcome": "abandoned"}, {"outcome": "escalated"}, {"origin": "induced"}])
def test_without_credit_all_effort_is_lost_and_no_baseline_is_needed(kind: dict[str, str]) -> None:
    one = task(active_ms=7, **kind)
    assert measure(one, None) == measure(one, BASELINE) == Measurement("measured", 7, False, 7, None, -7)
    unknown = task(active_ms=7, assistance="draft", review_ms=None, **kind)
    assert measure(unknown, None).status == "incomplete"


def test_a_cap_applies_to_a_task_without_credit_too() -> None:
    found = measured(outcome="abandoned", time_basis="elapsed", active_ms=CAP_MS + 5)
    assert (found.capped, found.saved_ms) == (True, -CAP_MS)


def test_no_baseline_is_said_before_unknown_parts() -> None:
    found = measure(task(assistance="draft", review_ms=None, active_ms=3), None)
    assert (found.status, found.effort_ms, found.credit_ms, found.saved_ms) == ("unmeasured", 3, None, None)
