"""Event logs as Parquet: a row a piece of work, with the columns that a CSV file has."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from services.baselines.source_files import Watch, unwatched
from services.baselines.work_items import LogColumns, ReadingCounts, WorkItem, WorkTable

_ROWS: Final = 65_536


def read_parquet(
    path: Path, counts: ReadingCounts, columns: LogColumns, prefix: str = "", watch: Watch = unwatched
) -> Iterator[WorkItem]:
    """The pieces of work in a Parquet file; `prefix` selects activities.

    Start and completion are timestamps with a time zone; durations, review and rework are numbers, and null in the latter
    two is unknown, which is not zero. Raises `ValueError` naming the column, and the row where it is one, at fault.
    """
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")
    try:
        with pq.ParquetFile(path) as file:
            _check(file.schema_arrow, columns, path)
            table = WorkTable(columns, _moment, counts)
            row, rows = 0, max(1, file.metadata.num_rows)
            for batch in file.iter_batches(_ROWS, columns=columns.needed):
                yield from _items(batch, row, table, path, prefix)
                row += batch.num_rows
                watch(row / rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is not Parquet, or it is cut or damaged: {str(error).splitlines()[0]}") from error


def _check(schema: Any, columns: LogColumns, path: Path) -> None:
    """That the columns are there and of a type that says what is meant."""
    missing = columns.missing(schema.names)
    if missing:
        raise ValueError(f"{path} {missing}")
    for name in {columns.completed, *({columns.started} if not columns.duration else ())}:
        kind = schema.field(name).type
        if not pa.types.is_timestamp(kind):
            raise ValueError(f"{path}, column {name} is {kind}: it has to be a timestamp with a time zone")
        if kind.tz is None:
            raise ValueError(
                f"{path}, column {name}: timestamps without a time zone could be hours off; write the column with one"
            )
    for name in filter(None, (columns.duration, columns.review, columns.rework)):
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise ValueError(f"{path}, column {name} is {kind}: it has to be a number")


def _items(batch: Any, first: int, table: WorkTable, path: Path, prefix: str) -> Iterator[WorkItem]:
    columns = table.columns
    named = dict(zip(columns.needed, (_values(batch.column(name)) for name in columns.needed), strict=True))
    for number, values in enumerate(zip(*named.values(), strict=True), start=first + 1):
        row = dict(zip(named, values, strict=True))
        place = f"{path} row {number}"
        empty = [name for name in columns.needed if row[name] is None and name not in {columns.review, columns.rework}]
        if empty:
            raise ValueError(f"{place}: {', '.join(empty)} is null")
        if not str(row[columns.activity]).startswith(prefix):
            continue
        item = table.item(row, place, f"row {number}")
        if item is not None:
            yield item


def _values(column: Any) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", "UTC"), safe=False)  # finer than a millisecond is cut off
    return list(column.to_pylist())


def _moment(value: datetime, _place: str) -> datetime:
    return value.astimezone(UTC)
