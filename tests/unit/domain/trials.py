"""Small trials for tests."""

from typing import Any

import numpy as np

from services.domain.trial import Nullable, Trial, TrialTasks, trial


def nullable(*values: int | None) -> Nullable:
    return Nullable(np.array([v or 0 for v in values], dtype=np.int64), np.array([v is not None for v in values]))


def trial_tasks(arms: str, active: list[int], **columns: Any) -> TrialTasks:
    """One task per letter of `arms` (t or c), each completed, of its own cluster, without review, rework or prediction."""
    n = len(arms)
    none, zero = nullable(*[None] * n), nullable(*[0] * n)
    given: dict[str, Any] = {
        "treated": np.array([arm == "t" for arm in arms]),
        "completed": np.ones(n, dtype=np.bool_),
        "active_ms": np.array(active),
        "review": zero,
        "rework": zero,
        "predicted_without": none,
        "predicted_with": none,
        "stratum": [""] * n,
        "cluster": [f"c{i}" for i in range(n)],
        "time_bases": frozenset({"measured"}),
        **columns,
    }
    return TrialTasks(**given)


def estimated(tasks: TrialTasks) -> Trial:
    found = trial(tasks)
    assert isinstance(found, Trial)
    return found
