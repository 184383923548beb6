"""What estimates with clustered errors share: codes of tokens, and the interval's half-width."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

Integers = npt.NDArray[np.int64]

QUANTILE: Final = 0.975


def codes_of(tokens: Sequence[str]) -> tuple[Integers, list[str]]:
    """A code from 0 for each token, shape (n,), and the distinct tokens, sorted, in the order of their codes."""
    names = sorted(set(tokens))
    place = {name: code for code, name in enumerate(names)}
    return np.fromiter((place[token] for token in tokens), dtype=np.int64, count=len(tokens)), names


def half_width(variance: float, groups: int) -> float:
    """Half of a 95 % interval: t_0.975(groups - 1)·sqrt(variance). `groups`: the fewest clusters behind a part of the
    variance, at least 2."""
    return float(stats.t.ppf(QUANTILE, groups - 1)) * sqrt(variance)
