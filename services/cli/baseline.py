"""`frigjort baseline`: estimate from a log, publish, withdraw, list; restate stands in `restate.py`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from services.baselines.csv_source import CsvColumns
from services.baselines.estimates import TaskTypeEstimate, estimates, proposal, sha256_of, source_token
from services.baselines.work_items import ReadingCounts
from services.cli.connection import registry
from services.cli.exit_codes import ExitCode
from services.cli.logs import read_log
from services.cli.moments import utc
from services.cli.restate import restate
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.estimate import Estimate
from services.runtime.errors import Misconfigured

app = typer.Typer(help="Baselines: expected effort without AI.", no_args_is_help=True)
app.command()(restate)
MS_PER_MINUTE: Final = 60_000


class TimeBasisName(StrEnum):
    """How the durations were measured; only elapsed time has an idle cap."""

    ELAPSED = "elapsed"
    MEASURED = "measured"
    SELF_REPORTED = "self_reported"


class LevelName(StrEnum):
    """Whom a baseline is for."""

    AUTHORITY = "authority"
    SECTOR = "sector"
    NATION = "nation"


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


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `estimate -o` wrote.")],
    level: Annotated[LevelName, typer.Option(help="Whom the baselines are for.")],
    proposed_by: Annotated[str, typer.Option(help="Token of who proposes.")],
    approved_by: Annotated[str, typer.Option(help="Token of a second person, who approves.")],
    valid_from: Annotated[datetime, typer.Option(help="UTC, or with offset.")],
    whose: Annotated[str, typer.Option(help="CVR number or sector; empty for the nation.")] = "",
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Publish the supported estimates of a file as baselines. Publishing them again changes nothing.

    Example: frigjort baseline publish estimates.json --level authority --whose 29189846 --valid-from 2012-01-01
    --proposed-by method-office --approved-by finance-office
    """
    evidence, found = _read_estimates(file)
    supported = [entry for entry in found if entry.estimate.supported]
    scope = {"level": level.value} | ({level.value: whose} if whose else {})
    people = (proposed_by, approved_by)
    proposals = [proposal(entry, scope, evidence, people, utc(valid_from)) for entry in supported]
    done = registry(data).publish_baselines(proposals, datetime.now(UTC))
    answer = {"published": done.new, "unchanged": done.unchanged, "unsupported": len(found) - len(supported)}
    typer.echo(json.dumps(answer) if as_json else ", ".join(f"{count} {word}" for word, count in answer.items()))
    if not supported:
        raise typer.Exit(ExitCode.NO)


@app.command()
def withdraw(
    baseline: Annotated[str, typer.Argument(help="The series, as `frigjort baseline list` shows it.")],
    version: Annotated[int, typer.Argument(min=1, help="Its version.")],
    reason: Annotated[str, typer.Option(help="Why, as a token: letters, digits and . _ : / -")],
    by: Annotated[str, typer.Option(help="Token of who withdraws it.")],
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Withdraw a published version: tasks measured from now on are not measured against it. Nothing is deleted.
    Those that were measured before are stale until `frigjort baseline restate`.

    Collectors then take the next less specific baseline, or an earlier version that is still in force; where there is
    none the task is unmeasured. Withdrawing it again changes nothing. Exit code 2: no such version.

    Example: frigjort baseline withdraw nation/27.35.04/low 1 --reason wrong-source-file --by method-office
    """
    new = registry(data).withdraw(baseline, version, reason, by, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps({"baseline": baseline, "version": version, "withdrawn_now": new}))
    else:
        typer.echo(f"{baseline} version {version} " + ("is withdrawn" if new else "was withdrawn before"))


def _read_estimates(file: Path) -> tuple[dict[str, str], list[TaskTypeEstimate]]:
    try:
        answer = json.loads(file.read_text(encoding="utf-8"))
        found = [_from_json(entry) for entry in answer["estimates"]]
        return {"source": answer["source"], "sha256": answer["sha256"]}, found
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(str(file), f"not what `frigjort baseline estimate -o` writes ({error!r})") from error


def _from_json(entry: dict[str, Any]) -> TaskTypeEstimate:
    return TaskTypeEstimate(
        activity=entry["activity"],
        task_type=entry["task_type"],
        estimate=Estimate(
            n=entry["n"],
            clusters=entry["cases"],
            mean_ms=entry["mean_ms"],
            standard_error_ms=entry["standard_error_ms"],
            median_ms=entry["median_ms"],
            p90_ms=entry["p90_ms"],
            cap_ms=entry["cap_ms"],
            capped_share=entry["capped_share"],
            raw_mean_ms=entry["raw_mean_ms"],
            time_basis=entry["time_basis"],
        ),
        window_from=datetime.fromisoformat(entry["window_from"]),
        window_to=datetime.fromisoformat(entry["window_to"]),
    )


@app.command(name="list")
def list_baselines(data: DataFolder = DEFAULT_FOLDER, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the published baselines."""
    entries = registry(data).store.baselines()
    if as_json:
        typer.echo(json.dumps(entries, default=str))
        return
    table = _table(
        "gen", "baseline", "v", "scope", "task type", "mean", "SE", "grade", words=("baseline", "scope", "task type")
    )
    for entry in entries:
        minutes = [f"{entry[name] / MS_PER_MINUTE:.2f}" for name in ("mean_ms", "standard_error_ms")]
        table.add_row(
            str(entry["generation"]),
            entry["baseline"] + (" (withdrawn)" if entry["withdrawn"] else ""),
            str(entry["baseline_version"]),
            f"{entry['level']} {entry['authority'] or entry['sector']}".strip(),
            f"{entry['task_type']}, {entry['complexity']}",
            *minutes,
            entry["grade"],
        )
    console = Console()
    console.print(table)
    console.print("mean and SE: minutes of counted time.")


def _table(*columns: str, words: tuple[str, ...]) -> Table:
    """A table that a terminal of 80 columns shows whole: words are folded, numbers never cut."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, justify="left" if name in words else "right", overflow="fold", no_wrap=name not in words)
    return table
