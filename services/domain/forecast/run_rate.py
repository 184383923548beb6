"""The annual run-rate: what the last twelve complete, mature months freed.

With fewer months it is annualised, rate = Σ·12/months, and marked. Its interval is that of the window's sum, times the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.domain.effect.refusal import Refusal
from services.domain.estimates import Estimate
from services.domain.forecast.months import mature_before

MONTHS: Final = 12


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
