"""The 95 % interval of the unadjusted net saving. It never covers drift, and says so.

    net = Σ (credit - effort) over measured tasks
    Var = Σ_sources (Σ_b n_b·SE_b)²  +  Σ_b tau_b²·Σ_a n_ab²  +  V_T
    V_T = Σ_g psi_g²,  psi_g = Σ_k a_k·Σ_{i in g, k} (e_i - rho_k·mu_i),  rho_k = E_k/B_k,  a_k = sqrt(G_k/(G_k - 1))
    interval = net ± t_{0.975}(G_min - 1)·sqrt(Var)

Errors of tasks that share a baseline add up (n·SE); they do not average out. Intervals do not add over groups: the
interval is computed for the group asked for.

A cell k is authority × task type × complexity; a cell with fewer than 30 clusters is pooled upwards: task type ×
complexity, task type, all that are left. Where even those are under 30, they join the smallest cell there is: a single
rare task would else set G_min, and with it the width of the interval of thousands.

A cell in which nothing earns credit has no rho: its effort is not centred, and its whole spread counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.domain.arrays import Codes, Integers
from services.domain.clusters.codes import Column, clusters_by, combined, numbered
from services.domain.clusters.intervals import interval
from services.domain.clusters.pooling import NO_CELL, pool
from services.domain.clusters.sizes import MIN_CLUSTERS
from services.domain.clusters.strata import Strata
from services.domain.effect.baseline_errors import BaselineUse, borrowed_variance, used_error_variance


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Sums per (authority, task type, complexity, cluster), shape (m,): effort and credit in milliseconds (credit 0 where
    a task earns none). They are all that V_T needs: rho is the same for all tasks of a cell, and a baseline's mean is in
    the credit. A task without a cluster token is a cluster of its own, as if nothing tied it to others: where tasks of
    one case come without tokens, the interval is too narrow. Tokens are unique within an authority."""

    authority: Column
    task_type: Column
    complexity: Column
    cluster: Column
    effort_ms: npt.NDArray[np.int64]
    credit_ms: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NetInterval:
    """A net saving and its interval, milliseconds. `low_ms` and `high_ms` are `None` where there are under two clusters."""

    net_ms: int
    low_ms: float | None
    high_ms: float | None
    variance_baselines: float
    variance_borrowed: float
    variance_tasks: float
    clusters_min: int
    covers_drift: bool = False


@dataclass(frozen=True, slots=True)
class NetCells:
    """The cells of rows, shape (m,), the clusters that their errors are added up by, and their credit: what does not depend on which
    effort is set against it."""

    cell: Codes
    cluster: Codes
    credit_ms: Integers

    @classmethod
    def of(
        cls, authority: Column, task_type: Column, complexity: Column, cluster: Column, credit_ms: Integers
    ) -> "NetCells":
        """From columns as those of `ClusterSums`."""
        whose, kind, grade, token = (numbered(column)[1] for column in (authority, task_type, complexity, cluster))
        clusters = combined(whose, token)
        if len(clusters) == 0:
            return cls(clusters, clusters, credit_ms)
        levels = [combined(whose, kind, grade), combined(kind, grade), kind]
        return cls(_cells(levels, clusters), clusters, credit_ms)

    def interval(self, effort_ms: Integers, uses: Sequence[BaselineUse]) -> NetInterval:
        """Credit less this effort, shape (m,)."""
        net = int(self.credit_ms.sum()) - int(effort_ms.sum())
        from_baselines, borrowed = used_error_variance(uses), borrowed_variance(uses)
        from_tasks, fewest = self._task_variance(effort_ms)
        low, high = interval(net, from_baselines + borrowed + from_tasks, fewest)
        return NetInterval(net, low, high, from_baselines, borrowed, from_tasks, fewest)

    def _task_variance(self, effort_ms: Integers) -> tuple[float, int]:
        """V_T, and the smallest number of clusters of a cell."""
        if len(effort_ms) == 0:
            return 0.0, 0
        cells = int(self.cell.max()) + 1
        strata = Strata.of(self.cell, self.cluster, effort_ms, self.credit_ms, cells)
        variance = strata.variances(np.ones(cells), np.zeros(cells, dtype=np.intp), 1)
        return float(variance[0]), int(strata.clusters.min())


def net_interval(sums: ClusterSums, uses: Sequence[BaselineUse]) -> NetInterval:
    """The interval of the group that these sums and uses describe: all of its measured tasks, in any order of rows."""
    cells = NetCells.of(sums.authority, sums.task_type, sums.complexity, sums.cluster, sums.credit_ms)
    return cells.interval(sums.effort_ms, uses)


def _cells(levels: Sequence[Codes], cluster: Codes) -> Codes:
    """The cell of each row: the most specific one that has enough clusters. What is left over gets a cell of its own
    where it is large enough or all there is, else the smallest cell."""
    cell, level_of = pool(levels, lambda _, rows, code, codes: clusters_by(code, cluster[rows], codes) >= MIN_CLUSTERS)
    rest, used = cell == NO_CELL, len(level_of)
    if used and len(np.unique(cluster[rest])) < MIN_CLUSTERS:
        cell[rest] = int(np.argmin(clusters_by(cell[~rest], cluster[~rest], used)))
    else:
        cell[rest] = used
    return cell
