"""Treated against control in each of a set of cells: sums, saving and the two parts of its variance.

The formulas are those of section 4 of the design, as `services.domain.effect.adjusted` states them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.clusters.strata import Codes, Floats, Integers, Strata, sums_by
from services.domain.effect.arms import Rows
from services.domain.effect.baseline_errors import BaselineError, Credited, error_variances
from services.domain.effect.drift import Drift, drifts

CONTROL, TREATED = 0, 1
"""Places of the arms in columns of shape (k, 2)."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Of k cells: `row` an example of each, shape (k,); `tasks`, `clusters`, `credit_ms` and `effort_ms`, shape (k, 2);
    `drift`, d and R (`scale`), shape (k,). d and R are 0 where no control task earns credit."""

    row: Codes
    tasks: Integers
    clusters: Codes
    credit_ms: Integers
    effort_ms: Integers
    d: Floats
    scale: Floats
    drift: Sequence[Drift | None]
    _strata: Strata
    _credited: Credited
    _errors: Sequence[BaselineError]

    @classmethod
    def of(cls, rows: Rows, index: Codes, cell: Codes, cluster: Codes) -> "Contrast":
        """Of the rows at `index`, shape (p,); `cell`, from 0 without a gap, and `cluster` are theirs."""
        _, example = np.unique(cell, return_index=True)
        cells, control = len(example), rows.control[index]
        stratum = 2 * cell + np.where(control, CONTROL, TREATED)
        strata = Strata.of(stratum, cluster, rows.effort_ms[index], rows.credit_ms[index], 2 * cells)
        credit = strata.credit_ms.reshape(cells, 2)
        known = credit[:, CONTROL] > 0
        scale = np.divide(credit[:, TREATED], credit[:, CONTROL], out=np.zeros(cells), where=known)
        counts = (np.where(arm, rows.n_credit[index], 0) for arm in (control, ~control))
        return cls(
            row=index[example],
            tasks=sums_by(stratum, rows.n[index], 2 * cells).reshape(cells, 2),
            clusters=strata.clusters.reshape(cells, 2),
            credit_ms=credit,
            effort_ms=strata.effort_ms.reshape(cells, 2),
            d=strata.ratio[CONTROL::2],
            scale=scale,
            drift=drifts(rows, index[control], cell[control], cluster[control], cells),
            _strata=strata,
            _credited=Credited.of(cell, rows.baseline[index], *counts),
            _errors=rows.errors,
        )

    @property
    def cells(self) -> int:
        """k."""
        return len(self.row)

    @property
    def saving(self) -> Floats:
        """S_k = d_k·B_Tk - E_Tk, shape (k,)."""
        return self.d * self.credit_ms[:, TREATED] - self.effort_ms[:, TREATED]

    def variances(self, group: Codes, groups: int) -> tuple[Floats, Floats]:
        """The variance of Σ S_k over the cells of each group, from tasks (Σ_g psi_g²) and from baselines, shape (groups,)."""
        weight = np.stack([self.scale, -np.ones(self.cells)], axis=1).ravel()
        of_tasks = self._strata.variances(weight, np.repeat(group, 2), groups)
        used = self._credited
        n_control, n_treated = used.counts
        w = self.d[used.group] * (n_treated - self.scale[used.group] * n_control)
        return of_tasks, error_variances(self._errors, group[used.group], used.baseline, w, groups)
