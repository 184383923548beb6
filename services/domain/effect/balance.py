"""Whether two groups have the same mix of tasks, and what the difference of their efforts is at the same mix.

**Standardised difference** of a cell's shares p_T, p_C (Austin 2009): (p_T - p_C)/sqrt((p_T(1 - p_T) + p_C(1 - p_C))/2). The
control's share is weighted to the strata of the treated, since arms may be drawn at other rates elsewhere.

**One test of all cells**, conditional on the tasks (Hansen and Bowers 2008): t_i the arm, p_s its share in stratum s, x_i the
cells of a task as 0/1 less their mean in the stratum, v_s = p_s(1 - p_s):

    U = Σ_i (t_i - p_s)·x_i,   V = n/(n - 1)·{ (1 - r)·Σ_i v_s x_i x_i' + r·Σ_g z_g z_g' },   z_g = Σ_{i in g} sqrt(v_s)·x_i
    U'V⁻¹U ~ chi²(q) where the lot, not the mix, decided the arm

r is how alike arms are within a cluster (intraclass correlation, between 0 and 1): 1 where cases were drawn whole, about 0 where
each task was drawn. The variance is the lot's own, not the residuals': with holdouts of 3 and 4 % a sandwich of the clusters
rejects 8 to 12 % of true lots at 5 %, this test 4.4 to 4.9 % (`tests/simulations/balance.py`). Cells where fewer than five
clusters are expected in the smaller arm are tested as one. Counts per (stratum, cell, arm, cluster) are all that this takes.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from scipy import special

from contracts.tasks import Arm
from services.domain.arrays import Codes, Floats, Integers, Mask
from services.domain.clusters.codes import clusters_by, float_sums_by, numbered, sums_by
from services.domain.effect.freed import Freed, Groups, freed
from services.domain.effect.mix import Pooled, TaskMix, pooled_cells
from services.domain.effect.refusal import Refusal

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
    cells = mix.cells()
    strata, stratum = numbered(mix.stratum)
    share = _by(stratum, mix.n * mix.treated) / _by(stratum, mix.n)
    both = (share > 0) & (share < 1)
    if not both.any():
        return Refusal("no stratum has tasks of both arms: nothing can be compared; it needs tasks of both")
    inside = np.flatnonzero(both[stratum])
    names, cell = numbered([cells[row] for row in inside.tolist()])
    drawn = _Drawn(
        n=mix.n[inside].astype(np.float64),
        treated=mix.treated[inside].astype(np.float64),
        expected=share[stratum[inside]],
        cell=cell,
        stratum=numbered([mix.stratum[row] for row in inside.tolist()])[1],
        cluster=numbered([mix.cluster[row] for row in inside.tolist()])[1],
    )
    rare = _rare(drawn)
    correlation = _arm_correlation(drawn)
    statistic, degrees = _test(drawn, rare, correlation)
    return Balance(
        cells=_cells(drawn, [str(name) for name in names]),
        statistic=statistic,
        degrees_of_freedom=degrees,
        p_value=float(special.chdtrc(degrees, statistic)) if degrees else None,
        arm_correlation=correlation,
        tested_together=tuple(str(name) for name in names[rare]) if rare.sum() > 1 else (),
        one_sided_strata=tuple(str(name) for name in strata[~both]),
    )


def post_stratified(mix: TaskMix, effort_ms: Integers) -> PostStratified | Refusal:
    """Time freed by the treated, cell by cell: the control's mean effort in a cell times the treated tasks of that cell.

    `effort_ms`: Σ effort of each row of the mix, shape (m,). Cells are those of `pooled_cells`. What cannot be compared at all
    is in `freed.uncovered`, never dropped in silence.
    """
    cells, pooled = pooled_cells(mix, MIN_STRATUM_CLUSTERS)
    found = freed(Groups(mix.treated, mix.n, effort_ms, mix.n, cells, mix.cluster), MIN_STRATUM_CLUSTERS)
    if isinstance(found, Refusal):
        return found
    outside = {uncovered.stratum for uncovered in found.uncovered}
    names, code = numbered(cells)
    counts = sums_by(2 * code + mix.treated, mix.n, 2 * len(names)).reshape(-1, 2).tolist()
    strata = (
        PostStratum(name, treated, control, None if name in outside else treated / control)
        for name, (control, treated) in zip(names.tolist(), counts, strict=True)
    )
    return PostStratified(found, tuple(strata), pooled)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Rows of strata that have both arms, shape (m,): how many tasks, their arm as 0 or 1, its share in the stratum."""

    n: Floats
    treated: Floats
    expected: Floats
    cell: Codes
    stratum: Codes
    cluster: Codes

    @property
    def variance(self) -> Floats:
        """v_s of each row's stratum."""
        return self.expected * (1 - self.expected)


