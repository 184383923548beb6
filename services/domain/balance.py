"""Whether two groups have the same mix of tasks, and what the difference of their efforts is at the same mix.

**Standardised difference** of a cell's shares p_T, p_C (Austin 2009): (p_T - p_C)/sqrt((p_T(1 - p_T) + p_C(1 - p_C))/2). The
control's share is weighted to the strata of the treated, since arms may be drawn at other rates elsewhere.

**One test of all cells**, conditional on the tasks (Hansen and Bowers 2008): t_i the arm, p_s its share in stratum s, x_i the
cells of a task as 0/1 less their mean in the stratum, v_s = p_s(1 - p_s):

    U = Σ_i (t_i - p_s)·x_i,   V = n/(n - 1)·{ (1 - r)·Σ_i v_s x_i x_i' + r·Σ_g z_g z_g' },   z_g = Σ_{i in g} sqrt(v_s)·x_i
    U'V⁻¹U ~ chi²(q) where the lot, not the mix, decided the arm

r is how alike arms are within a cluster (intraclass correlation, between 0 and 1): 1 where cases were drawn whole, about 0 where
each task was drawn. The variance is the lot's own, not the residuals': with holdouts of 3 and 4 % a sandwich of the clusters
rejects 8 to 12 % of true lots at 5 %, this test 4.5 to 4.9 % (`tests/simulations/balance.py`). Cells where fewer than five
clusters are expected in the smaller arm are tested as one.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from contracts.tasks import Arm
from services.domain.clusters import codes_of
from services.domain.freed import Freed, Groups, freed
from services.domain.mix import Pooled, TaskMix, pooled_cells
from services.domain.refusal import Refusal

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MIN_EXPECTED_CLUSTERS: Final = 5
MIN_STRATUM_CLUSTERS: Final = 10
"""Clusters in each group of a post-stratum: with fewer its cell is pooled."""


@dataclass(frozen=True, slots=True)
class CellBalance:
    """A cell of the mix. `standardised_difference` is `None` where one arm has nothing but this cell and the other nothing of
    it; `empty_in` names the arm that has no task of the cell."""

    cell: str
    treated_tasks: int
    control_tasks: int
    treated_share: float
    control_share: float
    standardised_difference: float | None
    empty_in: Arm | None


@dataclass(frozen=True, slots=True)
class Balance:
    """The mix in both arms. `p_value` is `None` where there are under two cells to test. `tested_together`: cells that are
    too rare to be tested alone. `one_sided_strata` have tasks of one arm only: nothing of them is compared."""

    cells: tuple[CellBalance, ...]
    statistic: float
    degrees_of_freedom: int
    p_value: float | None
    arm_correlation: float
    tested_together: tuple[str, ...]
    one_sided_strata: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PostStratum:
    """A cell in which the groups are compared; each control task counts `control_weight` times, so that the control has the
    mix of the treated. `None`: too thin to be compared, and in `freed.uncovered`."""

    cell: str
    treated_tasks: int
    control_tasks: int
    control_weight: float | None


@dataclass(frozen=True, slots=True)
class PostStratified:
    """Time freed at the mix of the treated. `pooled`: cells that were too thin to stand alone."""

    freed: Freed
    strata: tuple[PostStratum, ...]
    pooled: tuple[Pooled, ...]


def balance(mix: TaskMix) -> Balance | Refusal:
    """The balance of a mix. Refused where no stratum has tasks of both arms."""
    stratum, strata = codes_of(mix.stratum)
    share = np.bincount(stratum, weights=mix.treated) / np.bincount(stratum)
    both = (share > 0) & (share < 1)
    if not both.any():
        return Refusal("no stratum has tasks of both arms: nothing can be compared; it needs tasks of both")
    inside = both[stratum]
    cell, names = codes_of([name for name, kept in zip(mix.cells(), inside.tolist(), strict=True) if kept])
    cluster, _ = codes_of([token for token, kept in zip(mix.cluster, inside.tolist(), strict=True) if kept])
    treated = mix.treated[inside].astype(np.float64)
    expected = share[stratum[inside]]
    rare = _rare(cell, cluster, min(treated.mean(), 1 - treated.mean()))
    correlation = _arm_correlation(treated - expected, expected * (1 - expected), cluster)
    statistic, degrees = _test(cell, rare, stratum[inside], cluster, treated, correlation)
    return Balance(
        cells=_cells(cell, names, treated, expected),
        statistic=statistic,
        degrees_of_freedom=degrees,
        p_value=float(stats.chi2.sf(statistic, degrees)) if degrees else None,
        arm_correlation=correlation,
        tested_together=tuple(names[k] for k in np.flatnonzero(rare).tolist()) if rare.sum() > 1 else (),
        one_sided_strata=tuple(strata[k] for k in np.flatnonzero(~both).tolist()),
    )


def post_stratified(mix: TaskMix, effort_ms: Floats) -> PostStratified | Refusal:
    """Time freed by the treated, cell by cell: the control's mean effort in a cell times the treated tasks of that cell.

    Cells are those of `pooled_cells`. What cannot be compared at all is in `freed.uncovered`, never dropped in silence.
    """
    cells, pooled = pooled_cells(mix, MIN_STRATUM_CLUSTERS)
    found = freed(Groups(mix.treated, effort_ms, np.ones_like(effort_ms), cells, mix.cluster), MIN_STRATUM_CLUSTERS)
    if isinstance(found, Refusal):
        return found
    outside = {uncovered.stratum for uncovered in found.uncovered}
    codes, names = codes_of(cells)
    counts = np.bincount(2 * codes + mix.treated, minlength=2 * len(names)).reshape(-1, 2).tolist()
    strata = (
        PostStratum(name, treated, control, None if name in outside else treated / control)
        for name, (control, treated) in zip(names, counts, strict=True)
    )
    return PostStratified(found, tuple(strata), pooled)


def _cells(cell: Integers, names: list[str], treated: Floats, expected: Floats) -> tuple[CellBalance, ...]:
    """Each treated task counts 1, each control task the odds p_s/(1 - p_s) of its stratum: both sum to the treated."""
    control = (1 - treated) * expected / (1 - expected)
    total = treated.sum()
    return tuple(
        _cell(names[k], int(drawn), int(rest), share, other)
        for k, (drawn, rest, share, other) in enumerate(
            zip(
                np.bincount(cell, weights=treated).tolist(),
                np.bincount(cell, weights=1 - treated).tolist(),
                (np.bincount(cell, weights=treated) / total).tolist(),
                (np.bincount(cell, weights=control) / total).tolist(),
                strict=True,
            )
        )
    )


def _cell(name: str, treated: int, control: int, share: float, other: float) -> CellBalance:
    spread = (max(0.0, share * (1 - share)) + max(0.0, other * (1 - other))) / 2
    difference = (share - other) / sqrt(spread) if spread > 0 else None if treated == 0 or control == 0 else 0.0
    empty: Arm | None = "treatment" if treated == 0 else "control" if control == 0 else None
    return CellBalance(name, treated, control, share, other, difference, empty)


def _rare(cell: Integers, cluster: Integers, smaller_arm: float) -> npt.NDArray[np.bool_]:
    clusters = np.bincount(np.unique(np.stack([cell, cluster]), axis=1)[0])
    rare: npt.NDArray[np.bool_] = clusters * smaller_arm < MIN_EXPECTED_CLUSTERS
    return rare


def _arm_correlation(deviation: Floats, variance: Floats, cluster: Integers) -> float:
    """Σ_g Σ_{i ≠ j in g} (t_i - p)(t_j - p) over what it would be if arms were the same within clusters."""
    pairs = float((np.bincount(cluster, weights=deviation) ** 2).sum() - (deviation**2).sum())
    at_most = float((np.bincount(cluster, weights=np.sqrt(variance)) ** 2).sum() - variance.sum())
    return min(1.0, max(0.0, pairs / at_most)) if at_most > 0 else 0.0


def _test(
    cell: Integers,
    rare: npt.NDArray[np.bool_],
    stratum: Integers,
    cluster: Integers,
    treated: Floats,
    correlation: float,
) -> tuple[float, int]:
    """U'V⁻¹U and its degrees of freedom. One cell, or the rare ones as one, is left out: shares add up to 1."""
    kept = np.flatnonzero(~rare)
    kept = kept if rare.any() else kept[:-1]
    if len(kept) == 0:
        return 0.0, 0
    _, codes = np.unique(stratum, return_inverse=True)
    counts = np.bincount(codes)
    share = (np.bincount(codes, weights=treated) / counts)[codes]
    one = (cell[:, None] == kept).astype(np.float64)
    centred = np.empty_like(one)
    for column in range(len(kept)):
        centred[:, column] = one[:, column] - (np.bincount(codes, weights=one[:, column]) / counts)[codes]
    scaled = centred * np.sqrt(share * (1 - share))[:, None]
    by_cluster = np.zeros((int(cluster.max()) + 1, len(kept)))
    np.add.at(by_cluster, cluster, scaled)
    score = (treated - share) @ centred
    variance = (1 - correlation) * scaled.T @ scaled + correlation * by_cluster.T @ by_cluster
    variance *= len(cell) / (len(cell) - 1)
    rank = int(np.linalg.matrix_rank(variance, hermitian=True))
    return float(score @ np.linalg.pinv(variance, hermitian=True) @ score), rank
