"""Three named scenarios of the way to the deadline. None of them is a forecast with 95 %: under 36 months of data nobody could
say how often it would hold.

With e the time freed per treated task, a_m the treated and n_m the eligible tasks of month m, W the last month of the window,
j = m - W and phi = 0.9:

    constant     h_m = e·mean(a)                                         adoption stays as it is
    damped       h_m = e·exp(alpha + g·Σ_{i=1..j} phi^i)                 log adoption grows on, each month by less
    saturation   h_m = e·mean(n)·logistic(beta + g·j)                    adoption grows towards every eligible task

alpha, beta are the fitted values at W and g the slopes of ln(a_m) and ln((a_m + 1/2)/(n_m - a_m + 1/2)) over the window, by
ordinary least squares (damped trend: Gardner and McKenzie 1985; the halves: Haldane 1956). What is freed by the end of month m is
what is freed so far and Σ h. The error of the effect is one common draw: e at the ends of its interval gives the ends of every
month and of their sum; it does not average out. Whether adoption goes that way is not in the range.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp
from typing import Final, Literal, TypeAlias

import numpy as np

from services.domain.arrays import Floats
from services.domain.effect.refusal import Refusal
from services.domain.estimates import Estimate
from services.domain.forecast.months import beginning_of, month_of

ScenarioName = Literal["constant", "damped", "saturation"]
SCENARIOS: Final[tuple[ScenarioName, ...]] = ("constant", "damped", "saturation")
DAMPING: Final = 0.9
"""phi: a year on, adoption grows by 0.28 of what it grew by."""
FEWEST_MONTHS: Final = 6
"""Below that a slope says more of chance than of growth."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """Of months in order, without a gap, the last of them `last`: treated tasks, and the eligible ones among which they are,
    shape (m,)."""

    last: int
    treated: Sequence[int]
    eligible: Sequence[int]


Adopted: TypeAlias = Callable[[int], float]
"""Treated tasks of the j-th month after the window, from 1."""


@dataclass(frozen=True, slots=True)
class Point:
    """What is freed until a moment."""

    until: datetime
    freed: Estimate


def adopted(scenario: ScenarioName, adoption: Adoption) -> Adopted | Refusal:
    """How adoption goes on. Refused where the window is too short to show growth, or a month is without treated tasks."""
    if not adoption.treated:
        return Refusal("no complete month older than 90 days")
    treated = np.array(adoption.treated, dtype=np.float64)
    eligible = np.array(adoption.eligible, dtype=np.float64)
    if scenario == "constant":
        mean = float(treated.mean())
        return lambda _: mean
    if len(treated) < FEWEST_MONTHS:
        return Refusal(f"{len(treated)} mature months: growth needs {FEWEST_MONTHS}")
    if np.any(treated <= 0) or np.any(treated > eligible):
        return Refusal("a month without treated tasks, or with more of them than are eligible")
    if scenario == "damped":
        level, growth = _fitted_at_the_end(np.log(treated))
        return lambda j: exp(level + growth * DAMPING * (1 - DAMPING**j) / (1 - DAMPING))
    level, growth = _fitted_at_the_end(np.log((treated + 0.5) / (eligible - treated + 0.5)))
    ceiling = float(eligible.mean())
    return lambda j: ceiling / (1 + exp(-min(max(level + growth * j, -700.0), 700.0)))


def path(
    scenario: ScenarioName, so_far: Estimate, per_task: Estimate, adoption: Adoption, now: datetime, deadline: datetime
) -> tuple[Point, ...] | Refusal:
    """What is freed until the end of each month from `now` to the deadline; of the months that both are in, their part."""
    grows = adopted(scenario, adoption)
    if isinstance(grows, Refusal):
        return grows
    points: list[Point] = []
    tasks, begun = 0.0, now
    while begun < deadline:
        month = month_of(begun)
        ends = min(beginning_of(month + 1), deadline)
        share = (ends - begun) / (beginning_of(month + 1) - beginning_of(month))
        tasks += share * grows(month - adoption.last)
        points.append(Point(ends, so_far.plus(per_task.times(tasks))))
        begun = ends
    return tuple(points)


def _fitted_at_the_end(values: Floats) -> tuple[float, float]:
    """The fitted value at the last month and the slope a month."""
    months = np.arange(len(values), dtype=np.float64) - (len(values) - 1)
    centred = months - months.mean()
    slope = float(centred @ values / (centred @ centred))
    return float(values.mean() - slope * months.mean()), slope
