"""What is still required: the time that is left, and what each year of it has to free."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

YEAR: Final = timedelta(days=365.2425)
"""The mean year of the calendar (Gregorian: 400 years of 146,097 days)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`left_ms` of the target, at least 0, in `years`; `per_year_ms` of it a year, `None` where no time is left for it."""

    left_ms: float
    years: float
    per_year_ms: float | None

    def times(self, rate_ms: float) -> float | None:
        """How many times the run-rate that is; `None` where nothing is freed, or no time is left."""
        return None if self.per_year_ms is None or rate_ms <= 0 else self.per_year_ms / rate_ms


def required(target_ms: float, so_far_ms: float, now: datetime, deadline: datetime) -> Pace:
    """The pace from `now` on that reaches the target at the deadline. What is reached is not reached again."""
    left = max(0.0, target_ms - so_far_ms)
    years = max(0.0, (deadline - now) / YEAR)
    if left == 0:
        return Pace(0.0, years, 0.0)
    return Pace(left, years, left / years if years else None)
