"""From the pieces of work of a log to an estimate per task type, with its evidence, and to what is proposed from it."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from contracts.events import epoch_ms
from contracts.registry import BaselineComplexity, Method
from contracts.tasks import TimeBasis
from services.baselines.work_items import WorkItem
from services.domain.arrays import Integers
from services.domain.estimation.diagnosis import Diagnosis, diagnose
from services.domain.estimation.estimate import Estimate
from services.domain.estimation.history import History
from services.domain.estimation.verdict import Verdict, judge

EXPIRES_AFTER = timedelta(days=730)
"""24 months, unless renewed from a holdout."""
_DANISH: Final = str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "Æ": "ae", "Ø": "oe", "Å": "aa"})


@dataclass(frozen=True, slots=True)
class TaskTypeEstimate:
    """The estimate of one task type and complexity; `activity` names what the source calls it, all spellings of it."""

    activity: str
    task_type: str
    estimate: Estimate
    diagnosis: Diagnosis
    window_from: datetime
    window_to: datetime
    method: Method
    complexity: BaselineComplexity = "any"

    @property
    def verdict(self) -> Verdict:
        """Whether the data support a baseline, and every reason."""
        return judge(self.estimate, self.diagnosis)


def task_type_of(activity: str) -> str:
    """An activity's name as a local task type: `W_Nabellen offertes` is `local:w_nabellen-offertes`, `Høring` is
    `local:hoering`. Two names may give the same task type: then they are one."""
    composed = unicodedata.normalize("NFC", activity).translate(_DANISH)
    plain = unicodedata.normalize("NFKD", composed).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_.")[:64].rstrip("-_.")
    return f"local:{slug or 'unnamed'}"


def estimates(
    items: Sequence[WorkItem],
    before: datetime | None = None,
    time_basis: TimeBasis = "elapsed",
    observed_until: datetime | None = None,
) -> list[TaskTypeEstimate]:
    """One estimate per task type, in their order, from items completed before `before` (all, if `None`).

    `time_basis`: what the durations are; the idle cap is for elapsed time alone. `observed_until`: until when the source
    shows what was done to its tasks; if `None`, until its last completion, of whatever task type and after `before` too.
    """
    if not items:
        return []
    by_task_type: dict[str, list[WorkItem]] = {}
    for item in items:
        if before is None or item.completed_at < before:
            by_task_type.setdefault(task_type_of(item.activity), []).append(item)
    until = observed_until or max(item.completed_at for item in items)
    return [_estimate(task_type, chosen, time_basis, until) for task_type, chosen in sorted(by_task_type.items())]


def _estimate(task_type: str, items: list[WorkItem], time_basis: TimeBasis, until: datetime) -> TaskTypeEstimate:
    estimate, diagnosis = diagnose(_history(items, time_basis), epoch_ms(until))
    return TaskTypeEstimate(
        activity=" / ".join(sorted({item.activity for item in items})),
        task_type=task_type,
        estimate=estimate,
        diagnosis=diagnosis,
        window_from=min(item.started_at for item in items),
        window_to=max(item.completed_at for item in items),
        method="self_report" if time_basis == "self_reported" else "history",
    )


def _history(items: list[WorkItem], time_basis: TimeBasis) -> History:
    _, cases = np.unique([item.case for item in items], return_inverse=True)
    review, rework = ([getattr(item, name) for item in items] for name in ("review_ms", "rework_ms"))
    return History(
        completed_ms=_integers(epoch_ms(item.completed_at) for item in items),
        active_ms=_integers(item.duration_ms for item in items),
        review_ms=_integers(ms or 0 for ms in review),
        review_known=np.array([ms is not None for ms in review]),
        rework_ms=_integers(ms or 0 for ms in rework),
        rework_known=np.array([ms is not None for ms in rework]),
        clusters=cases.astype(np.int64),
        cluster_kind="case",
        time_basis=time_basis,
    )


def _integers(values: Iterable[int]) -> Integers:
    return np.fromiter(values, dtype=np.int64)


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

    `scope`: level and authority or sector. `evidence`: source and sha256. Raises `ValueError` where it is unsupported.
    """
    estimate = found.estimate
    if not estimate.supported:
        raise ValueError(f"{found.activity}: {found.verdict}")
    other_caps = estimate.under_cap(estimate.cap_ms)
    whose = scope.get("authority") or scope.get("sector") or "nation"
    series = f"{whose}/{found.task_type.removeprefix('local:')}"
    return {
        "baseline": series if found.complexity == "any" else f"{series}/{found.complexity}",
        **scope,
        "task_type": found.task_type,
        "complexity": found.complexity,
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
        **(asdict(other_caps) if other_caps is not None else {}),
        "method": found.method,
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
