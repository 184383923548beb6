"""A baseline's numbers from durations: n, clusters, mean, median, P90 and the clustered standard error of the mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from contracts.tasks import TimeBasis
from services.domain.arrays import Integers
from services.domain.clusters.codes import numbered
from services.domain.clusters.strata import Strata
from services.domain.estimation.caps import CAPS_MS, capped_share, idle_cap_ms

Clusters = Sequence[str] | Integers
"""The case or team of each task: a token or a number."""


@dataclass(frozen=True, slots=True)
class OtherCaps:
    """Mean and clustered standard error of the same tasks, had the cap been half as high or twice, milliseconds; named as a
    baseline has them. They do not choose the cap: they show how much of a figure hangs on it."""

    mean_half_cap_ms: int
    standard_error_half_cap_ms: int
    mean_double_cap_ms: int
    standard_error_double_cap_ms: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimates of one task type, milliseconds of counted effort; `raw_mean_ms` is the mean before the cap.

    `cap_ms` is `None` where time needs no cap (any basis but elapsed), or where elapsed time supports none: then nothing
    was cut, and `capped_share` says what the largest cap would have cut. `other_caps` exactly where there is a cap.
    """

    n: int
    clusters: int
    mean_ms: int
    standard_error_ms: int
    median_ms: int
    p90_ms: int
    cap_ms: int | None
    capped_share: float
    raw_mean_ms: int
    time_basis: TimeBasis
    other_caps: OtherCaps | None = None

    def under_cap(self, cap_ms: int | None) -> OtherCaps | None:
        """What a baseline with this cap says of half and of double the cap; nothing without one. It may have a cap that these
        tasks do not: where their time was measured as work it is the same under every cap."""
        if cap_ms is None:
            return None
        same = self.mean_ms, self.standard_error_ms
        return self.other_caps or OtherCaps(*same, *same)

    @property
    def supported(self) -> bool:
        """Whether a baseline may rest on it: elapsed time has a cap, and there are at least two clusters."""
        return (self.cap_ms is not None or self.time_basis != "elapsed") and self.clusters >= 2


def estimate(
    durations_ms: Integers,
    clusters: Clusters,
    time_basis: TimeBasis,
    further_ms: Integers | None = None,
    fixed_cap_ms: int | None = None,
) -> Estimate:
    """The estimate from durations (milliseconds, shape (n,)) and the cluster (case or team) of each.

    `further_ms`: review and rework of each, where they are known: added to what the cap leaves of the duration, which is
    then the active part. The cap follows from the active parts and bounds them alone (docs/adr/0006); `fixed_cap_ms`: it
    was fixed before AI, and stays.

    Mean: sum / n, rounded half up to the millisecond. Median and P90: linear between the two nearest order statistics
    (Hyndman and Fan 1996, type 7), rounded half to even. Raises `ValueError` for no durations.
    """
    if len(durations_ms) == 0:
        raise ValueError("no durations")
    elapsed = time_basis == "elapsed"
    cap = (fixed_cap_ms or idle_cap_ms(durations_ms)) if elapsed else None
    further = np.zeros_like(durations_ms) if further_ms is None else further_ms
    counted = counted_ms(durations_ms, cap) + further
    error, groups = clustered_error(counted, clusters)
    return Estimate(
        n=len(counted),
        clusters=groups,
        mean_ms=rounded_mean(int(counted.sum()), len(counted)),
        standard_error_ms=round(error),
        median_ms=round(float(np.median(counted))),
        p90_ms=round(float(np.percentile(counted, 90))),
        cap_ms=cap,
        capped_share=capped_share(durations_ms, cap or CAPS_MS[-1]) if elapsed else 0.0,
        raw_mean_ms=rounded_mean(int(durations_ms.sum()) + int(further.sum()), len(durations_ms)),
        time_basis=time_basis,
        other_caps=None if cap is None else _other_caps(durations_ms, further, clusters, cap),
    )


def _other_caps(durations_ms: Integers, further_ms: Integers, clusters: Clusters, cap_ms: int) -> OtherCaps:
    figures = []
    for other in (cap_ms // 2, 2 * cap_ms):
        counted = counted_ms(durations_ms, other) + further_ms
        figures += [rounded_mean(int(counted.sum()), len(counted)), round(clustered_error(counted, clusters)[0])]
    return OtherCaps(*figures)


def counted_ms(durations_ms: Integers, cap_ms: int | None) -> Integers:
    """What the cap leaves of durations; all of them where there is none."""
    return durations_ms if cap_ms is None else np.minimum(durations_ms, cap_ms)


def clustered_error(values: Integers, clusters: Clusters) -> tuple[float, int]:
    """The standard error of the mean, in the unit of the values, and the number G of clusters; 0.0 for a single one.

    sqrt(G/(G-1) · Σ_g (Σ_{i in g} (y_i - mean))²) / n: the sandwich of Liang and Zeger (1986) for a mean, with the
    small-sample factor of Cameron and Miller (2015, "A Practitioner's Guide to Cluster-Robust Inference", section VI.B).
    With every value its own cluster it is the ordinary sd/sqrt(n).
    """
    one = np.zeros(len(values), dtype=np.intp)
    tasks = Strata.of(one, numbered(clusters)[1], values, np.ones_like(values), 1)
    (variance,) = tasks.variances(np.ones(1), one[:1], 1)
    return sqrt(variance) / len(values), int(tasks.clusters[0])


def rounded_mean(total: int, count: int) -> int:
    """total / count, rounded half up."""
    return (2 * total + count) // (2 * count)
