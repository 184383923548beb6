"""Reads a log of the past with a progress line."""

from pathlib import Path

from rich.console import Console

from services.baselines.csv_source import CsvColumns, read_csv
from services.baselines.work_items import ReadingCounts, WorkItem
from services.baselines.xes import read_xes
from services.runtime.errors import Misconfigured


def read_log(path: Path, prefix: str, columns: CsvColumns) -> tuple[list[WorkItem], ReadingCounts]:
    """The pieces of work of an XES or CSV file, and what else was in it. Raises `Misconfigured` for a wrong file."""
    counts = ReadingCounts()
    name = path.name.lower()
    with Console(stderr=True).status(f"reading {path.name}"):
        try:
            if name.endswith((".xes", ".xes.gz")):
                return list(read_xes(path, counts, prefix)), counts
            if name.endswith(".csv"):
                return list(read_csv(path, counts, columns, prefix)), counts
        except ValueError as error:
            raise Misconfigured(str(path), str(error)) from error
    raise Misconfigured(str(path), "only .xes, .xes.gz and .csv are read")