def _by(code: Codes, weights: Floats | Integers) -> Floats:
    return float_sums_by(code, np.asarray(weights, dtype=np.float64), int(code.max(initial=-1)) + 1)


def _cells(drawn: _Drawn, names: list[str]) -> tuple[CellBalance, ...]:
    """Each treated task counts 1, each control task the odds p_s/(1 - p_s) of its stratum: both sum to the treated."""
    treated, control = _by(drawn.cell, drawn.n * drawn.treated), _by(drawn.cell, drawn.n * (1 - drawn.treated))
    odds = drawn.expected / (1 - drawn.expected)
    weighted = _by(drawn.cell, drawn.n * (1 - drawn.treated) * odds)
    columns = (treated, control, treated / treated.sum(), weighted / treated.sum())
    return tuple(
        _cell(name, int(here), int(there), share, other)
        for name, here, there, share, other in zip(names, *(column.tolist() for column in columns), strict=True)
    )


def _cell(name: str, treated: int, control: int, share: float, other: float) -> CellBalance:
    spread = (max(0.0, share * (1 - share)) + max(0.0, other * (1 - other))) / 2
    difference = (share - other) / sqrt(spread) if spread > 0 else None if treated == 0 or control == 0 else 0.0
    empty: Arm | None = "treatment" if treated == 0 else "control" if control == 0 else None
    return CellBalance(name, treated, control, share, other, difference, empty)


def _rare(drawn: _Drawn) -> Mask:
    tasks, treated = float(drawn.n.sum()), float((drawn.n * drawn.treated).sum())
    smaller = min(
        treated, tasks - treated
    )  # whole numbers: at the bound it must not matter which arm is called treated
    clusters = clusters_by(drawn.cell, drawn.cluster, int(drawn.cell.max()) + 1)
    rare: Mask = clusters * smaller < MIN_EXPECTED_CLUSTERS * tasks
    return rare


def _arm_correlation(drawn: _Drawn) -> float:
    """Σ_g Σ_{i ≠ j in g} (t_i - p)(t_j - p) over what it would be if arms were the same within clusters."""
    deviation, variance, n = drawn.treated - drawn.expected, drawn.variance, drawn.n
    pairs = float((_by(drawn.cluster, n * deviation) ** 2).sum() - (n * deviation**2).sum())
    at_most = float((_by(drawn.cluster, n * np.sqrt(variance)) ** 2).sum() - (n * variance).sum())
    return min(1.0, max(0.0, pairs / at_most)) if at_most > 0 else 0.0


def _test(drawn: _Drawn, rare: Mask, correlation: float) -> tuple[float, int]:
    """U'V⁻¹U and its degrees of freedom. One cell, or the rare ones as one, is left out: shares add up to 1."""
    kept = np.flatnonzero(~rare)
    kept = kept if rare.any() else kept[:-1]
    if len(kept) == 0:
        return 0.0, 0
    n, stratum, tasks = drawn.n, drawn.stratum, float(drawn.n.sum())
    one = (drawn.cell[:, None] == kept).astype(np.float64)
    centred = np.empty_like(one)
    for column in range(len(kept)):
        centred[:, column] = one[:, column] - (_by(stratum, n * one[:, column]) / _by(stratum, n))[stratum]
    scaled = centred * np.sqrt(drawn.variance)[:, None]
    by_cluster = np.zeros((int(drawn.cluster.max()) + 1, len(kept)))
    np.add.at(by_cluster, drawn.cluster, n[:, None] * scaled)
    score = (n * (drawn.treated - drawn.expected)) @ centred
    variance = (1 - correlation) * scaled.T @ (n[:, None] * scaled) + correlation * by_cluster.T @ by_cluster
    variance *= tasks / (tasks - 1)
    rank = int(np.linalg.matrix_rank(variance, hermitian=True))
    return float(score @ np.linalg.pinv(variance, hermitian=True) @ score), rank
