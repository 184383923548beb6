"""Whether a history is of one piece: its halves by time beside each other, and what one case or team weighs in it."""

from dataclasses import dataclass
from math import exp, log

import numpy as np

from services.domain.arrays import Integers, Mask
from services.domain.clusters.codes import numbered, sums_by
from services.domain.clusters.intervals import half_width
from services.domain.clusters.strata import Strata


@dataclass(frozen=True, slots=True)
class Ratio:
    """The mean of the second half / the mean of the first, with its clustered 95 % interval."""

    ratio: float
    low: float
    high: float

    def beyond(self, least: float) -> bool:
        """Whether the interval excludes 1 and the ratio differs from it by more than `least`, in either direction."""
        return not self.low <= 1 <= self.high and abs(log(self.ratio)) > log(1 + least)


def second_half(completed_ms: Integers) -> Mask:
    """Which tasks were completed in the second half of the time from the first completion to the last; shape (n,)."""
    return 2 * completed_ms >= int(completed_ms.min()) + int(completed_ms.max())


def ratio_of_means(values: Integers, second: Mask, clusters: Integers) -> Ratio | None:
    """m2/m1, where m1 and m2 are the means of the values outside and inside `second`; arrays of shape (n,).

        u_g     = a2·Σ_{i in g, 2} (y_i − m2)/(n2·m2) − a1·Σ_{i in g, 1} (y_i − m1)/(n1·m1),   a = sqrt(G/(G−1)) per half
        interval = m2/m1 · exp(± t_{0.975}(min(G1, G2) − 1) · sqrt(Σ_g u_g²))

    The delta method for the logarithm of a ratio, its variance clustered as that of a mean is (`clustered_error`): a
    cluster in both halves is added up over them before it is squared. `None` where a half has fewer than two clusters or
    no time at all: then nothing can be said.
    """
    half = second.astype(np.intp)
    halves = Strata.of(half, numbered(clusters)[1], values, np.ones_like(values), 2)
    fewest = int(halves.clusters.min())
    if fewest < 2 or not halves.effort.all():
        return None
    (variance,) = halves.variances(np.array([-1, 1]) / halves.effort, np.zeros(2, dtype=np.intp), 1)
    ratio = float(halves.ratio[1] / halves.ratio[0])
    width = exp(half_width(float(variance), fewest))
    return Ratio(ratio, ratio / width, ratio * width)


def ratio_of_tasks_per_cluster(second: Mask, clusters: Integers) -> Ratio | None:
    """Tasks per cluster in the second half / in the first. A cluster with tasks in both counts in each."""
    pairs, counts = np.unique(2 * clusters + second, return_counts=True)
    return ratio_of_means(counts, pairs % 2 == 1, pairs // 2)


def largest_share(values: Integers, clusters: Integers) -> float:
    """The share of the cluster with the largest sum of values in the sum of all; 0 where that is 0."""
    total = int(values.sum())
    if total == 0:
        return 0.0
    names, code = numbered(clusters)
    return int(sums_by(code, values, len(names)).max()) / total
