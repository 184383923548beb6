"""Event logs as CSV: a row a piece of work, with a duration column or a start and a completion column."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from services.baselines.source_files import Watch, opened, unwatched
from services.baselines.work_items import (
    LogColumns,
    ReadingCounts,
    WorkItem,
    milliseconds_of,
    moment_of,
    started_before,
)


def read_csv(
    path: Path, counts: ReadingCounts, columns: LogColumns, prefix: str = "", watch: Watch = unwatched
) -> Iterator[WorkItem]:
    """The pieces of work in a CSV file (UTF-8, commas, plain or gzip) with a header; `prefix` selects activities.

    A review or rework field that is empty is unknown, which is not zero. Raises `ValueError` naming the line and column at
    fault.
    """
    with opened(path, watch) as stream:
        reader = csv.DictReader(io.TextIOWrapper(stream, newline="", encoding="utf-8-sig"))
        try:
            missing = columns.missing(list(reader.fieldnames or ()))
            if missing:
                raise ValueError(f"{path} {missing}")
            for row in reader:
                if (row[columns.activity] or "").startswith(prefix):
                    yield from _items(row, columns, f"{path} line {reader.line_num}", reader.line_num, counts)
        except csv.Error as error:
            raise ValueError(f"{path} line {reader.line_num} is not CSV: {error}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 near line {reader.line_num + 1}") from error


def _items(
    row: dict[str, str], columns: LogColumns, place: str, line: int, counts: ReadingCounts
) -> Iterator[WorkItem]:
    absent = [name for name in columns.needed if row[name] is None]
    if absent:
        raise ValueError(f"{place}: the row is too short, it has no {', '.join(absent)}")
    completed = moment_of(row[columns.completed], f"{place}, column {columns.completed}")
    if columns.duration:
        where = f"{place}, column {columns.duration}"
        started = started_before(completed, milliseconds_of(row[columns.duration], columns.unit_ms, where), where)
    else:
        started = moment_of(row[columns.started], f"{place}, column {columns.started}")
    if completed < started:
        counts.completed_before_started += 1
        return
    review, rework = (_part(row, name, columns, place) for name in (columns.review, columns.rework))
    counts.items += 1
    yield WorkItem(row[columns.case], row[columns.activity], started, completed, f"line {line}", review, rework)


def _part(row: dict[str, str], name: str, columns: LogColumns, place: str) -> int | None:
    if not name or not row[name].strip():
        return None
    return milliseconds_of(row[name], columns.unit_ms, f"{place}, column {name}")
