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

from services.domain.arrays import Codes
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


def net_interval(sums: ClusterSums, uses: Sequence[BaselineUse]) -> NetInterval:
    """The interval of the group that these sums and uses describe: all of its measured tasks, in any order of rows."""
    net = int(sums.credit_ms.sum()) - int(sums.effort_ms.sum())
    from_baselines, borrowed = used_error_variance(uses), borrowed_variance(uses)
    from_tasks, fewest = _task_variance(sums)
    low, high = interval(net, from_baselines + borrowed + from_tasks, fewest)
    return NetInterval(net, low, high, from_baselines, borrowed, from_tasks, fewest)


def _task_variance(sums: ClusterSums) -> tuple[float, int]:
    """V_T, and the smallest number of clusters of a cell."""
    if len(sums.effort_ms) == 0:
        return 0.0, 0
    authority, task_type, complexity, token = (
        numbered(column)[1] for column in (sums.authority, sums.task_type, sums.complexity, sums.cluster)
    )
    cluster = combined(authority, token)
    cell = _cells([combined(authority, task_type, complexity), combined(task_type, complexity), task_type], cluster)
    cells = int(cell.max()) + 1
    strata = Strata.of(cell, cluster, sums.effort_ms, sums.credit_ms, cells)
    variance = strata.variances(np.ones(cells), np.zeros(cells, dtype=np.intp), 1)
    return float(variance[0]), int(strata.clusters.min())


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
