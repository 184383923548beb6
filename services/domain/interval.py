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
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

MIN_CLUSTERS: Final = 30
_COVERAGE: Final = 0.975


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Sums per (authority, task type, complexity, cluster), shape (m,): effort and credit in milliseconds (credit 0 where
    a task earns none). They are all that V_T needs: rho is the same for all tasks of a cell, and a baseline's mean is in
    the credit. A task without a cluster token is a cluster of its own, as if nothing tied it to others: where tasks of
    one case come without tokens, the interval is too narrow. Tokens are unique within an authority."""

    authority: Sequence[str]
    task_type: Sequence[str]
    complexity: Sequence[str]
    cluster: Sequence[str]
    effort_ms: npt.NDArray[np.int64]
    credit_ms: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BaselineUse:
    """How often an authority's tasks were credited with one baseline version. `tau_ms` is 0 where it is its own."""

    baseline: str
    source: str
    authority: str
    n: int
    standard_error_ms: int
    tau_ms: int


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
    from_baselines = _baseline_variance(uses)
    borrowed = _borrowed_variance(uses)
    from_tasks, fewest = _task_variance(sums)
    if fewest < 2:
        return NetInterval(net, None, None, from_baselines, borrowed, from_tasks, fewest)
    half = float(stats.t.ppf(_COVERAGE, fewest - 1)) * sqrt(from_baselines + borrowed + from_tasks)
    return NetInterval(net, net - half, net + half, from_baselines, borrowed, from_tasks, fewest)


def _baseline_variance(uses: Sequence[BaselineUse]) -> float:
    by_source: dict[str, float] = {}
    for use in uses:
        by_source[use.source] = by_source.get(use.source, 0.0) + use.n * use.standard_error_ms
    return sum(error**2 for error in by_source.values())


def _borrowed_variance(uses: Sequence[BaselineUse]) -> float:
    by_pair: dict[tuple[str, str], int] = {}
    tau: dict[str, int] = {}
    for use in uses:
        by_pair[use.baseline, use.authority] = by_pair.get((use.baseline, use.authority), 0) + use.n
        tau[use.baseline] = use.tau_ms
    return float(sum(tau[baseline] ** 2 * n**2 for (baseline, _), n in by_pair.items()))


def _task_variance(sums: ClusterSums) -> tuple[float, int]:
    """V_T, and the smallest number of clusters of a cell."""
    if len(sums.cluster) == 0:
        return 0.0, 0
    _, cluster = np.unique(_joined(sums.authority, sums.cluster), return_inverse=True)
    cell = _cells(sums, cluster)
    cells = int(cell.max()) + 1
    effort = np.bincount(cell, weights=sums.effort_ms, minlength=cells)
    credit = np.bincount(cell, weights=sums.credit_ms, minlength=cells)
    pairs = np.unique(np.stack([cell, cluster]), axis=1)
    groups = np.bincount(pairs[0], minlength=cells)
    rho = np.divide(effort, credit, out=np.zeros(cells), where=credit > 0)
    scale = np.sqrt(groups / np.maximum(groups - 1, 1))
    psi = np.bincount(cluster, weights=scale[cell] * (sums.effort_ms - rho[cell] * sums.credit_ms))
    return float((psi**2).sum()), int(groups.min())


def _cells(sums: ClusterSums, cluster: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The cell of each row: the most specific one that has enough clusters; what is left over goes together."""
    levels = (
        _joined(sums.authority, sums.task_type, sums.complexity),
        _joined(sums.task_type, sums.complexity),
        np.asarray(sums.task_type, dtype=str),
    )
    cell = np.full(len(cluster), -1, dtype=np.intp)
    used = 0
    for names in levels:
        open_rows = np.flatnonzero(cell < 0)
        if len(open_rows) == 0:
            return cell
        _, codes = np.unique(names[open_rows], return_inverse=True)
        pairs = np.unique(np.stack([codes, cluster[open_rows]]), axis=1)
        large = np.bincount(pairs[0]) >= MIN_CLUSTERS
        numbers = used + np.cumsum(large) - 1
        enough = large[codes]
        cell[open_rows[enough]] = numbers[codes[enough]]
        used += int(large.sum())
    return _with_the_rest(cell, cluster, used)


def _with_the_rest(cell: npt.NDArray[np.intp], cluster: npt.NDArray[np.intp], used: int) -> npt.NDArray[np.intp]:
    """Gives what is left over a cell of its own where it is large enough or all there is, else the smallest cell."""
    rest = cell < 0
    if used and len(np.unique(cluster[rest])) < MIN_CLUSTERS:
        pairs = np.unique(np.stack([cell[~rest], cluster[~rest]]), axis=1)
        cell[rest] = int(np.argmin(np.bincount(pairs[0], minlength=used)))
    else:
        cell[rest] = used
    return cell


def _joined(*columns: Sequence[str]) -> npt.NDArray[np.str_]:
    joined = np.asarray(columns[0], dtype=str)
    for column in columns[1:]:
        joined = np.char.add(np.char.add(joined, "\n"), np.asarray(column, dtype=str))
    return joined


def drift(effort_ms: int, baseline_ms: int) -> float | None:
    """Σ effort / Σ baseline of tasks without AI: 1 where the baseline still holds; `None` without tasks."""
    return effort_ms / baseline_ms if baseline_ms else None
