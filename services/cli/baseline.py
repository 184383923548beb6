"""`frigjort baseline`: estimate from a log, publish, list."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.baselines.csv_source import CsvColumns
from services.baselines.estimates import TaskTypeEstimate, estimates, proposal, sha256_of
from services.cli.connection import registry
from services.cli.exit_codes import ExitCode
from services.cli.logs import read_log
from services.cli.up import DataFolder
from services.domain.estimate import Estimate
from services.domain.units import MS_PER_HOUR

app = typer.Typer(help="Baselines: expected effort without AI.", no_args_is_help=True)
_DEFAULT = Path(".frigjort")


@app.command()
def estimate(
    source: Annotated[Path, typer.Option("--from", exists=True, dir_okay=False, help="FILE.xes, .xes.gz or .csv")],
    before: Annotated[datetime | None, typer.Option(help="Only work completed before this UTC time.")] = None,
    prefix: Annotated[str, typer.Option(help="Only activities that begin with this.")] = "",
    case: Annotated[str, typer.Option(help="CSV column of the case.")] = "case",
    activity: Annotated[str, typer.Option(help="CSV column of the activity.")] = "activity",
    duration: Annotated[str, typer.Option(help="CSV column of the duration in minutes, instead of a start.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the estimates as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Estimate baselines from a log of the past, with the idle cap's verdict.

    Example: frigjort baseline estimate --from log.xes.gz --prefix W_ --before 2012-01-01 -o estimates.json
    """
    cut = before.replace(tzinfo=UTC) if before is not None else None
    items, counts = read_log(source, prefix, CsvColumns(case=case, activity=activity, duration=duration))
    found = estimates(items, cut)
    answer = {
        "source": source.name,
        "sha256": sha256_of(source),
        "items": counts.items,
        "starts_without_completion": counts.starts_without_completion,
        "completions_without_start": counts.completions_without_start,
        "estimates": [_as_json(entry) for entry in found],
    }
    if output is not None:
        output.write_text(json.dumps(answer, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        _print(found, Console())


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
        "window_from": entry.window_from.isoformat(),
        "window_to": entry.window_to.isoformat(),
        "verdict": entry.verdict,
    }


def _print(found: list[TaskTypeEstimate], console: Console) -> None:
    table = Table(title="Baselines, minutes of counted time")
    for name in ("task type", "n", "cases", "median", "P90", "mean", "SE", "raw mean", "cap", "capped", "verdict"):
        table.add_column(name, justify="left" if name in {"task type", "verdict"} else "right")
    for entry in found:
        e = entry.estimate
        minutes = [
            f"{ms / 60_000:.2f}" for ms in (e.median_ms, e.p90_ms, e.mean_ms, e.standard_error_ms, e.raw_mean_ms)
        ]
        cap = f"{e.cap_ms // 60_000}" if e.cap_ms is not None else "-"
        table.add_row(
            entry.task_type, f"{e.n:,}", f"{e.clusters:,}", *minutes, cap, f"{e.capped_share:.1%}", entry.verdict
        )
    console.print(table)


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `estimate -o` wrote.")],
    level: Annotated[str, typer.Option(help="authority, sector or nation.")],
    proposed_by: Annotated[str, typer.Option(help="Token of who proposes.")],
    approved_by: Annotated[str, typer.Option(help="Token of a second person, who approves.")],
    valid_from: Annotated[datetime, typer.Option(help="UTC.")],
    whose: Annotated[str, typer.Option(help="CVR number or sector; empty for the nation.")] = "",
    data: DataFolder = _DEFAULT,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Publish the supported estimates of a file as baselines.

    Example: frigjort baseline publish estimates.json --level authority --whose 29189846 --valid-from 2012-01-01
    --proposed-by method-office --approved-by finance-office
    """
    answer = json.loads(file.read_text(encoding="utf-8"))
    supported = [entry for entry in answer["estimates"] if not entry["verdict"].startswith("unsupported")]
    scope = {"level": level} | ({level: whose} if whose else {})
    evidence = {"source": answer["source"], "sha256": answer["sha256"]}
    start = valid_from.replace(tzinfo=UTC)
    proposals = [proposal(_from_json(entry), scope, evidence, (proposed_by, approved_by), start) for entry in supported]
    count = registry(data).publish_baselines(proposals, datetime.now(UTC))
    left = len(answer["estimates"]) - count
    typer.echo(
        json.dumps({"published": count, "unsupported": left}) if as_json else f"{count} published, {left} unsupported"
    )
    if count == 0:
        raise typer.Exit(ExitCode.NO)


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
        ),
        window_from=datetime.fromisoformat(entry["window_from"]),
        window_to=datetime.fromisoformat(entry["window_to"]),
    )


@app.command(name="list")
def list_baselines(data: DataFolder = _DEFAULT, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the published baselines."""
    entries = registry(data).store.baselines()
    if as_json:
        typer.echo(json.dumps(entries, default=str))
        return
    table = Table(
        "generation", "baseline", "version", "scope", "task type", "complexity", "mean h", "SE h", "grade", "state"
    )
    for entry in entries:
        scope = f"{entry['level']} {entry['authority'] or entry['sector']}"
        hours = [f"{entry[name] / MS_PER_HOUR:.4f}" for name in ("mean_ms", "standard_error_ms")]
        state = "withdrawn" if entry["withdrawn"] else "published"
        table.add_row(
            str(entry["generation"]), entry["baseline"], str(entry["baseline_version"]), scope, entry["task_type"],
            entry["complexity"], *hours, entry["grade"], state,
        )  # fmt: skip
    Console().print(table)
