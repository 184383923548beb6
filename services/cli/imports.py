"""`frigjort import`: a log of the past as task events of an authority."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from contracts import topics
from contracts.identifiers import is_cvr
from services.baselines.estimates import sha256_of
from services.baselines.imports import ImportOptions, task_events
from services.baselines.work_items import LogColumns, ReadingCounts, WorkItem
from services.cli.connection import settings
from services.cli.estimate import TimeBasisName
from services.cli.exit_codes import ExitCode
from services.cli.logs import (
    ActivityColumn,
    CaseColumn,
    CompletionColumn,
    DurationColumn,
    StartColumn,
    read_log,
)
from services.cli.moments import utc
from services.cli.producer import Sender
from services.cli.up import DEFAULT_FOLDER, DataFolder

app = typer.Typer(help="Turn a log into task events.", no_args_is_help=True)


class AssistanceName(StrEnum):
    """How AI took part in the work of the log."""

    NONE = "none"
    SUGGESTION = "suggestion"
    DRAFT = "draft"
    DECISION_SUPPORT = "decision_support"
    AUTOMATION = "automation"


class WorkName(StrEnum):
    """What kind of work it was."""

    ADMINISTRATIVE = "administrative"
    CORE = "core"


class AudienceName(StrEnum):
    """Whom it was done for."""

    CITIZEN = "citizen"
    BUSINESS = "business"
    INTERNAL = "internal"


_Cvr = Annotated[str, typer.Option("--authority", help="CVR number of the authority.")]
_Key = Annotated[str, typer.Option(help="Key that makes case tokens opaque; keep it.", envvar="FRIGJORT_IMPORT_KEY")]
_Since = Annotated[datetime | None, typer.Option(help="Only work completed at or after this time (UTC, or offset).")]
_Until = Annotated[datetime | None, typer.Option(help="Only work completed before this time (UTC, or offset).")]
_Assistance = Annotated[AssistanceName, typer.Option(help="How AI took part.")]
_Work = Annotated[WorkName, typer.Option(help="Administrative or core work.")]
_Audience = Annotated[AudienceName, typer.Option(help="Whom the work was for.")]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write JSON lines instead of sending to Kafka.")]
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
    until: _Until = None,
    assistance: _Assistance = AssistanceName.NONE,
    work: _Work = WorkName.CORE,
    audience: _Audience = AudienceName.CITIZEN,
    output: _Output = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: _Json = False,
) -> None:
    """Import an XES log (plain or gzip). Importing it again sends the same tasks, which count once.

    Example: frigjort import xes log.xes.gz --authority 29189846 --prefix W_ --since 2012-01-01 --key "$KEY"
    """
    options = ImportOptions(
        authority=_checked(authority),
        source="/frigjort/import",
        file_sha256=sha256_of(file),
        key=key.encode(),
        assistance=assistance.value,
        work=work.value,
        audience=audience.value,
        since=utc(since),
        until=utc(until),
    )
    _send(*read_log(file, prefix, LogColumns()), options, output, data, as_json)


@app.command(name="csv")
def csv_file(
    file: _File,
    authority: _Cvr,
    key: _Key,
    prefix: _Prefix = "",
    since: _Since = None,
    until: _Until = None,
    assistance: _Assistance = AssistanceName.NONE,
    work: _Work = WorkName.CORE,
    audience: _Audience = AudienceName.CITIZEN,
    time_basis: Annotated[TimeBasisName, typer.Option(help="What the durations are.")] = TimeBasisName.ELAPSED,
    case: CaseColumn = "case",
    activity: ActivityColumn = "activity",
    started: StartColumn = "started_at",
    completed: CompletionColumn = "completed_at",
    duration: DurationColumn = "",
    output: _Output = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: _Json = False,
) -> None:
    """Import a CSV log (UTF-8, commas). Importing it again sends the same tasks, which count once.

    Example: frigjort import csv log.csv --authority 29189846 --key "$KEY" -o events.jsonl
    """
    options = ImportOptions(
        authority=_checked(authority),
        source="/frigjort/import",
        file_sha256=sha256_of(file),
        key=key.encode(),
        assistance=assistance.value,
        time_basis=time_basis.value,
        work=work.value,
        audience=audience.value,
        since=utc(since),
        until=utc(until),
    )
    columns = LogColumns(case, activity, started, completed, duration)
    _send(*read_log(file, prefix, columns), options, output, data, as_json)


def _checked(authority: str) -> str:
    if not is_cvr(authority):
        typer.echo(f"{authority} is not a CVR number", err=True)
        raise typer.Exit(ExitCode.USAGE)
    return authority


def _send(
    items: list[WorkItem],
    counts: ReadingCounts,
    options: ImportOptions,
    output: Path | None,
    data: Path,
    as_json: bool,
) -> None:
    """Writes the events to the file, or sends them and waits until the broker has all."""
    events = task_events(items, options)
    if output is not None:
        with output.open("wb") as stream:
            sent = sum(1 for event in events if stream.write(msgspec.json.encode(event) + b"\n"))
    else:
        kafka, _ = settings(data)
        topic = topics.tasks_topic(options.authority)
        with Sender(kafka) as sender:
            for event in events:
                sender.send(topic, event["subject"].encode(), msgspec.json.encode(event))
        sent = sender.delivered
    answer = {**asdict(counts), "sent": sent}
    words = f"{sent} events of {counts.items} pieces of work; {counts.left_out} starts or completions left out"
    sys.stdout.write((json.dumps(answer) if as_json else words) + "\n")
