"""The annual run-rate: what the last twelve complete, mature months freed.

With fewer months it is annualised, rate = Σ·12/months, and marked. Its interval is that of the window's sum, times the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.domain.effect.refusal import Refusal
from services.domain.forecast.months import mature_before

MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time with the ends of its 95 % interval, milliseconds; these are `None` where nothing shows its spread."""

    ms: float
    low_ms: float | None
    high_ms: float | None

    def times(self, factor: float) -> "Estimate":
        """All of it, so many times (at least 0)."""
        low, high = (None if end is None else end * factor for end in (self.low_ms, self.high_ms))
        return Estimate(self.ms * factor, low, high)

    def plus(self, other: "Estimate") -> "Estimate":
        """The sum under one common draw: what moves the one moves the other as far as it goes. No narrower sum is honest
        where both rest on the same effect."""
        if self.low_ms is None or self.high_ms is None or other.low_ms is None or other.high_ms is None:
            return Estimate(self.ms + other.ms, None, None)
        return Estimate(self.ms + other.ms, self.low_ms + other.low_ms, self.high_ms + other.high_ms)


@dataclass(frozen=True, slots=True)
class Window:
    """`months` complete and mature months from `first` on."""

    first: int
    months: int

    @property
    def last(self) -> int:
        """Its last month."""
        return self.first + self.months - 1

    @property
    def annualised(self) -> bool:
        """Whether it is shorter than a year."""
        return self.months < MONTHS

    def rate(self, freed: Estimate) -> Estimate:
        """A year's, from what the window freed."""
        return freed.times(MONTHS / self.months)


def rate_window(first_month: int | None, now: datetime) -> Window | Refusal:
    """The window of the run-rate. `first_month`: the one in which the first task with AI was completed, `None`: there is none.
    A first month that AI was not used in from its first day counts as it is, which makes the rate too low and never too high.
    """
    end = mature_before(now)
    if first_month is None:
        return Refusal("no task with AI was measured")
    if first_month >= end:
        return Refusal("no month with AI is complete and older than 90 days: rework of its tasks is still coming")
    first = max(first_month, end - MONTHS)
    return Window(first, end - first)
