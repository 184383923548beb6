"""From the pieces of work of a log to the task events of an authority: the same file gives the same events."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.events import COMPLETED, schema_name
from services.baselines.estimates import rfc3339, task_type_of
from services.baselines.work_items import WorkItem


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a log becomes tasks. `key` makes case tokens opaque; `caps_ms` (by task type) and `factor_percent` make a
    hypothetical copy. Only work completed at or after `since` and before `until` is taken."""

    authority: str
    source: str
    file_sha256: str
    key: bytes
    assistance: str = "none"
    time_basis: str = "elapsed"
    work: str = "core"
    audience: str = "citizen"
    since: datetime | None = None
    until: datetime | None = None
    caps_ms: dict[str, int] = field(default_factory=dict)
    factor_percent: int = 100


def task_events(items: Iterable[WorkItem], options: ImportOptions) -> Iterator[dict[str, Any]]:
    """One `task.completed` event (structured mode) a piece of work, in the order of the log.

    Review and rework are inside the elapsed time, so they are known zeros. Where `factor_percent` is not 100, the counted
    (capped) time is multiplied by it and rounded half up, which is what a hypothetical AI copy claims.

    A task's id follows from the file, the place in it and the authority: importing again, or in parts, sends the same
    tasks again, and they count once.
    """
    for item in items:
        early = options.since is not None and item.completed_at < options.since
        late = options.until is not None and item.completed_at >= options.until
        if not (early or late):
            token = hashlib.sha256(f"{options.file_sha256}/{item.place}/{options.authority}".encode()).hexdigest()[:24]
            yield _event(item, f"t-{token}", options)


def _event(item: WorkItem, task: str, options: ImportOptions) -> dict[str, Any]:
    task_type = task_type_of(item.activity)
    cluster = hmac.new(options.key, item.case.encode(), "sha256").hexdigest()[:24]
    completed = rfc3339(item.completed_at)
    return {
        "specversion": "1.0",
        "id": f"{task}-1",
        "source": options.source,
        "type": COMPLETED,
        "subject": task,
        "partitionkey": task,
        "time": completed,
        "datacontenttype": "application/json",
        "dataschema": schema_name(COMPLETED),
        "data": {
            "authority": options.authority,
            "task": task,
            "revision": 1,
            "task_type": task_type,
            "complexity": "unspecified",
            "started_at": rfc3339(item.started_at),
            "completed_at": completed,
            "active_ms": active_ms(item, options),
            "review_ms": 0,
            "rework_ms": 0,
            "time_basis": options.time_basis,
            "assistance": options.assistance,
            "assignment": "chosen",
            "origin": "pre_existing",
            "outcome": "completed",
            "work": options.work,
            "audience": options.audience,
            "cluster": f"c-{cluster}",
            "cluster_kind": "case",
        },
    }


def active_ms(item: WorkItem, options: ImportOptions) -> int:
    """What the event says was worked, milliseconds."""
    if options.factor_percent == 100:
        return item.duration_ms
    counted = min(item.duration_ms, options.caps_ms.get(task_type_of(item.activity), item.duration_ms))
    return (counted * options.factor_percent + 50) // 100
