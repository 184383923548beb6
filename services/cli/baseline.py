"""`frigjort baseline`: publish, withdraw, list; what estimates stands in `estimate.py`, restate in `restate.py`."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from services.baselines.estimates import proposal
from services.cli.connection import registry
from services.cli.estimate import estimate, estimate_controls
from services.cli.estimates_file import read_estimates
from services.cli.exit_codes import ExitCode
from services.cli.moments import utc
from services.cli.restate import restate
from services.cli.tables import table
from services.cli.up import DEFAULT_FOLDER, DataFolder

app = typer.Typer(help="Baselines: expected effort without AI.", no_args_is_help=True)
app.command()(estimate)
app.command()(estimate_controls)
app.command()(restate)
MS_PER_MINUTE: Final = 60_000


class LevelName(StrEnum):
    """Whom a baseline is for."""

    AUTHORITY = "authority"
    SECTOR = "sector"
    NATION = "nation"


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
    evidence, found = read_estimates(file)
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


@app.command(name="list")
def list_baselines(data: DataFolder = DEFAULT_FOLDER, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the published baselines."""
    entries = registry(data).store.baselines()
    if as_json:
        typer.echo(json.dumps(entries, default=str))
        return
    shown = table(
        "gen", "baseline", "v", "scope", "task type", "mean", "SE", "grade", words=("baseline", "scope", "task type")
    )
    for entry in entries:
        minutes = [f"{entry[name] / MS_PER_MINUTE:.2f}" for name in ("mean_ms", "standard_error_ms")]
        shown.add_row(
            str(entry["generation"]),
            entry["baseline"] + (" (withdrawn)" if entry["withdrawn"] else ""),
            str(entry["baseline_version"]),
            f"{entry['level']} {entry['authority'] or entry['sector']}".strip(),
            f"{entry['task_type']}, {entry['complexity']}",
            *minutes,
            entry["grade"],
        )
    console = Console()
    console.print(shown)
    console.print("mean and SE: minutes of counted time.")
