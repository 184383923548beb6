"""Heaping: durations that stand on round minutes more often than time does.

As in Whipple's index of rounded ages: the share of values on a multiple of m against 1/m, over whole blocks of m minutes
around the multiples, so that a slope of the density cancels. Of a density that falls ever more slowly, as that of handling
times does, less than 1/m stands on the middles of blocks: the comparison errs towards seeing no heaping.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from services.domain.arrays import Integers

STEPS_MINUTES: Final = (5, 15, 30)
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Heaping:
    """Of `n` durations that are long enough, the `share` within half a minute of a multiple of `minutes`, and what is
    expected of a smooth distribution. `p_value`: one-sided binomial test, as if the durations were independent."""

    minutes: int
    n: int
    share: float
    expected: float
    p_value: float

    @property
    def from_minutes(self) -> int:
        """From how many minutes on a duration is counted: half a step below the first multiple."""
        return _first(self.minutes)

    @property
    def rounded(self) -> float:
        """The share of durations that somebody rounded, if those that were not are smooth; 0 where there is no excess."""
        return max(0.0, (self.share - self.expected) / (1 - self.expected))


def heaping(durations_ms: Integers) -> tuple[Heaping, ...]:
    """Heaping at multiples of 5, 15 and 30 minutes. `durations_ms`: as they were recorded, before any cap; shape (n,)."""
    minutes = (durations_ms + _MINUTE_MS // 2) // _MINUTE_MS
    return tuple(_at(minutes, step) for step in STEPS_MINUTES)


def _at(minutes: Integers, step: int) -> Heaping:
    counted = minutes[minutes >= _first(step)]
    n = len(counted)
    if n == 0:
        return Heaping(step, 0, 0.0, 1 / step, 1.0)
    on = int(np.count_nonzero(counted % step == 0))
    p_value = float(special.bdtrc(on - 1, n, 1 / step))
    return Heaping(step, n, on / n, 1 / step, p_value)


def _first(step: int) -> int:
    return step - (step - 1) // 2
