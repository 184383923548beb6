"""Two arms against each other in each of a set of cells: what the treated would have cost, less what they cost.

In cell k with control C and treated T: mu what effort is counted per, B = Σ mu, Y and E the effort of control and treated.

    d_k   = Y_k/B_Ck,   R_k = B_Tk/B_Ck,   rho_k = E_k/B_Tk
    S     = Σ_k (d_k·B_Tk - E_k)                                    signed, never clipped
    psi_g = Σ_k { a_Ck·R_k·Σ_{i in C_k, g} (y_i - d_k·mu_i)  -  a_Tk·Σ_{i in T_k, g} (e_i - rho_k·mu_i) },  a = sqrt(G/(G - 1))
    Var   = Σ_g psi_g²

With mu = 1 it is the difference of means times the number of treated; with another mu a ratio estimator. With credits as mu
it is the adjusted saving of section 4 of the design.
"""

from dataclasses import dataclass

import numpy as np

from services.domain.arrays import Codes, Floats, Integers, Mask
from services.domain.clusters.codes import float_sums_by, sums_by
from services.domain.clusters.strata import Strata

CONTROL, TREATED = 0, 1
"""Places of the arms in columns of shape (k, 2)."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Of k cells: `tasks`, `clusters`, `per` (B) and `effort` (Y, E) of both arms, shape (k, 2); d and R (`scale`), shape
    (k,), 0 where nothing of the control is counted per."""

    tasks: Integers
    clusters: Codes
    per: Integers
    effort: Integers
    d: Floats
    scale: Floats
    _strata: Strata

    @classmethod
    def of(
        cls, cell: Codes, treated: Mask, cluster: Codes, n: Integers, effort: Integers, per: Integers, cells: int
    ) -> "Contrast":
        """From rows, shape (m,), in any order, each a sum over `n` tasks; `cell` is below `cells`."""
        stratum = 2 * cell + np.where(treated, TREATED, CONTROL)
        strata = Strata.of(stratum, cluster, effort, per, 2 * cells)
        of_arms = strata.per.reshape(cells, 2)
        known = of_arms[:, CONTROL] > 0
        return cls(
            tasks=sums_by(stratum, n, 2 * cells).reshape(cells, 2),
            clusters=strata.clusters.reshape(cells, 2),
            per=of_arms,
            effort=strata.effort.reshape(cells, 2),
            d=strata.ratio[CONTROL::2],
            scale=np.divide(of_arms[:, TREATED], of_arms[:, CONTROL], out=np.zeros(cells), where=known),
            _strata=strata,
        )

    @property
    def cells(self) -> int:
        """k."""
        return len(self.d)

    @property
    def saving(self) -> Floats:
        """S_k = d_k·B_Tk - E_Tk, shape (k,)."""
        return self.d * self.per[:, TREATED] - self.effort[:, TREATED]

    def savings(self, group: Codes, groups: int) -> tuple[Floats, Floats, Codes]:
        """Of each group of cells, shape (groups,): Σ S_k, its variance, and the fewest clusters of any cell and arm."""
        return self._sums(self.saving, -1.0, self.clusters.min(axis=1), group, groups)

    def corrections(self, group: Codes, groups: int) -> tuple[Floats, Floats, Codes]:
        """Of each group of cells, shape (groups,): Σ (d_k - 1)·B_Tk, which is S less B_T - E_T; its variance, which is the
        control's alone; and the fewest clusters of any cell's control."""
        correction = (self.d - 1) * self.per[:, TREATED]
        return self._sums(correction, 0.0, self.clusters[:, CONTROL], group, groups)

    def _sums(
        self, values: Floats, of_treated: float, clusters: Codes, group: Codes, groups: int
    ) -> tuple[Floats, Floats, Codes]:
        weight = np.stack([self.scale, np.full(self.cells, of_treated)], axis=1).ravel()
        fewest = np.full(groups, np.iinfo(np.intp).max)
        np.minimum.at(fewest, group, clusters)
        variance = self._strata.variances(weight, np.repeat(group, 2), groups)
        return float_sums_by(group, values, groups), variance, fewest
