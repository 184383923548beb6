"""A baseline's numbers from counted durations: n, clusters, mean, median, P90 and the clustered standard error."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from services.domain.caps import capped_share, idle_cap_ms


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimates of one task type, milliseconds. `cap_ms` is `None` where the durations support no cap: unsupported."""

    n: int
    clusters: int
    mean_ms: int
    standard_error_ms: int
    median_ms: int
    p90_ms: int
    cap_ms: int | None
    capped_share: float
    raw_mean_ms: int

    @property
    def supported(self) -> bool:
        """Whether a baseline may rest on it: a cap was found, and there are at least two clusters."""
        return self.cap_ms is not None and self.clusters >= 2


def estimate_elapsed(durations_ms: npt.NDArray[np.int64], clusters: Sequence[str]) -> Estimate:
    """The estimate from elapsed times (shape (n,), n > 0) and the cluster (case or team) of each.

    Mean: sum / n, rounded half up to the millisecond. Standard error of the mean with G clusters (Liang and Zeger 1986,
    with the small-sample factor G/(G-1)): sqrt(G/(G-1) · Σ_g (Σ_{i in g} (y_i - mean))²) / n.
    """
    cap = idle_cap_ms(durations_ms)
    counted = durations_ms if cap is None else np.minimum(durations_ms, cap)
    n = len(counted)
    mean = float(counted.sum()) / n
    _, codes = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    sums = np.bincount(codes, weights=counted - mean)
    groups = len(sums)
    error = sqrt(groups / (groups - 1) * float((sums**2).sum())) / n if groups > 1 else 0.0
    return Estimate(
        n=n,
        clusters=groups,
        mean_ms=rounded_mean(int(counted.sum()), n),
        standard_error_ms=round(error),
        median_ms=round(float(np.median(counted))),
        p90_ms=round(float(np.percentile(counted, 90))),
        cap_ms=cap,
        capped_share=capped_share(durations_ms, cap) if cap is not None else 1.0,
        raw_mean_ms=rounded_mean(int(durations_ms.sum()), n),
    )


def rounded_mean(total: int, count: int) -> int:
    """total / count, rounded half up."""
    return (2 * total + count) // (2 * count)
