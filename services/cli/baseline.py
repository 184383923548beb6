"""`frigjort baseline`: estimate from a log; the workflow stands in `workflow/`, restate in `restate.py`."""

import json
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from services.baselines.csv_source import CsvColumns
from services.baselines.estimates import TaskTypeEstimate, estimates, sha256_of, source_token
from services.baselines.work_items import ReadingCounts
from services.cli.logs import read_log
from services.cli.moments import utc
from services.cli.restate import restate
from services.cli.tables import table as _table
from services.cli.workflow.decide import approve, publish, withdraw
from services.cli.workflow.diff import diff
from services.cli.workflow.look import expire, list_baselines, show
from services.cli.workflow.propose import propose
from services.cli.workflow.renew import renew

app = typer.Typer(help="Baselines: expected effort without AI.", no_args_is_help=True)
for command in (propose, approve, publish, renew, withdraw, expire, show, diff, restate):
    app.command()(command)
app.command(name="list")(list_baselines)
MS_PER_MINUTE: Final = 60_000


class TimeBasisName(StrEnum):
    """How the durations were measured; only elapsed time has an idle cap."""

    ELAPSED = "elapsed"
    MEASURED = "measured"
    SELF_REPORTED = "self_reported"


@app.command()
def estimate(
    source: Annotated[Path, typer.Option("--from", exists=True, dir_okay=False, help="FILE.xes, .xes.gz or .csv")],
    before: Annotated[
        datetime | None, typer.Option(help="Only work completed before this time (UTC, or with offset).")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Only activities that begin with this.")] = "",
    case: Annotated[str, typer.Option("--case-column", help="CSV column of the case.")] = "case",
    activity: Annotated[str, typer.Option("--activity-column", help="CSV column of the activity.")] = "activity",
    started: Annotated[str, typer.Option("--start-column", help="CSV column of the start.")] = "started_at",
    completed: Annotated[str, typer.Option("--completion-column", help="CSV column of the end.")] = "completed_at",
    duration: Annotated[
        str, typer.Option("--duration-column", help="CSV column of the duration in minutes, instead of a start.")
    ] = "",
    time_basis: Annotated[
        TimeBasisName, typer.Option(help="What the durations are; elapsed time gets an idle cap.")
    ] = TimeBasisName.ELAPSED,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the estimates as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Estimate baselines from a log of the past, with the idle cap's verdict.

    Example: frigjort baseline estimate --from log.xes.gz --prefix W_ --before 2012-01-01T00:00:00Z -o estimates.json
    """
    items, counts = read_log(source, prefix, CsvColumns(case, activity, started, completed, duration))
    found = estimates(items, utc(before), time_basis.value)
    answer = {
        "source": source_token(source),
        "sha256": sha256_of(source),
        **asdict(counts),
        "estimates": [_as_json(entry) for entry in found],
    }
    if output is not None:
        output.write_text(json.dumps(answer, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        _print(found, counts, Console())


def _as_json(entry: TaskTypeEstimate) -> dict[str, Any]:
    e = entry.estimate
    return {
        "activity": entry.activity,
        "task_type": entry.task_type,
        "n": e.n,
        "cases": e.clusters,
        "median_ms": e.median_ms,
        "p90_ms": e.p90_ms,
        "mean_ms": e.mean_ms,
        "standard_error_ms": e.standard_error_ms,
        "cap_ms": e.cap_ms,
        "capped_share": e.capped_share,
        "raw_mean_ms": e.raw_mean_ms,
        "time_basis": e.time_basis,
        "window_from": entry.window_from.isoformat(),
        "window_to": entry.window_to.isoformat(),
        "verdict": entry.verdict,
    }


def _print(found: list[TaskTypeEstimate], counts: ReadingCounts, console: Console) -> None:
    columns = ("task type", "n", "cases", "median", "P90", "mean", "SE", "raw", "cap", "capped")
    table = _table(*columns, words=("task type",))
    for entry in found:
        e = entry.estimate
        minutes = [
            f"{ms / MS_PER_MINUTE:.2f}" for ms in (e.median_ms, e.p90_ms, e.mean_ms, e.standard_error_ms, e.raw_mean_ms)
        ]
        cap = f"{e.cap_ms // MS_PER_MINUTE}" if e.cap_ms is not None else "-"
        table.add_row(entry.task_type, f"{e.n:,}", f"{e.clusters:,}", *minutes, cap, f"{e.capped_share:.1%}")
    console.print(table)
    others = [entry for entry in found if entry.verdict != "supported"]
    console.print(f"{len(found) - len(others)} of {len(found)} task types are supported.")
    for entry in others:
        console.print(f"{entry.task_type} is {entry.verdict}.")
    used = sum(entry.estimate.n for entry in found)
    console.print(f"{counts.items:,} pieces of work in the file, {used:,} used.")
    console.print("Times in minutes, counted up to the cap; raw: the mean before the cap.")
    console.print(f"{counts.left_out:,} starts or completions make no piece of work and are left out.")
