"""Event logs as CSV: a row a piece of work, with a duration column or a start and a completion column."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.baselines.work_items import ReadingCounts, WorkItem


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """Names of the columns. Either `started`, or `duration` in `duration_unit_ms` (60,000: minutes) before `completed`."""

    case: str = "case"
    activity: str = "activity"
    started: str = "started_at"
    completed: str = "completed_at"
    duration: str = ""
    duration_unit_ms: int = 60_000


def read_csv(path: Path, counts: ReadingCounts, columns: CsvColumns) -> Iterator[WorkItem]:
    """The pieces of work in a CSV file with a header. Raises `ValueError` naming the line and column at fault."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        needed = {columns.case, columns.activity, columns.completed, columns.duration or columns.started}
        missing = needed - set(reader.fieldnames or ())
        if missing:
            raise ValueError(
                f"{path} has no column {', '.join(sorted(missing))}; it has {', '.join(reader.fieldnames or ())}"
            )
        for row in reader:
            item = _item(row, columns, f"{path} line {reader.line_num}")
            if item.completed_at < item.started_at:
                counts.completed_before_started += 1
                continue
            counts.items += 1
            yield item


def _item(row: dict[str, str], columns: CsvColumns, place: str) -> WorkItem:
    completed = _moment(row[columns.completed], f"{place}, column {columns.completed}")
    if columns.duration:
        try:
            duration = timedelta(milliseconds=round(float(row[columns.duration]) * columns.duration_unit_ms))
        except ValueError as error:
            raise ValueError(f"{place}, column {columns.duration}: not a number") from error
        started = completed - duration
    else:
        started = _moment(row[columns.started], f"{place}, column {columns.started}")
    return WorkItem(row[columns.case], row[columns.activity], started, completed)


def _moment(text: str, place: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{place}: not a timestamp (ISO 8601 with offset)") from error
    if moment.tzinfo is None:
        raise ValueError(f"{place}: a timestamp without offset")
    return moment.astimezone(UTC)
