"""Hours freed where authorities introduced AI at different dates: difference-in-differences with authorities that have not
introduced it yet as the comparison (Callaway and Sant'Anna 2021, without covariates).

    r_at  = E_at/B_at                                effort per credited hour of authority a in month t
    r_a0  = Σ_m E_am/Σ_m B_am = Σ_m s_am·r_am        m: the `BASE_MONTHS` before its introduction g; s: shares of its credit
    D_at  = Σ_c w_c·(r_ct - Σ_m s_am·r_cm)/Σ_c w_c   c: not introduced in t; w_c: its credit in those months
    S_at  = B_at·(r_a0 + D_at) - E_at                effort expected without AI, less effort: signed, never clipped
    freed = Σ_a Σ_{t ≥ g} S_at
    psi_a = (S_a - th·B_a)/(1 - p_a)  +  where it is a c:  Σ_gt v·(x_a - Σ_c v_c·x_c)/(1 - v)
    freed ± t_0.975(A - 1)·sqrt(Σ_a psi_a²)

S_a and B_a: sums over the months of a treated authority; th = Σ S_a/Σ B_a; p_a its share of Σ B_a. A: the number of treated
authorities or, where that is less, of the authorities that they are compared with (harmonic mean over group-times, by credit).
v = w_a/Σ_c w_c; x_c = Σ_{a in g} B_at·(r_ct - Σ_m s_am·r_cm), the part of the group-time's sum that c stands for.

- **Why the ratio, and not its logarithm.** Hours are credit times a difference of ratios, so what is averaged is what is added
  up, with no way back from a mean of logarithms, whose bias is largest for the smallest authority; and months without effort
  count. Credit already holds size and mix, so r is near 1 everywhere, and an additive D is the (drift - 1)·credit of the
  adjusted saving. Where borrowed baselines make an authority's r differ from the others', a drift of x % is counted as
  x % of the others' r: a part of the spread between authorities, which the interval has in it.
- **The baseline cancels.** Were all credits k times as large, S would be the same. So it does not enter the grade.
- **All tasks, with AI or without it.** Sums of the assisted alone would measure who chose the tasks.
- **Clusters are authorities**, by influence functions: the same figure each time, where a bootstrap would lose groups of one
  authority. 1/(1 - p), as in HC3, is nearly the jackknife; without it a large city hides its own error.
- **Pre-trend**: S_at of the months before the base, where it should be 0. Each month is compared with the base, as those after
  the introduction are (Roth 2024), so that a trend grows with its distance.
- Effects that differ between authorities widen the interval: it is wider than 95 % asks for, never narrower.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from contracts.tasks import TimeBasis
from services.domain.arrays import Mask
from services.domain.clusters.intervals import half_width
from services.domain.effect.grades import Evidence, Graded, graded
from services.domain.effect.group_times import GroupTime, Panel, Spread, Uncovered, grid_of, group_times
from services.domain.effect.refusal import Refusal

MIN_AUTHORITIES: Final = 5
"""With fewer on a side the interval keeps its promise by telling nothing: it covers 97.5 to 100 %, and is up to 0.2 hours per
credited hour wide with four, 0.5 with three, 1.2 with two (`tests/simulations/staggered.py`)."""
BASE_MONTHS: Final = 3
"""The months before introduction that others are compared with. The paper takes one; three are less at the mercy of one."""


@dataclass(frozen=True, slots=True)
class EventTime:
    """The effect so many months after introduction (before it: a placebo), in hours freed per credited hour. Without an
    interval where too few have been observed that long."""

    months: int
    effect: float
    low: float | None
    high: float | None
    authorities: int


@dataclass(frozen=True, slots=True)
class Placebo:
    """What would have been freed per credited hour before anything was introduced: not 0 means that the treated were on a
    path of their own. `p_value`: of the hypothesis that it is 0. A large one does not prove that paths are parallel."""

    effect: float
    low: float
    high: float
    p_value: float
    authorities: int


@dataclass(frozen=True, slots=True)
class Staggered:
    """Time freed by the treated in the group-times that can be compared, milliseconds, with its 95 % interval.
    `credit_ms`: their credit. `compared_with`: how many authorities, on the average. `uncovered` is not in it."""

    freed_ms: int
    low_ms: float
    high_ms: float
    standard_error_ms: float
    credit_ms: int
    treated_authorities: int
    compared_with: float
    group_times: tuple[GroupTime, ...]
    event_times: tuple[EventTime, ...]
    placebo: Placebo | Refusal
    uncovered: tuple[Uncovered, ...]
    grade: Graded


@dataclass(frozen=True, slots=True)
class _Total:
    freed_ms: float
    credit_ms: float
    variance: float
    authorities: int
    compared_with: float

    @property
    def groups(self) -> int:
        """A: whole authorities, but for rounding in the mean."""
        return int(min(self.authorities, self.compared_with + 1e-9))

    @property
    def half_ms(self) -> float:
        return half_width(self.variance, self.groups)


def staggered(
    panel: Panel, time_bases: frozenset[TimeBasis], min_authorities: int = MIN_AUTHORITIES
) -> Staggered | Refusal:
    """The hours freed by the authorities of a panel since they introduced AI.

    Refused where fewer than `min_authorities` treated ones can be compared with as many that have not introduced it. Raises
    `ValueError` for columns of different lengths, or an authority whose introduction is not given.
    """
    times, spread, uncovered = group_times(grid_of(panel), BASE_MONTHS, min_authorities)
    total = _total(spread, spread.events >= 0, min_authorities)
    if total is None:
        return Refusal(_why_not(spread, uncovered, min_authorities))
    half = total.half_ms
    return Staggered(
        freed_ms=round(total.freed_ms),
        low_ms=total.freed_ms - half,
        high_ms=total.freed_ms + half,
        standard_error_ms=float(np.sqrt(total.variance)),
        credit_ms=round(total.credit_ms),
        treated_authorities=total.authorities,
        compared_with=total.compared_with,
        group_times=times,
        event_times=tuple(_event_times(spread, min_authorities)),
        placebo=_placebo(spread, min_authorities),
        uncovered=uncovered,
        grade=graded(Evidence(frozenset(), frozenset({"staggered"}), time_bases, "not_yet_treated")),
    )


def _total(spread: Spread, events: Mask, fewest: int) -> _Total | None:
    """The sum over some event times; `None` where too few authorities were observed in them for an interval."""
    credit = spread.credit[:, events].sum(axis=1)
    authorities = int((credit > 0).sum())
    if authorities < fewest:
        return None
    freed = spread.freed[:, events].sum(axis=1)
    whole = credit.sum()
    own = (freed - freed.sum() / whole * credit) / (1 - credit / whole)
    psi = own + spread.compared[:, events].sum(axis=1)
    compared_with = float(whole / spread.credit_per_comparison[events].sum())
    return _Total(float(freed.sum()), float(whole), float((psi**2).sum()), authorities, compared_with)


def _event_times(spread: Spread, fewest: int) -> Iterator[EventTime]:
    for column, months in enumerate(spread.events.tolist()):
        credit = spread.credit[:, column]
        if credit.sum() > 0:
            effect = float(spread.freed[:, column].sum() / credit.sum())
            total = _total(spread, spread.events == months, fewest)
            half = total.half_ms / total.credit_ms if total is not None else None
            low, high = (None, None) if half is None else (effect - half, effect + half)
            yield EventTime(months, effect, low, high, int((credit > 0).sum()))


def _placebo(spread: Spread, fewest: int) -> Placebo | Refusal:
    total = _total(spread, spread.events < 0, fewest)
    if total is None:
        return Refusal(
            f"under {fewest} authorities have months before the {BASE_MONTHS} that they are compared with: "
            "whether they were on a path of their own cannot be seen; it needs a longer history"
        )
    effect, half = total.freed_ms / total.credit_ms, total.half_ms / total.credit_ms
    error = float(np.sqrt(total.variance)) / total.credit_ms
    p_value = 2 * float(special.stdtr(total.groups - 1, -abs(effect) / error)) if error > 0 else float(effect == 0)
    return Placebo(effect, effect - half, effect + half, p_value, total.authorities)


def _why_not(spread: Spread, uncovered: tuple[Uncovered, ...], fewest: int) -> str:
    treated = int((spread.credit[:, spread.events >= 0].sum(axis=1) > 0).sum())
    reasons = "; ".join(f"{left.authority_months} months of authorities: {left.reason}" for left in uncovered)
    return (
        f"{treated} authorities that introduced AI can be compared with others that had not, and an honest interval needs "
        f"{fewest}" + (f" ({reasons})" if reasons else "")
    )
