"""The idle cap: elapsed time counts up to it, since nobody works on one item over a weekend.

The smallest of 15, 30, 60, 120 and 240 minutes that caps at most 2 % of the baseline's tasks; where even 240 minutes caps
more, elapsed time does not support a baseline. The cap is fixed before AI and carried by the baseline, because a cap
attenuates effects and can turn their sign.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

CAPS_MS: Final = tuple(minutes * 60_000 for minutes in (15, 30, 60, 120, 240))
MOST_CAPPED: Final = 0.02


def idle_cap_ms(durations_ms: npt.NDArray[np.int64]) -> int | None:
    """The cap for these elapsed times (milliseconds, shape (n,)), or `None` where they support none."""
    for cap in CAPS_MS:
        if capped_share(durations_ms, cap) <= MOST_CAPPED:
            return cap
    return None


def capped_share(durations_ms: npt.NDArray[np.int64], cap_ms: int) -> float:
    """The share of tasks that the cap would cut; 0 for no tasks."""
    return float(np.count_nonzero(durations_ms > cap_ms)) / len(durations_ms) if len(durations_ms) else 0.0
