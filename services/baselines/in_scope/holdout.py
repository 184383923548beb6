"""A baseline's numbers from its holdout: the control tasks that were received, analysed as drawn. Pure."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from services.domain.estimate import Estimate, estimate
from services.runtime.errors import Refused

FEWEST_TASKS: Final = 200
FEWEST_CLUSTERS: Final = 30
"""What the design calls a sufficient control."""
_COLUMNS: Final = ("authority", "task", "revision", "log_no", "partition", "offset", "cluster", "effort_ms")


@dataclass(frozen=True, slots=True)
class Holdout:
    """The estimate from control tasks, the evidence (a CSV file, one line a task in the order of authority and task), and
    how many tasks were left out by why."""

    estimate: Estimate
    evidence: bytes
    left_out: Mapping[str, int]

    @property
    def sha256(self) -> str:
        """The digest of the evidence, hex."""
        return hashlib.sha256(self.evidence).hexdigest()

    @property
    def source(self) -> str:
        """The evidence's name: no two holdouts share their error."""
        return f"holdout-{self.sha256[:16]}"


def holdout(controls: pa.Table, cap_ms: int | None) -> Holdout:
    """The holdout's numbers from control tasks (columns of `measurements`).

    Effort as for any task: the active part, if elapsed up to `cap_ms`, which stays as it was fixed before AI; review and
    rework. Left out: what would earn no credit, what people said, and what is incomplete. Clusters are those of the tasks,
    within an authority; a task without one is its own. Raises `Refused` under 200 tasks or 30 clusters.
    """
    used, left_out = [], Counter[str]()
    for row in sorted(controls.to_pylist(), key=lambda row: (row["authority"], row["task"])):
        if why := _unusable(row):
            left_out[why] += 1
        else:
            used.append({**row, "effort_ms": _effort_ms(row, cap_ms)})
    clusters = [f"{row['authority']}/{row['cluster'] or 'task:' + row['task']}" for row in used]
    if len(used) < FEWEST_TASKS or len(set(clusters)) < FEWEST_CLUSTERS:
        raise Refused(
            "the renewal",
            f"unsupported: the holdout has {len(used)} usable control tasks in {len(set(clusters))} clusters"
            + "".join(f", {count} left out: {why}" for why, count in sorted(left_out.items())),
            f"wait for at least {FEWEST_TASKS} tasks and {FEWEST_CLUSTERS} clusters, or widen the window",
        )
    lines = [",".join(_COLUMNS), *(",".join(str(row[name]) for name in _COLUMNS) for row in used)]
    efforts = np.array([row["effort_ms"] for row in used], dtype=np.int64)
    evidence = ("\n".join(lines) + "\n").encode()
    return Holdout(estimate(efforts, clusters, "measured"), evidence, dict(left_out))


def _unusable(row: Mapping[str, Any]) -> str:
    if row["outcome"] != "completed" or row["origin"] != "pre_existing":
        return "earns no credit"
    if row["time_basis"] == "self_reported":
        return "self-reported time"
    if row["assistance"] != "none" and (row["review_ms"] is None or row["rework_ms"] is None):
        return "incomplete"
    return ""


def _effort_ms(row: Mapping[str, Any], cap_ms: int | None) -> int:
    active: int = row["active_ms"]
    if row["time_basis"] == "elapsed" and cap_ms is not None:
        active = min(active, cap_ms)
    return active + (row["review_ms"] or 0) + (row["rework_ms"] or 0)
