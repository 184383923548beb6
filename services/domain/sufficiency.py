"""Which cells have enough control, and what is pooled where they have not.

    authority × task type × complexity,  authority × task type       clusters: cases or teams
    task type × complexity,  task type   over all authorities left   clusters: the authorities

A cell is sufficient with 200 control tasks and, in each arm, 30 clusters. What is not is pooled upwards with what else was
too small; what is not enough at the last level is insufficient.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from services.domain.arms import Rows
from services.domain.cells import MIN_CLUSTERS, Codes, clusters_by, combined, pool, sums_by

Level = Literal["authority × task type × complexity", "authority × task type", "task type × complexity", "task type"]
LEVELS: Final[tuple[Level, ...]] = (
    "authority × task type × complexity",
    "authority × task type",
    "task type × complexity",
    "task type",
)
ACROSS_AUTHORITIES: Final = 2
"""The level from which on authorities are pooled."""


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """What a cell must have at least: control tasks, and in each arm clusters: cases or teams within an authority,
    authorities where they are pooled."""

    control_tasks: int = 200
    clusters: int = MIN_CLUSTERS
    authorities: int = 20


@dataclass(frozen=True, slots=True)
class Cells:
    """The cell of each row, `NO_CELL` where none is sufficient, and the cluster that its errors are added up by, shape
    (m,); the level of each cell, a place in `LEVELS`, shape (k,)."""

    cell: Codes
    cluster: Codes
    level: Codes

    @classmethod
    def of(cls, rows: Rows, asked: Sufficiency) -> "Cells":
        """The sufficient cells of these rows."""
        levels = (
            combined(rows.authority, rows.task_type, rows.complexity),
            combined(rows.authority, rows.task_type),
            combined(rows.task_type, rows.complexity),
            rows.task_type,
        )

        def enough(level: int, index: Codes, code: Codes, codes: int) -> npt.NDArray[np.bool_]:
            across = level >= ACROSS_AUTHORITIES
            cluster = (rows.authority if across else rows.cluster)[index]
            least = asked.authorities if across else asked.clusters
            control = rows.control[index]
            found = sums_by(code[control], rows.n[index][control], codes) >= asked.control_tasks
            found &= sums_by(code[control], rows.credit_ms[index][control], codes) > 0
            for arm in (control, ~control):
                found &= clusters_by(code[arm], cluster[arm], codes) >= least
            return found

        cell, level = pool(levels, enough)
        pooled = np.append(level, 0)[cell] >= ACROSS_AUTHORITIES  # the 0 is for NO_CELL, -1
        cluster = np.where(pooled, int(rows.cluster.max(initial=-1)) + 1 + rows.authority, rows.cluster)
        return cls(cell, cluster, level)
