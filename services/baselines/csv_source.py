"""Event logs as CSV: a row a piece of work, with a duration column or a start and a completion column."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from services.baselines.source_files import Watch, opened, unwatched
from services.baselines.work_items import LogColumns, ReadingCounts, WorkItem, WorkTable, moment_of


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
            table = WorkTable(columns, moment_of, counts)
            for row in reader:
                if not (row[columns.activity] or "").startswith(prefix):
                    continue
                place = f"{path} line {reader.line_num}"
                absent = [name for name in columns.needed if row[name] is None]
                if absent:
                    raise ValueError(f"{place}: the row is too short, it has no {', '.join(absent)}")
                item = table.item(row, place, f"line {reader.line_num}")
                if item is not None:
                    yield item
        except csv.Error as error:
            raise ValueError(f"{path} line {reader.line_num} is not CSV: {error}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 near line {reader.line_num + 1}") from error
