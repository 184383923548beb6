"""Reading CSV: columns, moments, parts of effort, and every fault with its place."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.baselines.csv_source import read_csv
from services.baselines.work_items import LogColumns, ReadingCounts


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        file = tmp_path / "log.csv"
        file.write_text(text, encoding="utf-8")
        return file

    return written


CsvFile = Callable[[str], Path]


def test_csv_with_start_and_completion(csv_file: CsvFile) -> None:
    file = csv_file(
        "case,activity,started_at,completed_at\n"
        "1,W_a,2026-01-01T10:00:00.0009+01:00,2026-01-01T09:01:00.0011Z\n"
        "1,W_b,2026-01-01T10:00:00Z,2026-01-01T09:00:00Z\n"
        "2,A_c,2026-01-01T10:00:00Z,2026-01-01T11:00:00Z\n"
    )
    counts = ReadingCounts()
    items = list(read_csv(file, counts, LogColumns(), "W_"))
    assert [(i.case, i.activity, i.duration_ms, i.place) for i in items] == [("1", "W_a", 60_001, "line 2")]
    assert counts == ReadingCounts(1, completed_before_started=1)


def test_csv_with_a_duration(csv_file: CsvFile) -> None:
    file = csv_file("id,kind,end,minutes\n7,x,2026-01-01T12:00:00Z,1.5\n")
    counts = ReadingCounts()
    columns = LogColumns(case="id", activity="kind", completed="end", duration="minutes")
    (item,) = read_csv(file, counts, columns)
    assert (item.duration_ms, item.started_at) == (90_000, datetime(2026, 1, 1, 11, 58, 30, tzinfo=UTC))
    assert counts == ReadingCounts(1)


def test_a_part_that_is_empty_is_unknown_and_not_zero(csv_file: CsvFile) -> None:
    file = csv_file(
        "case,activity,minutes,completed_at,check,redo\n"
        "1,x,9,2026-01-01T12:00:00Z,0.5,2\n"
        "1,x,9,2026-01-01T12:00:00Z,0,\n"
        "1,x,9,2026-01-01T12:00:00Z, ,0\n"
    )
    columns = LogColumns(duration="minutes", review="check", rework="redo")
    items = list(read_csv(file, ReadingCounts(), columns))
    assert [(i.duration_ms, i.review_ms, i.rework_ms) for i in items] == [
        (540_000, 30_000, 120_000),
        (540_000, 0, None),
        (540_000, None, 0),
    ]


@pytest.mark.parametrize(
    ("text", "duration", "fault"),
    [
        ("case,activity\n", "", "has no column completed_at, started_at; it has case, activity"),
        ("", "", r"log\.csv is empty"),
        ("case;activity;started_at;completed_at\n", "", "separated by semicolons, not commas"),
        ("case,activity,m,completed_at\n1,a,-1,2026-01-01T00:00:00Z\n", "m", "line 2, column m: a negative duration"),
        ('case,activity,m,completed_at\n1,a,"1,5",2026-01-01T00:00:00Z\n', "m", "decimals stand behind a point"),
        ("case,activity,m,completed_at\n1,a,9e8,0900-01-01T00:00:00Z\n", "m", "column m: longer than time"),
        ("case,activity,started_at,completed_at\n1,a\n", "", "line 2: the row is too short"),
        ("case,activity,started_at,completed_at\n1,a,,2026-01-01T00:00:00Z\n", "", "line 2, column started_at"),
        ("case,activity,started_at,completed_at\n1,a,2026-01-01,2026-01-02\n", "", "without offset"),
        ("case,activity,m,completed_at\n1,a,soon,2026-01-01T00:00:00Z\n", "m", "line 2, column m: not a number"),
        ("case,activity,m,completed_at\n1,a,nan,2026-01-01T00:00:00Z\n", "m", "column m: not a number"),
        ("case,activity,m,completed_at\n1,a,inf,2026-01-01T00:00:00Z\n", "m", "column m: longer than time"),
    ],
)
def test_a_faulty_csv_is_refused_with_its_place(csv_file: CsvFile, text: str, duration: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        list(read_csv(csv_file(text), ReadingCounts(), LogColumns(duration=duration)))


@pytest.mark.parametrize("column", ["check", "redo"])
def test_a_negative_part_is_refused_with_its_place(csv_file: CsvFile, column: str) -> None:
    fields = {"check": "0", "redo": "0"} | {column: "-0.5"}
    file = csv_file(
        "case,activity,m,completed_at,check,redo\n1,x,9,2026-01-01T12:00:00Z," + ",".join(fields.values()) + "\n"
    )
    with pytest.raises(ValueError, match=f"line 2, column {column}: a negative duration"):
        list(read_csv(file, ReadingCounts(), LogColumns(duration="m", review="check", rework="redo")))


def test_gzip_is_read_and_a_cut_file_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{n},x,{n % 9},2026-01-01T12:00:{n % 60:02d}Z\n" for n in range(50_000))
    packed = gzip.compress(f"case,activity,m,completed_at\n{rows}".encode())
    whole, cut, nothing = (tmp_path / name for name in ("whole.csv.gz", "cut.csv.gz", "nothing.csv.gz"))
    whole.write_bytes(packed)
    cut.write_bytes(packed[: len(packed) // 2])
    nothing.write_bytes(gzip.compress(b""))
    heard: list[float] = []
    assert len(list(read_csv(whole, ReadingCounts(), LogColumns(duration="m"), watch=heard.append))) == 50_000
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    with pytest.raises(ValueError, match=r"cut\.csv\.gz is cut or damaged"):
        list(read_csv(cut, ReadingCounts(), LogColumns(duration="m")))
    with pytest.raises(ValueError, match=r"nothing\.csv\.gz is empty"):
        list(read_csv(nothing, ReadingCounts(), LogColumns(duration="m")))


def test_csv_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_bytes(b"case,activity,started_at,completed_at\n1,b\xf8rn,x,y\n")
    with pytest.raises(ValueError, match="is not UTF-8"):
        list(read_csv(file, ReadingCounts(), LogColumns()))
