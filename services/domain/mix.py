"""The mix of tasks in two groups: cells of task type × complexity × work × audience, pooled where a group is too thin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.domain.clusters import codes_of

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TaskMix:
    """n tasks of two groups by what was known of them before the work began, shape (n,) each. `stratum`: within what the
    groups were drawn, or have to be compared (an authority, a trial's stratum); empty for none. `cluster`: a token that is
    one cluster's wherever it stands, and one of its own for a task that has none."""

    treated: Mask
    task_type: Sequence[str]
    complexity: Sequence[str]
    work: Sequence[str]
    audience: Sequence[str]
    stratum: Sequence[str]
    cluster: Sequence[str]

    def cells(self) -> list[str]:
        """The name of each task's cell, without its stratum."""
        return _joined(self.task_type, self.complexity, self.work, self.audience)


@dataclass(frozen=True, slots=True)
class Pooled:
    """A cell that is too thin in a group to stand alone, and the cells that it is compared with together."""

    cell: str
    into: str
    treated_tasks: int
    control_tasks: int


def pooled_cells(mix: TaskMix, min_clusters: int) -> tuple[list[str], tuple[Pooled, ...]]:
    """The cell of each task as it can be compared, shape (n,), and which cells were pooled for that.

    A cell stands where both groups have `min_clusters` clusters in it. What is left over is pooled within its task type and
    complexity, then within its task type; what is too thin even then joins the thinnest cell of its task type that stands.
    Task types are never pooled with each other: one says nothing of what another costs. So a task type that is too thin
    altogether comes back under its own name, and too thin.
    """
    levels = (
        _joined(mix.stratum, mix.task_type, mix.complexity, mix.work, mix.audience),
        _joined(mix.stratum, mix.task_type, mix.complexity),
        _joined(mix.stratum, mix.task_type),
    )
    cell, names = codes_of(levels[0])
    own = np.asarray(levels[0], dtype=object)
    found = np.full(len(cell), "", dtype=object)
    cluster, _ = codes_of(mix.cluster)
    fewest: dict[str, int] = {}
    for labels in levels:
        open_tasks = np.flatnonzero(found == "")
        if len(open_tasks) == 0:
            break
        codes, words = codes_of([labels[i] for i in open_tasks.tolist()])
        thinnest = _clusters(codes, mix.treated[open_tasks], cluster[open_tasks], len(words))
        stands = thinnest >= min_clusters
        found[open_tasks[stands[codes]]] = np.asarray(words, dtype=object)[codes[stands[codes]]]
        fewest |= {words[k]: int(thinnest[k]) for k in np.flatnonzero(stands).tolist()}
    _join_the_rest(found, np.asarray(levels[2], dtype=object), fewest)
    moved = found != own
    return found.tolist(), tuple(
        Pooled(names[k], str(into), int((of & mix.treated).sum()), int((of & ~mix.treated).sum()))
        for k in np.unique(cell[moved]).tolist()
        for of in [cell == k]
        for into in [found[of][0]]
    )


def _join_the_rest(found: npt.NDArray[np.object_], types: npt.NDArray[np.object_], fewest: dict[str, int]) -> None:
    rest = found == ""
    for task_type in sorted(set(types[rest].tolist())):
        standing = sorted(set(found[(types == task_type) & ~rest].tolist()), key=lambda name: (fewest[name], name))
        found[rest & (types == task_type)] = standing[0] if standing else task_type


def _clusters(cell: Integers, treated: Mask, cluster: Integers, cells: int) -> Integers:
    """The number of clusters of the group that has fewer, per cell."""
    pairs = np.unique(np.stack([2 * cell + treated, cluster]), axis=1)
    fewest: Integers = np.bincount(pairs[0], minlength=2 * cells).reshape(cells, 2).min(axis=1)
    return fewest


def _joined(*columns: Sequence[str]) -> list[str]:
    return [" ".join(word for word in words if word) for words in zip(*columns, strict=True)]
