"""The mix of tasks in two groups: cells of task type × complexity × work × audience, pooled where a group is too thin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.domain.arrays import Codes, Integers, Mask
from services.domain.clusters.codes import clusters_by, numbered, same_length, sums_by
from services.domain.clusters.pooling import NO_CELL, pool


@dataclass(frozen=True, slots=True)
class TaskMix:
    """Tasks of two groups by what was known of them before the work began, counted: `n` tasks a row, shape (m,). Rows of one
    key may come in parts, a task a row for one. `stratum`: within what the groups were drawn, or have to be compared (an
    authority, a trial's stratum); empty for none. `cluster`: a token that is one cluster's wherever it stands, and one of
    its own for a task that has none."""

    treated: Mask
    n: Integers
    task_type: Sequence[str]
    complexity: Sequence[str]
    work: Sequence[str]
    audience: Sequence[str]
    stratum: Sequence[str]
    cluster: Sequence[str]

    def cells(self) -> list[str]:
        """The name of each row's cell, without its stratum. Raises `ValueError` where the columns are not of one length."""
        same_length(self.treated, self.n, self.stratum, self.cluster)
        return _joined(self.task_type, self.complexity, self.work, self.audience)


@dataclass(frozen=True, slots=True)
class Pooled:
    """A cell that is too thin in a group to stand alone, and the cells that it is compared with together."""

    cell: str
    into: str
    treated_tasks: int
    control_tasks: int


def pooled_cells(mix: TaskMix, min_clusters: int) -> tuple[list[str], tuple[Pooled, ...]]:
    """The cell of each row as it can be compared, shape (m,), and which cells were pooled for that.

    A cell stands where both groups have `min_clusters` clusters in it. What is left over is pooled within its task type and
    complexity, then within its task type; what is too thin even then joins the thinnest cell of its task type that stands.
    Task types are never pooled with each other: one says nothing of what another costs. So a task type that is too thin
    altogether comes back under its own name, and too thin.
    """
    labels = [np.array(_joined(*columns), dtype=object) for columns in _levels(mix)]
    levels = [numbered(label.astype(str))[1] for label in labels]
    _, cluster = numbered(mix.cluster)

    def thinnest(rows: Codes, code: Codes, codes: int) -> Codes:
        """The number of clusters of the group that has fewer."""
        groups = clusters_by(2 * code + mix.treated[rows], cluster[rows], 2 * codes)
        return np.asarray(groups.reshape(codes, 2).min(axis=1))

    cell, level_of = pool(levels, lambda _, rows, code, codes: thinnest(rows, code, codes) >= min_clusters)
    found = np.full(len(cell), "", dtype=object)
    for level, label in enumerate(labels):
        there = (cell != NO_CELL) & (np.append(level_of, NO_CELL)[cell] == level)
        found[there] = label[there]
    stands = np.flatnonzero(cell != NO_CELL)
    _join_the_rest(found, cell, labels[-1], thinnest(stands, cell[stands], len(level_of)))
    return found.tolist(), _moved(mix, labels[0], found)


def _levels(mix: TaskMix) -> tuple[tuple[Sequence[str], ...], ...]:
    own = (mix.stratum, mix.task_type, mix.complexity, mix.work, mix.audience)
    return own, own[:3], own[:2]


def _join_the_rest(found: npt.NDArray[np.object_], cell: Codes, types: npt.NDArray[np.object_], fewest: Codes) -> None:
    rest = cell == NO_CELL
    for task_type in sorted(set(types[rest].tolist())):
        of_type = types == task_type
        cells, example = np.unique(np.where(of_type, cell, NO_CELL), return_index=True)
        standing = [(int(fewest[k]), str(found[row])) for k, row in zip(cells, example, strict=True) if k != NO_CELL]
        found[rest & of_type] = min(standing, default=(0, task_type))[1]


def _moved(mix: TaskMix, own: npt.NDArray[np.object_], found: npt.NDArray[np.object_]) -> tuple[Pooled, ...]:
    names, code = numbered(own.astype(str))
    tasks = sums_by(2 * code + mix.treated, mix.n, 2 * len(names)).reshape(-1, 2)
    first = np.unique(code, return_index=True)[1].tolist()
    return tuple(
        Pooled(str(name), into, int(treated), int(control))
        for name, into, (control, treated) in zip(names, found[first].tolist(), tasks.tolist(), strict=True)
        if name != into
    )


def _joined(*columns: Sequence[str]) -> list[str]:
    return [" ".join(word for word in words if word) for words in zip(*columns, strict=True)]
