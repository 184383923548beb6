"""How wrong a scenario has been, by horizon: forecasts as they would have been made at past origins, against what came.

    error of origin o at horizon h = Σ freed(o+1 … o+h) / forecast made at o  -  1

The forecast of an origin knows the months until o and nothing else (rolling origin: Tashman 2000). Errors of neighbouring
origins share months, so their number says more than it should; it is given beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.domain.effect.refusal import Refusal
from services.domain.forecast.run_rate import MONTHS
from services.domain.forecast.scenarios import Adoption, ScenarioName, adopted

FEWEST_MONTHS: Final = 36
FEWEST_KNOWN: Final = 24
"""Months that the first origin knows."""
FEWEST_ORIGINS: Final = 40
"""Below that no 2.5th percentile lies within what was seen."""


@dataclass(frozen=True, slots=True)
class History:
    """Of months in order, without a gap: what each freed (milliseconds), treated and eligible tasks,
    shape (m,)."""

    freed_ms: Sequence[float]
    treated: Sequence[int]
    eligible: Sequence[int]


@dataclass(frozen=True, slots=True)
class HorizonError:
    """Relative errors of `origins` forecasts at a horizon in months: their median and mean size, the ends of what was seen, and
    where there are 40 of them the 2.5th and 97.5th percentile."""

    horizon: int
    origins: int
    median: float
    mean_absolute: float
    lowest: float
    highest: float
    low: float | None
    high: float | None


def errors_by_horizon(scenario: ScenarioName, history: History) -> tuple[HorizonError, ...] | Refusal:
    """The errors at 1, 2, … 12 months. Refused under 36 months of data, or where no past forecast can be made."""
    months = len(history.freed_ms)
    if months < FEWEST_MONTHS:
        return Refusal(f"{months} mature months: how wrong a forecast is can be seen from {FEWEST_MONTHS} on")
    found = []
    for horizon in range(1, MONTHS + 1):
        each = [
            error
            for origin in range(FEWEST_KNOWN, months - horizon + 1)
            if (error := _error(scenario, history, origin, horizon)) is not None
        ]
        if each:
            found.append(_summary(horizon, np.array(each)))
    return tuple(found) or Refusal("no past forecast can be made: AI freed nothing, or adoption had gaps")


def _error(scenario: ScenarioName, history: History, origin: int, horizon: int) -> float | None:
    """`origin`: how many months are known then."""
    known = slice(origin - MONTHS, origin)
    treated = history.treated[known]
    grows = adopted(scenario, Adoption(0, treated, history.eligible[known]))
    per_task = sum(history.freed_ms[known]) / sum(treated) if sum(treated) else 0.0
    if isinstance(grows, Refusal) or per_task <= 0:
        return None
    forecast = per_task * sum(grows(j) for j in range(1, horizon + 1))
    return sum(history.freed_ms[origin : origin + horizon]) / forecast - 1


def _summary(horizon: int, errors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> HorizonError:
    enough = len(errors) >= FEWEST_ORIGINS
    low, high = np.quantile(errors, (0.025, 0.975)).tolist() if enough else (None, None)
    return HorizonError(
        horizon=horizon,
        origins=len(errors),
        median=float(np.median(errors)),
        mean_absolute=float(np.abs(errors).mean()),
        lowest=float(errors.min()),
        highest=float(errors.max()),
        low=low,
        high=high,
    )
