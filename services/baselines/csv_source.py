"""Event logs as CSV: a row a piece of work, with a duration column or a start and a completion column."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from services.baselines.work_items import ReadingCounts, WorkItem, moment_of


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """Names of the columns. Either `started`, or `duration` in `duration_unit_ms` (60,000: minutes) before `completed`."""

    case: str = "case"
    activity: str = "activity"
    started: str = "started_at"
    completed: str = "completed_at"
    duration: str = ""
    duration_unit_ms: int = 60_000

    @property
    def needed(self) -> list[str]:
        """The columns that are read."""
        return [self.case, self.activity, self.duration or self.started, self.completed]


def read_csv(path: Path, counts: ReadingCounts, columns: CsvColumns, prefix: str = "") -> Iterator[WorkItem]:
    """The pieces of work in a CSV file (UTF-8, commas) with a header; `prefix` selects activities.

    Raises `ValueError` naming the line and column at fault.
    """
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        try:
            header = reader.fieldnames or ()
            missing = sorted(set(columns.needed) - set(header))
            if missing:
                raise ValueError(f"{path} has no column {', '.join(missing)}; it has {', '.join(header)}")
            for row in reader:
                if (row[columns.activity] or "").startswith(prefix):
                    yield from _items(row, columns, f"{path} line {reader.line_num}", reader.line_num, counts)
        except csv.Error as error:
            raise ValueError(f"{path} line {reader.line_num} is not CSV: {error}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 near line {reader.line_num + 1}") from error


def _items(
    row: dict[str, str], columns: CsvColumns, place: str, line: int, counts: ReadingCounts
) -> Iterator[WorkItem]:
    absent = [name for name in columns.needed if row[name] is None]
    if absent:
        raise ValueError(f"{place}: the row is too short, it has no {', '.join(absent)}")
    completed = moment_of(row[columns.completed], f"{place}, column {columns.completed}")
    if columns.duration:
        started = _before(completed, row[columns.duration], columns, f"{place}, column {columns.duration}")
    else:
        started = moment_of(row[columns.started], f"{place}, column {columns.started}")
    if completed < started:
        counts.completed_before_started += 1
        return
    counts.items += 1
    yield WorkItem(row[columns.case], row[columns.activity], started, completed, f"line {line}")


def _before(completed: datetime, duration: str, columns: CsvColumns, place: str) -> datetime:
    try:
        return completed - timedelta(milliseconds=round(float(duration) * columns.duration_unit_ms))
    except ValueError as error:
        raise ValueError(f"{place}: not a number") from error
    except OverflowError as error:
        raise ValueError(f"{place}: longer than time") from error
