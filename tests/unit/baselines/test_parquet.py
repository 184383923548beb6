"""Reading Parquet: the same work as from CSV, and every fault with its place."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.baselines.csv_source import read_csv
from services.baselines.parquet_source import read_parquet
from services.baselines.work_items import LogColumns, ReadingCounts

BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
END = BEGIN + timedelta(minutes=5, microseconds=900)
ZONED = pa.timestamp("us", "Europe/Copenhagen")
PARTS = LogColumns(duration="minutes", review="check", rework="redo")
Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(**columns: Any) -> Path:
        file = tmp_path / "log.parquet"
        pq.write_table(pa.table(columns), file)
        return file

    return write


def test_start_and_completion_in_any_zone(written: Written) -> None:
    file = written(
        case=["1", "1", "2"],
        activity=pa.array(["W_a", "W_b", "A_c"]).dictionary_encode(),
        started_at=pa.array([BEGIN, END, BEGIN], ZONED),
        completed_at=pa.array([END, BEGIN, END], pa.timestamp("ns", "+05:30")),
    )
    counts = ReadingCounts()
    (item,) = read_parquet(file, counts, LogColumns(), "W_")
    assert (item.case, item.activity, item.duration_ms, item.place) == ("1", "W_a", 300_000, "row 1")
    assert (item.started_at, item.completed_at) == (BEGIN, BEGIN + timedelta(minutes=5))
    assert item.completed_at.tzinfo is UTC
    assert counts == ReadingCounts(1, completed_before_started=1)


def test_the_same_work_as_from_csv(written: Written, tmp_path: Path) -> None:
    file = written(
        case=[7, 7, 8],
        activity=["x", "y", "x"],
        minutes=pa.array([Decimal("1.50"), Decimal("0.25"), Decimal(9)]),
        completed_at=pa.array([END] * 3, ZONED),
        check=pa.array([0, None, 2], pa.int8()),
        redo=[None, 0.5, 0.0],
    )
    end = END.astimezone(timezone(timedelta(hours=1))).isoformat()
    table = tmp_path / "log.csv"
    table.write_text(
        f"case,activity,minutes,completed_at,check,redo\n7,x,1.50,{end},0,\n7,y,0.25,{end},,0.5\n8,x,9,{end},2,0.0\n"
    )

    def told(item: Any) -> tuple[object, ...]:
        return item.case, item.activity, item.started_at, item.completed_at, item.review_ms, item.rework_ms

    from_parquet = list(map(told, read_parquet(file, ReadingCounts(), PARTS)))
    assert from_parquet == list(map(told, read_csv(table, ReadingCounts(), PARTS)))
    assert [row[-2:] for row in from_parquet] == [(0, None), (None, 30_000), (120_000, 0)]


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"completed_at": pa.array([END], pa.timestamp("us"))}, "column completed_at: timestamps without a time zone"),
        ({"completed_at": ["2026-01-01T09:00:00Z"]}, "column completed_at is string: it has to be a timestamp"),
        ({"completed_at": pa.array([None], ZONED)}, "row 1: completed_at is null"),
        ({"case": pa.array([None], pa.string())}, "row 1: case is null"),
        ({"minutes": ["5"]}, "column minutes is string: it has to be a number"),
        ({"minutes": [float("nan")]}, "row 1, column minutes: not a number"),
        ({"minutes": [-1]}, "row 1, column minutes: a negative duration"),
        ({"minutes": [1e300]}, "row 1, column minutes: longer than time"),
        ({"redo": [-2]}, "row 1, column redo: a negative duration"),
        ({"check": [True]}, "column check is bool: it has to be a number"),
        ({"redo": None}, "has no column redo; it has case, activity, minutes, completed_at, check"),
    ],
)
def test_a_faulty_file_is_refused_with_its_place(written: Written, changed: dict[str, Any], fault: str) -> None:
    columns = {
        "case": ["1"],
        "activity": ["x"],
        "minutes": [5],
        "completed_at": pa.array([END], ZONED),
        "check": [0],
        "redo": [0],
    } | changed
    file = written(**{name: values for name, values in columns.items() if values is not None})
    with pytest.raises(ValueError, match=rf"log\.parquet.*{fault}"):
        list(read_parquet(file, ReadingCounts(), PARTS))


def test_a_start_without_a_zone_is_refused(written: Written) -> None:
    naive, zoned = pa.array([BEGIN], pa.timestamp("ms")), pa.array([END], ZONED)
    file = written(case=["1"], activity=["x"], started_at=naive, completed_at=zoned)
    with pytest.raises(ValueError, match="column started_at: timestamps without a time zone could be hours off"):
        list(read_parquet(file, ReadingCounts(), LogColumns()))


def test_what_is_not_parquet_empty_or_cut_is_refused(written: Written, tmp_path: Path) -> None:
    file = written(case=["1"], activity=["x"], minutes=[5], completed_at=pa.array([END], ZONED))
    whole = file.read_bytes()
    for content, fault in (
        (b"", "is empty"),
        (b"case,activity\n" * 9, "is not Parquet"),
        (whole[:-9], "is not Parquet"),
    ):
        other = tmp_path / "other.parquet"
        other.write_bytes(content)
        with pytest.raises(ValueError, match=fault):
            list(read_parquet(other, ReadingCounts(), LogColumns(duration="minutes")))


def test_rows_are_numbered_through_and_told(written: Written) -> None:
    count = 70_000
    file = written(
        case=["1"] * count, activity=["x"] * count, minutes=[5] * count, completed_at=pa.array([END] * count, ZONED)
    )
    heard: list[float] = []
    items = list(read_parquet(file, ReadingCounts(), LogColumns(duration="minutes"), watch=heard.append))
    assert [item.place for item in items] == [f"row {number}" for number in range(1, count + 1)]
    assert heard == sorted(heard)
    assert len(heard) > 1
    assert heard[-1] == 1.0
