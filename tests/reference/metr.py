"""The randomised trial METR 2025 (arXiv 2507.09089): 246 real tasks of 16 developers. Nothing of the project."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parents[3] / "shared" / "data" / "metr2025_rct.csv"
MS_PER_MINUTE = 60_000


@dataclass(frozen=True)
class Row:
    """A task, times in milliseconds. `rework_ms` (after review) is `None` where it is missing, which is not zero."""

    worker: str
    task: str
    treated: bool
    active_ms: int
    rework_ms: int | None
    predicted_without_ms: int
    predicted_with_ms: int


def rows(path: Path = PATH) -> Iterator[Row]:
    """The tasks in the order of the file. `ai_treatment` is 1 where AI was allowed."""
    with path.open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            rework = line["post_review_implementation_time"]
            yield Row(
                worker=line["dev_id"],
                task=line["issue_id"],
                treated=float(line["ai_treatment"]) == 1,
                active_ms=milliseconds(line["initial_implementation_time"]),
                rework_ms=milliseconds(rework) if rework else None,
                predicted_without_ms=milliseconds(line["predicted_time_no_ai"]),
                predicted_with_ms=milliseconds(line["predicted_time_ai_allowed"]),
            )


def milliseconds(minutes: str) -> int:
    return round(float(minutes) * MS_PER_MINUTE)
