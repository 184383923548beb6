"""Cells and clusters: what every interval here is added up from.

Rows are numbered (`codes`), given a cell (`pool`) and added up by stratum and cluster (`Strata`): a stratum is a cell, or
one arm of it. Integer sums are exact, and floats are added in the order of the sorted names, so that the order in which
rows come changes no bit of a result.

    ratio_s  = Σ effort / Σ credit of the stratum          (rho of the treated, d of the control)
    psi_g    = Σ_s weight_s·a_s·Σ_{i in s, g} (effort_i - ratio_s·credit_i),   a_s = sqrt(G_s/(G_s - 1))
    variance = Σ_g psi_g²

This is the linearised (Taylor) variance of a weighted sum of ratios with clusters as sampling units (Cochran 1977,
"Sampling Techniques", chapter 6; Liang and Zeger 1986), with the small-sample factor G/(G-1) per stratum. A cluster that
is in several strata is added up over them before it is squared: what its tasks share, they share everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

Column: TypeAlias = Sequence[str] | npt.NDArray[np.str_] | npt.NDArray[np.int64]
"""Names, or whole numbers that stand for them; shape (m,)."""
Names: TypeAlias = npt.NDArray[np.str_] | npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.intp]
Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

MIN_CLUSTERS: Final = 30
NO_CELL: Final = -1
_COVERAGE: Final = 0.975


def numbered(column: Column) -> tuple[Names, Codes]:
    """The distinct values of a column, sorted, and for each row the place of its value among them."""
    values: npt.NDArray[Any] = np.asarray(column)
    names, found = np.unique(values, return_inverse=True)
    return names, found


def combined(*columns: Codes) -> Codes:
    """One number for each combination of codes that occurs, in the order of the combinations, from 0 without a gap."""
    joined = columns[0]
    for column in columns[1:]:
        joined = np.unique(joined * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    return joined


def sums_by(group: Codes, values: Integers, groups: int) -> Integers:
    """Σ values of each group, exact, shape (groups,)."""
    found = np.zeros(groups, dtype=np.int64)
    np.add.at(found, group, values)
    return found


def float_sums_by(group: Codes, values: Floats, groups: int) -> Floats:
    """Σ values of each group, added in the order of the rows, shape (groups,)."""
    return np.bincount(group, weights=values, minlength=groups).astype(np.float64, copy=False)


def clusters_by(group: Codes, cluster: Codes, groups: int) -> Codes:
    """How many different clusters each group has, shape (groups,)."""
    clusters = int(cluster.max(initial=0)) + 1
    return np.bincount(np.unique(group * clusters + cluster) // clusters, minlength=groups)


def effective_by(group: Codes, cluster: Codes, weight: Integers, groups: int) -> Floats:
    """The effective number of clusters of each group, shape (groups,): (Σ_g w_g)² / Σ_g w_g², w_g = Σ weight of cluster g
    (Kish 1965, "Survey Sampling", section 8.2). It is their number where all are equal, and 1 where one has everything.
    """
    clusters = int(cluster.max(initial=0)) + 1
    pairs, pair = np.unique(group * clusters + cluster, return_inverse=True)
    sums = sums_by(pair, weight, len(pairs)).astype(np.float64)
    total, squares = (float_sums_by(pairs // clusters, part, groups) for part in (sums, sums**2))
    return np.divide(total**2, squares, out=np.zeros(groups), where=squares > 0)


Enough: TypeAlias = Callable[[int, npt.NDArray[np.intp], Codes, int], npt.NDArray[np.bool_]]
"""(level, rows, the code of each of these rows, how many codes) -> for each code, whether it is enough for a cell."""


def pool(levels: Sequence[Codes], enough: Enough) -> tuple[Codes, Codes]:
    """The cell of each row: at the first, most specific level where what shares its code is enough; else `NO_CELL`.

    A row that has found its cell is no longer there at the levels above: what is pooled is what was too small. Returns
    the cell of each row, shape (m,), and the level of each cell.
    """
    cell = np.full(len(levels[0]), NO_CELL, dtype=np.intp)
    level_of: list[Codes] = [np.zeros(0, dtype=np.intp)]
    used = 0
    for level, names in enumerate(levels):
        rows = np.flatnonzero(cell == NO_CELL)
        if len(rows) == 0:
            break
        _, code = np.unique(names[rows], return_inverse=True)
        large = enough(level, rows, code, int(code.max()) + 1)
        numbers = used + np.cumsum(large) - 1
        cell[rows[large[code]]] = numbers[code[large[code]]]
        level_of.append(np.full(int(large.sum()), level, dtype=np.intp))
        used += int(large.sum())
    return cell, np.concatenate(level_of)


@dataclass(frozen=True, slots=True)
class Strata:
    """Sums of each stratum, shape (s,), and of each cluster in it (p pairs, in order). `ratio` is 0 where nothing earns
    credit: its effort is then not centred, and its whole spread counts. Milliseconds."""

    effort_ms: Integers
    credit_ms: Integers
    ratio: Floats
    clusters: Codes
    _stratum: Codes
    _cluster: Codes
    _residual: Floats

    @classmethod
    def of(cls, stratum: Codes, cluster: Codes, effort_ms: Integers, credit_ms: Integers, strata: int) -> "Strata":
        """From rows, shape (m,), in any order; `stratum` is below `strata`."""
        clusters = int(cluster.max(initial=0)) + 1
        pairs, pair = np.unique(stratum * clusters + cluster, return_inverse=True)
        of_pair, cluster_of_pair = pairs // clusters, pairs % clusters
        effort, credit = sums_by(pair, effort_ms, len(pairs)), sums_by(pair, credit_ms, len(pairs))
        effort_of, credit_of = sums_by(of_pair, effort, strata), sums_by(of_pair, credit, strata)
        ratio = np.divide(effort_of, credit_of, out=np.zeros(strata), where=credit_of > 0)
        residual = effort - ratio[of_pair] * credit
        counts = np.bincount(of_pair, minlength=strata)
        return cls(effort_of, credit_of, ratio, counts, of_pair, cluster_of_pair, residual)

    def variances(self, weight: Floats, group: Codes, groups: int) -> Floats:
        """Σ_g psi_g² of each group of strata, shape (groups,); a stratum of one cluster has no spread to show."""
        factor = weight * np.sqrt(self.clusters / np.maximum(self.clusters - 1, 1))
        clusters = int(self._cluster.max(initial=0)) + 1
        keys, key = np.unique(group[self._stratum] * clusters + self._cluster, return_inverse=True)
        psi = float_sums_by(key, factor[self._stratum] * self._residual, len(keys))
        return float_sums_by(keys // clusters, psi**2, groups)


def t_quantile(clusters: int) -> float:
    """t_{0.975}(clusters - 1), for at least two clusters."""
    return float(special.stdtrit(clusters - 1, _COVERAGE))


def half_width(variance: float, clusters: int) -> float | None:
    """Half of a 95 % interval: t_{0.975}(clusters - 1)·sqrt(variance); `None` where fewer than two clusters say nothing."""
    return t_quantile(clusters) * sqrt(variance) if clusters >= 2 else None
