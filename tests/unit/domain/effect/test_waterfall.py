"""The waterfall: an example by hand, and steps that add up whatever the sums are."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from services.domain.effect.adjusted import AdjustedSaving, adjusted_saving
from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.sufficiency import Sufficiency
from services.domain.effect.waterfall import Step, StepSums, waterfall
from tests.unit.domain.effect.arms import Row, arm_sums

SMALL = Sufficiency(control_tasks=6, clusters=3, effective_authorities=2.9)
ERRORS = [BaselineError("b", "s", 2), BaselineError("c", "s", 3)]
AMOUNTS = ("n_credit", "credit", "active", "review", "rework", "abandoned", "escalated", "induced")
Treated = tuple[str, str, tuple[int, ...]]
"""Authority, cluster, amounts."""


def step_sums(rows: list[Treated], baseline: str = "b") -> StepSums:
    names = [(authority, "t", "low", cluster, baseline) for authority, cluster, _ in rows]
    texts = zip(*names, strict=True) if names else [()] * 5
    numbers = zip(*(amounts for *_, amounts in rows), strict=True) if rows else [()] * len(AMOUNTS)
    return StepSums(*(np.array(t, dtype=str) for t in texts), *(np.array(n, dtype=np.int64) for n in numbers))


def both_arms(control: list[Row], treated: list[Treated], asked: Sufficiency = SMALL) -> AdjustedSaving:
    rows: list[Row] = [
        (authority, "t", "low", "treated", cluster, "b", n + 1, n, sum(amounts), credit)
        for authority, cluster, (n, credit, *amounts) in treated
    ]
    return adjusted_saving(arm_sums([*control, *rows]), ERRORS, asked)


def control(authority: str, efforts: list[int]) -> list[Row]:
    """Two tasks of a baseline of 10 in each cluster."""
    return [(authority, "t", "low", "control", f"C{i}", "b", 2, 2, e, 20) for i, e in enumerate(efforts)]


def by_name(steps: tuple[Step, ...]) -> dict[str, Step]:
    return {step.name: step for step in steps}


def test_an_example_by_hand() -> None:
    """Control 22, 26, 18 against 60: d = 1.1. Treated, four clusters with a credit of 30, 30, 30, 20: 88 of effort, of which
    active 60, review 20, rework 4, and 4 of a task that was given up. S = 33, net = 22, (d - 1)·110 = 11."""
    treated: list[Treated] = [
        ("A", "W", (3, 30, 18, 6, 0, 0, 0, 0)),
        ("A", "X", (3, 30, 14, 4, 2, 0, 0, 0)),
        ("A", "Y", (3, 30, 18, 6, 2, 0, 0, 0)),
        ("A", "Z", (2, 20, 10, 4, 0, 4, 0, 0)),
    ]
    found = waterfall(step_sums(treated), ERRORS, both_arms(control("A", [22, 26, 18]), treated))
    assert [(step.name, step.ms, step.level) for step in found] == [
        ("gross", 50, True),
        ("review", -20, False),
        ("rework", -4, False),
        ("abandoned", -4, False),
        ("escalated", 0, False),
        ("induced", 0, False),
        ("net", 22, True),
        ("drift", 11, False),
        ("adjusted", 33, True),
    ]
    steps = by_name(found)
    # Review: 20 over 110 of credit; residuals 6 - 60/11, 4 - 60/11 .., in four clusters.
    residuals = [6 - 600 / 110, 4 - 600 / 110, 6 - 600 / 110, 4 - 400 / 110]
    half = stats.t.ppf(0.975, 3) * sqrt(4 / 3 * sum(r * r for r in residuals))
    assert [steps["review"].low_ms, steps["review"].high_ms] == pytest.approx([-20 - half, -20 + half])
    # Gross: residuals of the active part, and the baseline's error eleven times.
    residuals = [18 - 1800 / 110, 14 - 1800 / 110, 18 - 1800 / 110, 10 - 1200 / 110]
    half = stats.t.ppf(0.975, 3) * sqrt(4 / 3 * sum(r * r for r in residuals) + (11 * 2) ** 2)
    assert steps["gross"].high_ms == pytest.approx(50 + half)
    # Drift: the control's residuals 0, 4, -4 times R = 11/6; w = 0.1·11 - 1.1·11/6·6.
    half = stats.t.ppf(0.975, 2) * sqrt(1.5 * (11 / 6) ** 2 * 32 + (2 * (1.1 - 12.1)) ** 2)
    assert [steps["drift"].low_ms, steps["drift"].high_ms] == pytest.approx([11 - half, 11 + half])


def test_what_has_no_sufficient_control_is_a_step_of_its_own() -> None:
    treated: list[Treated] = [("A", f"W{i}", (3, 30, 20 + i, 0, 0, 0, 0, 0)) for i in range(3)]
    alone: list[Treated] = [("B", f"W{i}", (1, 10, 4, 0, 0, 0, 0, 0)) for i in range(3)]
    asked = both_arms(control("A", [22, 26, 18]), [*treated, *alone])
    steps = by_name(waterfall(step_sums([*treated, *alone]), ERRORS, asked))
    apart = steps["without_control"]
    assert (steps["net"].ms, apart.ms) == (27 + 18, -18)
    assert steps["net"].ms + apart.ms + steps["drift"].ms == steps["adjusted"].ms == 36
    assert asked.insufficient.low_ms is not None
    assert (apart.low_ms, apart.high_ms) == (-(asked.insufficient.high_ms or 0), -asked.insufficient.low_ms)
    nothing = both_arms([], alone)
    assert list(by_name(waterfall(step_sums(alone), ERRORS, nothing)))[-2:] == ["net", "without_control"]


def test_a_single_cluster_has_steps_without_intervals() -> None:
    treated: list[Treated] = [("A", "W", (3, 30, 20, 1, 0, 0, 0, 0))]
    for step in waterfall(step_sums(treated), ERRORS, both_arms([], treated)):
        assert (step.low_ms, step.high_ms) == (None, None)


def test_sums_of_other_tasks_are_refused() -> None:
    treated: list[Treated] = [("A", f"W{i}", (3, 30, 20, 0, 0, 0, 0, 0)) for i in range(3)]
    with pytest.raises(ValueError, match="give sums of the same tasks"):
        waterfall(step_sums(treated[:2]), ERRORS, both_arms([], treated))
    with pytest.raises(ValueError, match="nothing is known of baseline 'unheard'"):
        waterfall(step_sums(treated, "unheard"), ERRORS, both_arms([], treated))


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABC"),
            st.sampled_from("pqrstu"),
            st.tuples(st.integers(1, 5), *[st.integers(0, 10**9)] * 7),
        ),
        min_size=1,
        max_size=30,
    ),
    st.lists(st.integers(0, 10**9), max_size=9),
)
def test_the_steps_add_up(treated: list[Treated], efforts: list[int]) -> None:
    found = waterfall(step_sums(treated), ERRORS, both_arms(control("A", efforts), treated))
    height = 0
    for step in found:
        height = step.ms if step.name == "gross" else height if step.level else height + step.ms
        if step.level:
            assert step.ms == height
    assert {step.name for step in found} >= {"gross", "net"}
