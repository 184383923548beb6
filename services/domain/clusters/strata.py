"""Sums by stratum and cluster: what every clustered variance here is added up from. A stratum is a cell, or one arm of it.

    ratio_s  = Σ effort / Σ per of the stratum             per: what effort is counted per, mu (a credit, a task, a prediction)
    psi_g    = Σ_s weight_s·a_s·Σ_{i in s, g} (effort_i - ratio_s·per_i),   a_s = sqrt(G_s/(G_s - 1))
    variance = Σ_g psi_g²

This is the linearised (Taylor) variance of a weighted sum of ratios with clusters as sampling units (Cochran 1977,
"Sampling Techniques", chapter 6; Liang and Zeger 1986), with the small-sample factor G/(G-1) per stratum. A cluster that
is in several strata is added up over them before it is squared: what its tasks share, they share everywhere. With per = 1
the ratio is a mean. Sums per stratum and cluster are all it takes, since the ratio is one for all of a stratum.
"""

from dataclasses import dataclass

import numpy as np

from services.domain.arrays import Codes, Floats, Integers
from services.domain.clusters.codes import float_sums_by, sums_by


@dataclass(frozen=True, slots=True)
class Strata:
    """Sums of each stratum, shape (s,), and of each cluster in it (p pairs, in order). `ratio` is 0 where nothing is counted
    per: the effort is then not centred, and its whole spread counts."""

    effort: Integers
    per: Integers
    ratio: Floats
    clusters: Codes
    _stratum: Codes
    _cluster: Codes
    _residual: Floats

    @classmethod
    def of(cls, stratum: Codes, cluster: Codes, effort: Integers, per: Integers, strata: int) -> "Strata":
        """From rows, shape (m,), in any order; `stratum` is below `strata`."""
        clusters = int(cluster.max(initial=0)) + 1
        pairs, pair = np.unique(stratum * clusters + cluster, return_inverse=True)
        of_pair, cluster_of_pair = pairs // clusters, pairs % clusters
        effort_of_pair, per_of_pair = (sums_by(pair, values, len(pairs)) for values in (effort, per))
        effort_of, per_of = (sums_by(of_pair, values, strata) for values in (effort_of_pair, per_of_pair))
        ratio = np.divide(effort_of, per_of, out=np.zeros(strata), where=per_of > 0)
        residual = effort_of_pair - ratio[of_pair] * per_of_pair
        counts = np.bincount(of_pair, minlength=strata)
        return cls(effort_of, per_of, ratio, counts, of_pair, cluster_of_pair, residual)

    def variances(self, weight: Floats, group: Codes, groups: int) -> Floats:
        """Σ_g psi_g² of each group of strata, shape (groups,); a stratum of one cluster has no spread to show."""
        factor = weight * np.sqrt(self.clusters / np.maximum(self.clusters - 1, 1))
        clusters = int(self._cluster.max(initial=0)) + 1
        keys, key = np.unique(group[self._stratum] * clusters + self._cluster, return_inverse=True)
        psi = float_sums_by(key, factor[self._stratum] * self._residual, len(keys))
        return float_sums_by(keys // clusters, psi**2, groups)
