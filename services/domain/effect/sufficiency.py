"""Which cells have enough control, and what is pooled where they have not.

    authority × task type × complexity,  authority × task type       clusters: cases or teams
    task type × complexity,  task type   over all authorities left   clusters: the authorities

A cell is sufficient with 200 control tasks and, in each arm, 30 clusters. What is not is pooled upwards with what else was
too small; what is not enough at the last level is insufficient.

Over authorities 30 clusters can seldom be had, and their number says little: in simulation 95 % of the cells of 9 equal
authorities were covered and 91 % of those of 30 very unequal ones. So there the *effective* number is asked for, in each
arm, (Σ_a B_a)²/Σ_a B_a². Below 8 the interval held the truth in 81 to 93 % of the cells, from 8 on in 94 to 96 %
(docs/adr/0012, `make simulate`).
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from services.domain.arrays import Codes
from services.domain.clusters.codes import clusters_by, combined, effective_by, sums_by
from services.domain.clusters.pooling import pool
from services.domain.clusters.sizes import MIN_CLUSTERS, MIN_CONTROLS
from services.domain.effect.arms import Rows

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
    """What a cell must have at least: control tasks; in each arm, clusters (cases or teams) within an authority, and the
    effective number of authorities where these are pooled."""

    control_tasks: int = MIN_CONTROLS
    clusters: int = MIN_CLUSTERS
    effective_authorities: float = 8


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
            control = rows.control[index]
            found = sums_by(code[control], rows.n[index][control], codes) >= asked.control_tasks
            found &= sums_by(code[control], rows.credit_ms[index][control], codes) > 0
            for arm in (control, ~control):
                if level < ACROSS_AUTHORITIES:
                    found &= clusters_by(code[arm], rows.cluster[index][arm], codes) >= asked.clusters
                else:
                    sizes = effective_by(code[arm], rows.authority[index][arm], rows.credit_ms[index][arm], codes)
                    found &= sizes >= asked.effective_authorities
            return found

        cell, level = pool(levels, enough)
        pooled = np.append(level, 0)[cell] >= ACROSS_AUTHORITIES  # the 0 is for NO_CELL, -1
        cluster = np.where(pooled, int(rows.cluster.max(initial=-1)) + 1 + rows.authority, rows.cluster)
        return cls(cell, cluster, level)
