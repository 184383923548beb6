"""Treated against control in each of a set of cells, credited with baselines: saving, drift, the two parts of the variance.

The formulas are those of section 4 of the design, as `services.domain.effect.adjusted` states them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.arrays import Codes, Floats
from services.domain.clusters.contrast import Contrast
from services.domain.effect.arms import Rows
from services.domain.effect.baseline_errors import BaselineError, Credited, error_variances
from services.domain.effect.drift import Drift, drifts


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Of k cells: `row` an example of each, shape (k,); `contrast` of their arms, with credit as what effort is counted per;
    `drift`, shape (k,)."""

    row: Codes
    contrast: Contrast
    drift: Sequence[Drift | None]
    _credited: Credited
    _errors: Sequence[BaselineError]

    @classmethod
    def of(cls, rows: Rows, index: Codes, cell: Codes, cluster: Codes) -> "Adjustment":
        """Of the rows at `index`, shape (p,); `cell`, from 0 without a gap, and `cluster` are theirs."""
        _, example = np.unique(cell, return_index=True)
        cells, control = len(example), rows.control[index]
        counts = (np.where(arm, rows.n_credit[index], 0) for arm in (control, ~control))
        return cls(
            row=index[example],
            contrast=Contrast.of(
                cell, ~control, cluster, rows.n[index], rows.effort_ms[index], rows.credit_ms[index], cells
            ),
            drift=drifts(rows, index[control], cell[control], cluster[control], cells),
            _credited=Credited.of(cell, rows.baseline[index], *counts),
            _errors=rows.errors,
        )

    @property
    def cells(self) -> int:
        """k."""
        return len(self.row)

    def baselines(self, cell: int) -> frozenset[str]:
        """The versions that the saving of a cell rests on: none where it has one, which cancels."""
        used = self._credited.baseline[self._credited.group == cell]
        return frozenset(self._errors[place].baseline for place in used.tolist()) if len(used) > 1 else frozenset()

    def baseline_variances(self, group: Codes, groups: int, *, of_correction: bool = False) -> Floats:
        """What the errors of baselines add to the variance of Σ S_k over the cells of each group, shape (groups,):
        Σ_sources (Σ_b |w_b|·SE_b)², w_b = Σ_k d_k·(n_Tkb - R_k·n_Ckb). `of_correction`: of Σ (d_k - 1)·B_Tk instead, where
        w_b = Σ_k (d_k - 1)·n_Tkb - d_k·R_k·n_Ckb."""
        used = self._credited
        n_control, n_treated = used.counts
        d, scale = self.contrast.d[used.group], self.contrast.scale[used.group]
        w = (d - 1 if of_correction else d) * n_treated - d * scale * n_control
        return error_variances(self._errors, group[used.group], used.baseline, w, groups)
