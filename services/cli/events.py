"""`frigjort events`: a supplier checks events, is told what is wrong in words, and sends them."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from contracts import topics
from contracts.reading import Record
from services.cli.connection import settings
from services.cli.event_files import Finding, addressed, events_of, judged
from services.cli.exit_codes import ExitCode
from services.cli.producer import Sender
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.runtime.errors import Misconfigured
from services.runtime.kafka import KafkaMetadata

app = typer.Typer(help="Events of the contract.", no_args_is_help=True)
_Files = Annotated[
    list[str], typer.Argument(help="Files with a JSON event, a JSON array or JSON lines; - for the standard input.")
]
_Authority = Annotated[str, typer.Option(help="CVR number whose topic they are for; default: the data's own.")]


@app.callback()
def events() -> None:
    """Events of the contract."""


@app.command()
def validate(
    files: _Files,
    authority: _Authority = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a finding.")] = False,
) -> None:
    """Check events against the contract. Exit code 0: all valid; 1: some are not; 2: a file cannot be read.

    Example: frigjort events validate events.jsonl --authority 29189846
    """
    checked = wrong = 0
    for file in files:
        for place, value in events_of(file):
            finding = judged(place, addressed(value, authority))
            checked += 1
            wrong += bool(finding.code)
            if as_json:
                typer.echo(json.dumps(finding.as_json()))
            elif finding.code:
                typer.echo(finding.in_words())
    if not as_json:
        typer.echo(f"{checked} events checked, {wrong} invalid")
    if wrong:
        raise typer.Exit(ExitCode.NO)


@app.command()
def send(
    files: _Files,
    authority: _Authority = "",
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Send the valid ones, report the others.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and say what would be sent; asks nobody.")] = False,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Check events, then send them to their authority's topic and wait until Kafka has acknowledged all of them.

    If any is invalid nothing is sent, unless with --skip-invalid. The record's key is the task id. Sending a file again
    is harmless: events count once. Exit code 0: all sent; 1: nothing sent, some or all are invalid; 2: a file cannot be
    read, or an authority has no topic; 3: Kafka did not acknowledge.

    Example: frigjort events send events.jsonl --authority 29189846 --dry-run
    """
    valid, invalid = _sorted_by_verdict(files, authority)
    sendable = valid if skip_invalid or not invalid else []
    counts = Counter(record.topic for record in sendable)
    if sendable and not dry_run:
        _deliver(sendable, data)
    answer = {
        "sent": 0 if dry_run else len(sendable),
        "would_send": len(sendable),
        "dry_run": dry_run,
        "topics": dict(sorted(counts.items())),
        "invalid": [finding.as_json() for finding in invalid],
    }
    typer.echo(json.dumps(answer) if as_json else _in_words(invalid, counts, dry_run))
    if not sendable:
        raise typer.Exit(ExitCode.NO)


def _sorted_by_verdict(files: list[str], authority: str) -> tuple[list[Record], list[Finding]]:
    """The records of the valid events, and what is wrong with the others; both in the order of the files."""
    valid: list[Record] = []
    invalid: list[Finding] = []
    found = [event for file in files for event in events_of(file)]
    for place, value in track(found, "checking", console=Console(stderr=True), transient=True):
        record = addressed(value, authority)
        if record.topic == topics.BASELINES:  # only the registry's writer may write there
            record = replace(record, topic=topics.tasks_topic(authority))
        finding = judged(place, record)
        if finding.code:
            invalid.append(finding)
        else:
            valid.append(record)
    return valid, invalid


def _deliver(records: list[Record], data: Path) -> None:
    """Sends and waits. Raises `Misconfigured` where a topic does not exist, before anything is sent, and `Retry`."""
    kafka, _ = settings(data)
    console = Console(stderr=True)
    missing = sorted({record.topic for record in records} - KafkaMetadata(kafka).partitions().keys())
    if missing:
        raise Misconfigured(missing[0], "no such topic: register the authority with `frigjort authorities add`")
    with Sender(kafka) as sender:
        for record in track(records, "sending", console=console, transient=True):
            sender.send(record.topic, record.key, record.value, record.headers)


def _in_words(invalid: list[Finding], counts: Counter[str], dry_run: bool) -> str:
    lines = [finding.in_words() for finding in invalid]
    verb = "would be sent" if dry_run else "sent and acknowledged"
    lines += [f"{topic}: {count} {verb}" for topic, count in sorted(counts.items())]
    outcome = f"{counts.total()} events {verb}"
    if invalid:
        outcome += f", {len(invalid)} invalid" + (" and skipped" if counts else ": nothing is sent")
    return "\n".join([*lines, outcome])
