"""Rows numbered, and added up by their numbers.

Integer sums are exact, and floats are added in the order of the rows; callers give them in the order of sorted names, so that
the order in which rows come changes no bit of a result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from services.domain.arrays import Codes, Floats, Integers, Mask

Names: TypeAlias = npt.NDArray[np.str_] | npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Coded:
    """Names by their places: of row i, `names[codes[i]]`. `names` are sorted and distinct; not all of them need occur."""

    names: Names
    codes: Codes

    def __len__(self) -> int:
        """m."""
        return len(self.codes)

    def at(self, rows: Mask | Codes) -> "Coded":
        """These rows."""
        return Coded(self.names, self.codes[rows])


Column: TypeAlias = Sequence[str] | Names | Coded
"""Names, or whole numbers that stand for them; shape (m,)."""


def numbered(column: Column) -> tuple[Names, Codes]:
    """The distinct values of a column, sorted, and for each row the place of its value among them."""
    if isinstance(column, Coded):
        occurs = np.bincount(column.codes, minlength=len(column.names)) > 0
        return column.names[occurs], (np.cumsum(occurs) - 1)[column.codes]
    values: npt.NDArray[Any] = np.asarray(column)
    names, found = np.unique(values, return_inverse=True)
    return names, found


def chosen(column: Column, rows: Mask | Codes) -> Column:
    """These rows of a column: where a mask is true, or at places."""
    if isinstance(column, Coded):
        return column.at(rows)
    values: npt.NDArray[Any] = np.asarray(column)
    return values[rows]


def equal_to(column: Column, name: str) -> Mask:
    """Where a column of names has this one, shape (m,)."""
    names, code = numbered(column)
    found: Mask = (names == name)[code]
    return found


def combined(*columns: Codes) -> Codes:
    """One number for each combination of codes that occurs, in the order of the combinations, from 0 without a gap."""
    joined = columns[0]
    for column in columns[1:]:
        joined = np.unique(joined * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    return joined


def same_length(*columns: Column | Mask | Floats) -> None:
    """Raises `ValueError` where the columns of one table are not of one length."""
    lengths = sorted({len(column) for column in columns})
    if len(lengths) > 1:
        raise ValueError(f"columns of one table have {lengths} rows: give one value a row in every column")


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
