"""Hours freed in one group of tasks against another: what the treated cost, and what they would have cost.

In a stratum k with treated T and control C: mu what effort is counted per (1 for a task, its predicted effort, its credit),
E and Y the effort of treated and control, B_T and B_C their sums of mu.

    d_k   = Y_k/B_Ck,  rho_k = E_k/B_Tk,  R_k = B_Tk/B_Ck
    freed = Σ_k (d_k·B_Tk - E_k)                                    signed, never clipped
    psi_g = Σ_k { a_Ck·R_k·Σ_{i in C_k, g} (y_i - d_k·mu_i)  -  a_Tk·Σ_{i in T_k, g} (e_i - rho_k·mu_i) },  a = sqrt(G/(G - 1))
    interval = freed ± t_0.975(G_min - 1)·sqrt(Σ_g psi_g²)

With mu = 1 it is the difference of means times the number of treated; with another mu a ratio estimator (Cochran 1977,
chapter 6), linearised and clustered by g. A cluster with tasks in both groups is added up before it is squared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.domain.clusters import codes_of, half_width
from services.domain.refusal import Refusal

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Groups:
    """n tasks of two groups. `per`: what the effort is counted per (mu); `cluster`: a token that is one cluster's wherever it
    stands, and a token of its own for a task that has none. Efforts in milliseconds, shape (n,)."""

    treated: Mask
    effort_ms: Floats
    per: Floats
    stratum: Sequence[str]
    cluster: Sequence[str]


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A stratum that nothing can be said of: one of the groups has too few clusters in it, or none. Its tasks are outside
    the figure beside which it stands."""

    stratum: str
    treated_tasks: int
    control_tasks: int
    treated_clusters: int
    control_clusters: int
    treated_effort_ms: int


@dataclass(frozen=True, slots=True)
class Freed:
    """Time freed by the `treated_tasks`, milliseconds, and its 95 % interval. `clusters_min`: the fewest clusters of a group
    in a stratum. `uncovered` strata are not in it."""

    freed_ms: int
    low_ms: float
    high_ms: float
    standard_error_ms: float
    cost_ms: int
    treated_tasks: int
    control_tasks: int
    clusters_min: int
    uncovered: tuple[Uncovered, ...]


@dataclass(frozen=True, slots=True)
class _Sums:
    """Per stratum and group (control 0, treated 1), shape (K, 2)."""

    tasks: Integers
    clusters: Integers
    effort: Floats
    per: Floats


def freed(groups: Groups, min_clusters: int = 2) -> Freed | Refusal:
    """Time freed by the treated. Strata where a group has fewer than `min_clusters` clusters (at least 2) are `uncovered`.

    Refused where no stratum is left. Raises `ValueError` where the columns are not of one length.
    """
    lengths = {len(groups.treated), len(groups.effort_ms), len(groups.per), len(groups.stratum), len(groups.cluster)}
    if len(lengths) > 1:
        raise ValueError(f"columns of one table have {sorted(lengths)} rows: give each task one value in every column")
    stratum, names = codes_of(groups.stratum)
    cluster, _ = codes_of(groups.cluster)
    sums = _sums(groups, stratum, cluster, len(names))
    covered = (sums.clusters.min(axis=1) >= min_clusters) & (sums.per[:, 0] > 0)
    uncovered = tuple(_uncovered(names[k], sums, k) for k in np.flatnonzero(~covered).tolist())
    if not covered.any():
        return Refusal(
            f"no stratum has {min_clusters} clusters in both groups: nothing shows what the treated tasks would have cost, "
            "or how clusters differ; it needs more tasks of both groups"
        )
    expected = sums.effort[:, 0] / np.where(covered, sums.per[:, 0], 1) * sums.per[:, 1]
    saved = float((expected - sums.effort[:, 1])[covered].sum())
    fewest = int(sums.clusters[covered].min())
    variance = _variance(groups, stratum, cluster, sums, covered)
    half = half_width(variance, fewest)
    return Freed(
        freed_ms=round(saved),
        low_ms=saved - half,
        high_ms=saved + half,
        standard_error_ms=float(np.sqrt(variance)),
        cost_ms=round(float(sums.effort[covered, 1].sum())),
        treated_tasks=int(sums.tasks[covered, 1].sum()),
        control_tasks=int(sums.tasks[covered, 0].sum()),
        clusters_min=fewest,
        uncovered=uncovered,
    )


def _sums(groups: Groups, stratum: Integers, cluster: Integers, strata: int) -> _Sums:
    group = 2 * stratum + groups.treated
    pairs = np.unique(np.stack([group, cluster]), axis=1)

    def total(codes: Integers, weights: Floats) -> Floats:
        return np.bincount(codes, weights=weights, minlength=2 * strata).reshape(strata, 2).astype(np.float64)

    return _Sums(
        tasks=total(group, np.ones(len(group))).astype(np.int64),
        clusters=total(pairs[0], np.ones(pairs.shape[1])).astype(np.int64),
        effort=total(group, groups.effort_ms),
        per=total(group, groups.per),
    )


def _variance(groups: Groups, stratum: Integers, cluster: Integers, sums: _Sums, covered: Mask) -> float:
    """Σ_g psi_g². A group of which nothing is counted per (B = 0) has no ratio: its whole effort is its spread."""
    ratio = np.divide(sums.effort, sums.per, out=np.zeros_like(sums.effort), where=sums.per > 0)
    scale = np.sqrt(sums.clusters / np.maximum(sums.clusters - 1, 1))
    weight = np.stack([sums.per[:, 1] / np.where(covered, sums.per[:, 0], 1), np.full(len(covered), -1.0)], axis=1)
    weight = np.where(covered[:, None], scale * weight, 0.0)
    side = groups.treated.astype(np.int64)
    residual = groups.effort_ms - ratio[stratum, side] * groups.per
    psi = np.bincount(cluster, weights=weight[stratum, side] * residual)
    return float((psi**2).sum())


def _uncovered(name: str, sums: _Sums, k: int) -> Uncovered:
    control, treated = sums.tasks[k].tolist()
    control_clusters, treated_clusters = sums.clusters[k].tolist()
    return Uncovered(name, treated, control, treated_clusters, control_clusters, round(float(sums.effort[k, 1])))
