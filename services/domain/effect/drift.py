"""Drift: whether the baseline still holds, from control tasks.

    d        = Y/B                                       Y: Σ effort, B: Σ baseline of the control tasks
    Var(d)   = ( a²·Σ_g (Σ_{i in g} (y_i - d·mu_i))²  +  Σ_sources (Σ_b d·n_b·SE_b)² ) / B²,   a = sqrt(G/(G - 1))
    interval = d ± t_{0.975}(G - 1)·sqrt(Var(d))

The first term is the spread of the tasks by cluster g (the linearised variance of a ratio, Cochran 1977, chapter 6; it is
the control's part of psi_g in section 4 of the design, divided by B_T). The second is the baseline's own error: if it was
1 % too low, d is 1 % too high, although no work has changed. tau is not in it: an authority that differs from the baseline
it borrows is one for which that baseline does not hold, and that is what d is to show.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.domain.arrays import Codes
from services.domain.clusters.intervals import interval
from services.domain.clusters.strata import Strata
from services.domain.effect.arms import ArmSums, Rows
from services.domain.effect.baseline_errors import BaselineError, Credited, error_variances


def drift(effort_ms: int, baseline_ms: int) -> float | None:
    """Σ effort / Σ baseline: 1 where the baseline still holds; `None` without tasks."""
    return effort_ms / baseline_ms if baseline_ms else None


@dataclass(frozen=True, slots=True)
class Drift:
    """d with its 95 % interval, `None` where there are under two clusters."""

    ratio: float
    low: float | None
    high: float | None
    clusters: int

    @property
    def alarm(self) -> bool:
        """Whether the control shows that the baseline does not hold: its interval excludes 1.

        No size of d alone raises it. With 200 to 499 control tasks chance alone moves d by more than 0.1 in a quarter of
        the cells, with 500 to 1,999 in one of fourteen (`make simulate`): such an alarm would mostly be noise. And where
        the control is large, 2 % of the credit may be more hours than AI frees, so no drift that is shown is too small.
        Of cells without drift about one in twenty raises it.
        """
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


def drifts(rows: Rows, index: Codes, group: Codes, cluster: Codes, groups: int) -> list[Drift | None]:
    """The drift of each group of control rows; `None` where none of its tasks earns credit.

    `index`, shape (p,), are places in `rows`; `group` and `cluster`, shape (p,), are theirs.
    """
    strata = Strata.of(group, cluster, rows.effort_ms[index], rows.credit_ms[index], groups)
    credit = np.where(strata.per > 0, strata.per, 1)
    from_tasks = strata.variances(1 / credit, np.arange(groups), groups)
    used = Credited.of(group, rows.baseline[index], rows.n_credit[index])
    weight = strata.ratio[used.group] * used.counts[0] / credit[used.group]
    variances = from_tasks + error_variances(rows.errors, used.group, used.baseline, weight, groups)
    return [
        Drift(ratio, *interval(ratio, variance, clusters), clusters) if credited else None
        for ratio, variance, clusters, credited in zip(
            strata.ratio.tolist(), variances.tolist(), strata.clusters.tolist(), strata.per > 0, strict=True
        )
    ]


def drift_by_authority(sums: ArmSums, errors: Iterable[BaselineError]) -> dict[str, Drift]:
    """The drift of each authority over all of its control tasks that earn credit, whatever the size of its cells."""
    rows = Rows.of(sums, errors)
    index = np.flatnonzero(rows.control)
    found = drifts(rows, index, rows.authority[index], rows.cluster[index], len(rows.authorities))
    return {str(name): one for name, one in zip(rows.authorities, found, strict=True) if one is not None}


def drift_of_all(sums: ArmSums, errors: Iterable[BaselineError]) -> Drift | None:
    """The drift of all control tasks together; `None` where none earns credit."""
    rows = Rows.of(sums, errors)
    index = np.flatnonzero(rows.control)
    return drifts(rows, index, np.zeros_like(index), rows.cluster[index], 1)[0] if len(index) else None
