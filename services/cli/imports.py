"""`frigjort import`: a log of the past as task events of an authority."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from contracts import topics
from contracts.identifiers import is_cvr
from services.baselines.csv_source import CsvColumns
from services.baselines.estimates import sha256_of
from services.baselines.imports import ImportOptions, task_events
from services.cli.connection import settings
from services.cli.exit_codes import ExitCode
from services.cli.logs import read_log
from services.cli.producer import Sender
from services.cli.up import DataFolder

app = typer.Typer(help="Turn a log into task events.", no_args_is_help=True)
_DEFAULT = Path(".frigjort")
_Cvr = Annotated[str, typer.Option("--authority", help="CVR number of the authority.")]
_Key = Annotated[str, typer.Option(help="Key that makes case tokens opaque; keep it.", envvar="FRIGJORT_IMPORT_KEY")]
_Since = Annotated[datetime | None, typer.Option(help="Only work completed at or after this UTC time.")]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write JSON lines instead of sending.")]
_Json = Annotated[bool, typer.Option("--json")]
_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]
_Prefix = Annotated[str, typer.Option(help="Only activities that begin with this.")]


@app.command()
def xes(
    file: _File,
    authority: _Cvr,
    key: _Key,
    prefix: _Prefix = "",
    since: _Since = None,
    output: _Output = None,
    data: DataFolder = _DEFAULT,
    as_json: _Json = False,
) -> None:
    """Import an XES log (plain or gzip).

    Example: frigjort import xes log.xes.gz --authority 29189846 --prefix W_ --since 2012-01-01 --key "$KEY"
    """
    _run(file, _options(authority, key, file, since), prefix, CsvColumns(), output, data, as_json)


@app.command(name="csv")
def csv_file(
    file: _File,
    authority: _Cvr,
    key: _Key,
    prefix: _Prefix = "",
    since: _Since = None,
    case: Annotated[str, typer.Option(help="Column of the case.")] = "case",
    activity: Annotated[str, typer.Option(help="Column of the activity.")] = "activity",
    duration: Annotated[str, typer.Option(help="Column of the duration in minutes, instead of a start.")] = "",
    output: _Output = None,
    data: DataFolder = _DEFAULT,
    as_json: _Json = False,
) -> None:
    """Import a CSV log.

    Example: frigjort import csv log.csv --authority 29189846 --key "$KEY" -o events.jsonl
    """
    columns = CsvColumns(case=case, activity=activity, duration=duration)
    _run(file, _options(authority, key, file, since), prefix, columns, output, data, as_json)


def _options(authority: str, key: str, file: Path, since: datetime | None) -> ImportOptions:
    if not is_cvr(authority):
        typer.echo(f"{authority} is not a CVR number", err=True)
        raise typer.Exit(ExitCode.USAGE)
    cut = since.replace(tzinfo=UTC) if since is not None else None
    return ImportOptions(authority, "/frigjort/import", sha256_of(file), key.encode(), since=cut)


def _run(
    file: Path, options: ImportOptions, prefix: str, columns: CsvColumns, output: Path | None, data: Path, as_json: bool
) -> None:
    items, counts = read_log(file, prefix, columns)
    events = task_events(items, options)
    if output is not None:
        with output.open("wb") as stream:
            sent = sum(1 for event in events if stream.write(msgspec.json.encode(event) + b"\n"))
    else:
        kafka, _ = settings(data)
        with Sender(kafka) as sender:
            for event in events:
                sender.send(
                    topics.tasks_topic(options.authority), event["subject"].encode(), msgspec.json.encode(event)
                )
        sent = sender.delivered
    answer = {
        "items": counts.items,
        "sent": sent,
        "starts_without_completion": counts.starts_without_completion,
        "completions_without_start": counts.completions_without_start,
    }
    sys.stdout.write(json.dumps(answer) + "\n" if as_json else f"{sent} events of {counts.items} pieces of work\n")
