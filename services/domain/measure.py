"""What one task freed: the definition of the measure."""

from dataclasses import dataclass
from typing import Literal

from contracts.registry import Baseline
from contracts.tasks import TaskState

Status = Literal["measured", "unmeasured", "incomplete"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of a task, integer milliseconds. `saved_ms` is signed and never clipped; `None` where not measured."""

    status: Status
    counted_active_ms: int
    capped: bool
    effort_ms: int
    credit_ms: int | None
    saved_ms: int | None


def measure(task: TaskState, baseline: Baseline | None) -> Measurement:
    """The measurement of a task against the baseline that matches it, if one does.

    - The idle cap bounds the active part, for elapsed time alone; the raw time stays beside it in the task.
    - Effort is counted active + review + rework; a part that is unknown is missing, not zero: for an assisted task the
      measurement is `incomplete`, and effort holds the known parts. Without AI there is nothing to review or to rework,
      so an unknown part adds nothing.
    - Credit is the baseline's mean, for completed tasks that would exist without AI. Such a task without a baseline is
      `unmeasured`, even where parts are unknown too: the baseline may still come, and is then all that is asked for.
      Abandoned, escalated and induced tasks get no credit and need no baseline: saved = -effort.
    """
    cap = baseline.cap_ms if baseline is not None and task.time_basis == "elapsed" else None
    counted = task.active_ms if cap is None else min(task.active_ms, cap)
    effort = counted + (task.review_ms or 0) + (task.rework_ms or 0)
    capped = counted < task.active_ms
    earns_credit = task.outcome == "completed" and task.origin == "pre_existing"
    if earns_credit and baseline is None:
        return Measurement("unmeasured", counted, capped, effort, None, None)
    credit = baseline.mean_ms if earns_credit and baseline is not None else None
    if task.assistance != "none" and (task.review_ms is None or task.rework_ms is None):
        return Measurement("incomplete", counted, capped, effort, credit, None)
    return Measurement("measured", counted, capped, effort, credit, (credit or 0) - effort)
