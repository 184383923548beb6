"""Hours freed in one group of tasks against another: what the treated cost, and what they would have cost.

The formulas are those of `services.domain.clusters.contrast`, in strata k:

    freed    = Σ_k (d_k·B_Tk - E_k)
    interval = freed ± t_0.975(G_min - 1)·sqrt(Σ_g psi_g²)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from services.domain.arrays import Integers, Mask
from services.domain.clusters.codes import numbered, same_length
from services.domain.clusters.contrast import CONTROL, TREATED, Contrast
from services.domain.clusters.intervals import half_width
from services.domain.effect.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Groups:
    """Tasks of two groups as sums per (stratum, group, cluster), shape (m,): `n` tasks, their effort in milliseconds, and what
    the effort is counted `per` (mu: `n` for means, the effort predicted for them). Rows of one key may come in parts, a task
    a row for one. `cluster`: a token that is one cluster's wherever it stands, and one of its own for a task that has none."""

    treated: Mask
    n: Integers
    effort_ms: Integers
    per: Integers
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


def freed(groups: Groups, min_clusters: int = 2) -> Freed | Refusal:
    """Time freed by the treated. Strata where a group has fewer than `min_clusters` clusters (at least 2) are `uncovered`.

    Refused where no stratum is left. Raises `ValueError` where the columns are not of one length.
    """
    same_length(groups.treated, groups.n, groups.effort_ms, groups.per, groups.stratum, groups.cluster)
    names, stratum = numbered(groups.stratum)
    _, cluster = numbered(groups.cluster)
    strata = Contrast.of(stratum, groups.treated, cluster, groups.n, groups.effort_ms, groups.per, len(names))
    covered = (strata.clusters.min(axis=1) >= min_clusters) & (strata.per[:, CONTROL] > 0)
    if not covered.any():
        return Refusal(
            f"no stratum has {min_clusters} clusters in both groups: nothing shows what the treated tasks would have cost, "
            "or how clusters differ; it needs more tasks of both groups"
        )
    (saved, _), (variance, _), (fewest, _) = strata.savings(np.where(covered, 0, 1), 2)
    half = half_width(float(variance), int(fewest))
    return Freed(
        freed_ms=round(float(saved)),
        low_ms=float(saved) - half,
        high_ms=float(saved) + half,
        standard_error_ms=sqrt(variance),
        cost_ms=int(strata.effort[covered, TREATED].sum()),
        treated_tasks=int(strata.tasks[covered, TREATED].sum()),
        control_tasks=int(strata.tasks[covered, CONTROL].sum()),
        clusters_min=int(fewest),
        uncovered=tuple(_uncovered(str(names[k]), strata, k) for k in np.flatnonzero(~covered).tolist()),
    )


def _uncovered(name: str, strata: Contrast, k: int) -> Uncovered:
    control, treated = strata.tasks[k].tolist()
    control_clusters, treated_clusters = strata.clusters[k].tolist()
    return Uncovered(name, treated, control, treated_clusters, control_clusters, int(strata.effort[k, TREATED]))
