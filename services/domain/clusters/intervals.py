"""95 % intervals from a clustered variance."""

from math import sqrt
from typing import Final

from scipy import special

QUANTILE: Final = 0.975

NORMAL: Final = float(special.ndtri(QUANTILE))
"""z_{0.975}"""


def t_quantile(clusters: int) -> float:
    """t_{0.975}(clusters - 1). Raises `ValueError` under two clusters: one shows nothing of how clusters differ."""
    if clusters < 2:
        raise ValueError(f"{clusters} clusters say nothing of how clusters differ: an interval needs two")
    return float(special.stdtrit(clusters - 1, QUANTILE))


def half_width(variance: float, clusters: int) -> float:
    """Half of a 95 % interval: t_{0.975}(clusters - 1)·sqrt(variance). `clusters`: the fewest behind a part of the variance,
    at least two."""
    return t_quantile(clusters) * sqrt(variance)


def interval(value: float, variance: float, clusters: int) -> tuple[float | None, float | None]:
    """The ends of a 95 % interval about a value; both `None` where under two clusters say nothing."""
    if clusters < 2:
        return None, None
    half = half_width(variance, clusters)
    return value - half, value + half
