"""The example of docs/measuring.md, computed."""

from typing import Any

import numpy as np
import pytest

from services.domain.effect.baseline_errors import BaselineError, BaselineUse
from services.domain.effect.net import ClusterSums, net_interval
from services.domain.estimation.estimate import estimate
from services.domain.measure import Measurement, measure
from tests.properties.domain.strategies import baseline, task

MINUTE = 60_000
HISTORY = [("A", 10), ("A", 14), ("B", 8), ("B", 12), ("C", 11), ("C", 23)]
NO_BASELINE = "local:new"


def minutes(active: int, review: int | None, rework: int | None, **fields: Any) -> dict[str, Any]:
    parts = {"active_ms": active, "review_ms": review, "rework_ms": rework}
    in_ms = {name: None if value is None else value * MINUTE for name, value in parts.items()}
    return {"assistance": "draft", **in_ms, **fields}


TASKS = [
    ("P", minutes(6, 2, 1)),
    ("P", minutes(45, 0, 0, time_basis="elapsed")),
    ("Q", minutes(5, 1, 0)),
    ("Q", minutes(12, None, None, assistance="none")),
    ("R", minutes(4, 0, 0, outcome="abandoned")),
    ("R", minutes(7, None, 0)),
    ("R", minutes(3, 0, 0, task_type=NO_BASELINE)),
    ("R", minutes(6, 1, 0)),
]
SAVED = [4, -17, 7, 1, -4, None, None, 6]


def test_the_example_of_the_documentation() -> None:
    history = estimate(np.array([value * MINUTE for _, value in HISTORY]), [case for case, _ in HISTORY], "elapsed")
    assert (history.cap_ms, history.mean_ms, history.standard_error_ms) == (30 * MINUTE, 13 * MINUTE, 124_900)
    used = baseline(1, mean_ms=history.mean_ms, cap_ms=history.cap_ms)
    found: list[tuple[str, Measurement]] = []
    for case, fields in TASKS:
        one = task(**fields)
        found.append((case, measure(one, None if one.task_type == NO_BASELINE else used)))
    assert [one.saved_ms for _, one in found] == [None if s is None else s * MINUTE for s in SAVED]
    measured = [(case, one) for case, one in found if one.status == "measured"]
    count = len(measured)
    sums = ClusterSums(
        ["a"] * count,
        ["t"] * count,
        ["low"] * count,
        [case for case, _ in measured],
        np.array([one.effort_ms for _, one in measured]),
        np.array([one.credit_ms or 0 for _, one in measured]),
    )
    credited = sum(one.credit_ms is not None for _, one in measured)
    net = net_interval(sums, [BaselineUse(BaselineError("b/1", "history", history.standard_error_ms), "a", credited)])
    assert (net.net_ms, credited) == (-3 * MINUTE, 5)
    assert net.variance_tasks / MINUTE**2 == pytest.approx(345.96)
    assert net.variance_baselines / MINUTE**2 == pytest.approx(108.33, abs=0.01)
    assert net.low_ms is not None
    assert net.high_ms is not None
    assert net.low_ms / MINUTE == pytest.approx(-3 - 91.7, abs=0.05)
    assert net.high_ms / MINUTE == pytest.approx(-3 + 91.7, abs=0.05)
