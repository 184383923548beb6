"""From the pieces of work of a log to an estimate per task type, with its evidence, and to what is proposed from it."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from services.baselines.work_items import WorkItem
from services.domain.estimate import Estimate, TimeBasis, estimate

EXPIRES_AFTER = timedelta(days=730)
"""24 months, unless renewed from a holdout."""
_DANISH: Final = str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "Æ": "ae", "Ø": "oe", "Å": "aa"})


@dataclass(frozen=True, slots=True)
class TaskTypeEstimate:
    """The estimate of one task type of a log; `activity` names what the log calls it, all spellings of it."""

    activity: str
    task_type: str
    estimate: Estimate
    window_from: datetime
    window_to: datetime

    @property
    def verdict(self) -> str:
        """Whether the data support a baseline, in words."""
        estimate = self.estimate
        if estimate.cap_ms is None and estimate.time_basis == "elapsed":
            return "unsupported: even a cap of 240 minutes would cut more than 2 % of the tasks"
        if estimate.clusters < 2:
            return "unsupported: a single case says nothing about the spread"
        if estimate.clusters < 30:
            return f"weak: {estimate.clusters} cases"
        return "supported"


def task_type_of(activity: str) -> str:
    """An activity's name as a local task type: `W_Nabellen offertes` is `local:w_nabellen-offertes`, `Høring` is
    `local:hoering`. Two names may give the same task type: then they are one."""
    composed = unicodedata.normalize("NFC", activity).translate(_DANISH)
    plain = unicodedata.normalize("NFKD", composed).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_.")[:64].rstrip("-_.")
    return f"local:{slug or 'unnamed'}"


def estimates(
    items: Iterable[WorkItem], before: datetime | None = None, time_basis: TimeBasis = "elapsed"
) -> list[TaskTypeEstimate]:
    """One estimate per task type, in their order, from items completed before `before` (all, if `None`).

    `time_basis`: what the durations are; the idle cap is for elapsed time alone.
    """
    by_task_type: dict[str, list[WorkItem]] = {}
    for item in items:
        if before is None or item.completed_at < before:
            by_task_type.setdefault(task_type_of(item.activity), []).append(item)
    return [_estimate(task_type, chosen, time_basis) for task_type, chosen in sorted(by_task_type.items())]


def _estimate(task_type: str, items: list[WorkItem], time_basis: TimeBasis) -> TaskTypeEstimate:
    durations = np.array([item.duration_ms for item in items], dtype=np.int64)
    return TaskTypeEstimate(
        activity=" / ".join(sorted({item.activity for item in items})),
        task_type=task_type,
        estimate=estimate(durations, [item.case for item in items], time_basis),
        window_from=min(item.started_at for item in items),
        window_to=max(item.completed_at for item in items),
    )


def source_token(path: Path) -> str:
    """A source file's name as a token: what names the evidence, and whose error its baselines share."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.name).strip("._-")[:128].rstrip("._-") or "unnamed"


def sha256_of(path: Path) -> str:
    """The digest of a source file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def proposal(
    found: TaskTypeEstimate,
    scope: dict[str, str],
    evidence: dict[str, str],
    proposed_by: str,
    valid_from: datetime,
) -> dict[str, Any]:
    """The fields of a proposed baseline but the version, which the registry gives.

    `scope`: level and authority or sector. `evidence`: source and sha256. The method is history, or self-report where
    the durations are what people said. Raises `ValueError` where it is unsupported.
    """
    estimate = found.estimate
    if not estimate.supported:
        raise ValueError(f"{found.activity}: {found.verdict}")
    whose = scope.get("authority") or scope.get("sector") or "nation"
    return {
        "baseline": f"{whose}/{found.task_type.removeprefix('local:')}",
        **scope,
        "task_type": found.task_type,
        "complexity": "any",
        "valid_from": rfc3339(valid_from),
        "valid_to": rfc3339(valid_from + EXPIRES_AFTER),
        "expires_at": rfc3339(valid_from + EXPIRES_AFTER),
        "n": estimate.n,
        "clusters": estimate.clusters,
        "mean_ms": estimate.mean_ms,
        "standard_error_ms": estimate.standard_error_ms,
        "median_ms": estimate.median_ms,
        "p90_ms": estimate.p90_ms,
        **({"cap_ms": estimate.cap_ms} if estimate.cap_ms is not None else {}),
        "method": "self_report" if estimate.time_basis == "self_reported" else "history",
        "evidence": {
            **evidence,
            "window_from": rfc3339(found.window_from),
            "window_to": rfc3339(found.window_to),
        },
        "proposed_by": proposed_by,
    }


def rfc3339(moment: datetime) -> str:
    """A timestamp as the contract wants it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
