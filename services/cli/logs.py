"""Reads a log of the past with a progress bar; the options that name its columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from services.baselines.csv_source import read_csv
from services.baselines.parquet_source import read_parquet
from services.baselines.source_files import Watch
from services.baselines.work_items import LogColumns, ReadingCounts, WorkItem
from services.baselines.xes import read_xes
from services.runtime.errors import Misconfigured

CaseColumn = Annotated[str, typer.Option("--case-column", help="Column of the case.")]
ActivityColumn = Annotated[str, typer.Option("--activity-column", help="Column of the activity.")]
StartColumn = Annotated[str, typer.Option("--start-column", help="Column of the start.")]
CompletionColumn = Annotated[str, typer.Option("--completion-column", help="Column of the end.")]
DurationColumn = Annotated[
    str, typer.Option("--duration-column", help="Column of the duration in minutes, instead of a start.")
]


def read_log(path: Path, prefix: str, columns: LogColumns) -> tuple[list[WorkItem], ReadingCounts]:
    """The pieces of work of an XES, CSV or Parquet file, and what else was in it. Raises `Misconfigured` for a wrong file."""
    counts = ReadingCounts()
    with _progress(f"reading {path.name}") as watch:
        try:
            return list(_items(path, counts, prefix, columns, watch)), counts
        except ValueError as error:
            raise Misconfigured(str(path), str(error).removeprefix(str(path)).lstrip(" ,")) from error


def _items(path: Path, counts: ReadingCounts, prefix: str, columns: LogColumns, watch: Watch) -> Iterator[WorkItem]:
    name = path.name.lower()
    if name.endswith((".xes", ".xes.gz")):
        return read_xes(path, counts, prefix, watch)
    if name.endswith((".csv", ".csv.gz")):
        return read_csv(path, counts, columns, prefix, watch)
    if name.endswith(".parquet"):
        return read_parquet(path, counts, columns, prefix, watch)
    raise ValueError("only .xes and .csv (plain or .gz) and .parquet are read")


@contextmanager
def _progress(what: str) -> Iterator[Watch]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda share: progress.update(task, completed=share)
