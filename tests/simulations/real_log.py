"""The later tasks of the real log, in numbers, with the baselines from before."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from services.baselines.estimates import estimates, task_type_of
from services.baselines.work_items import ReadingCounts
from services.baselines.xes import read_xes
from services.domain.arrays import Codes, Integers
from services.domain.clusters.codes import numbered
from services.domain.effect.baseline_errors import BaselineError
from tests.reference.log import worked

LOG: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "bpic2012.xes.gz"
CUT: Final = datetime(2012, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LaterTasks:
    """Tasks completed at or after the cut, shape (n,); of each task type, shape (k,), its cap and its baseline."""

    names: list[str]
    caps_ms: Integers
    means_ms: Integers
    errors: list[BaselineError]
    task_type: Codes
    case: Codes
    raw_ms: Integers

    @property
    def counted_ms(self) -> Integers:
        """Effort as it is counted: elapsed time up to the cap."""
        return np.minimum(self.raw_ms, self.caps_ms[self.task_type])

    @property
    def credit_ms(self) -> Integers:
        return self.means_ms[self.task_type]


def later_tasks() -> LaterTasks:
    """Reads the log and estimates the baselines from what was completed before the cut."""
    items = list(read_xes(LOG, ReadingCounts(), "W_"))
    found = estimates(items, CUT)
    later = [item for item in items if item.completed_at >= CUT]
    names = [one.task_type for one in found]
    return LaterTasks(
        names=names,
        caps_ms=np.array([one.estimate.cap_ms for one in found], dtype=np.int64),
        means_ms=np.array([one.estimate.mean_ms for one in found], dtype=np.int64),
        errors=[BaselineError(str(place), "log", one.estimate.standard_error_ms) for place, one in enumerate(found)],
        task_type=np.array([names.index(task_type_of(item.activity)) for item in later], dtype=np.intp),
        case=numbered([item.case for item in later])[1],
        raw_ms=np.array([item.duration_ms for item in later], dtype=np.int64),
    )


def later_workers() -> list[str]:
    """Who completed each of the later tasks, in the same order; empty: the log does not say."""
    return [worker for (*_, completed), worker in worked(LOG) if completed >= CUT]
