"""`frigjort audit`: what an auditor asks."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts import topics
from services.audit.reconciliation.clickhouse import ConservationStore
from services.audit.reconciliation.logs import InputLogs
from services.audit.reconciliation.reconcile import Reconciliation
from services.cli import bundle, erase, published, seals, verify
from services.cli.as_of import as_of, diff
from services.cli.benefits import benefits
from services.cli.connection import settings
from services.cli.exit_codes import ExitCode
from services.cli.explain import explain
from services.cli.flags import flags
from services.cli.recompute import recompute
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.accounts import Account, Stored
from services.domain.conservation import Finding, Kind, Report, Verdict
from services.progress.settings import ProgressSettings
from services.runtime import clickhouse
from services.runtime.errors import Misconfigured
from services.runtime.kafka import KafkaMetadata

app = typer.Typer(help="What an auditor asks.", no_args_is_help=True)
app.command()(flags)
app.command()(benefits)
app.command()(seals.seal)
app.command()(verify.verify)
app.command()(erase.erase)
app.command()(bundle.bundle)
app.command()(recompute)
app.command("as-of")(as_of)
app.command()(diff)
app.command()(explain)
app.command()(published.published)
_CODES: Final = {
    Verdict.WHOLE: ExitCode.OK,
    Verdict.WAITING: ExitCode.WAITING,
    Verdict.NOT_WHOLE: ExitCode.NOT_WHOLE,
}
_GROUP: Final = str(ProgressSettings.model_fields["group_id"].default)


@app.callback()
def audit() -> None:
    """What an auditor asks."""


@app.command()
def reconcile(
    topic: Annotated[list[str] | None, typer.Option(help="Only this topic; may be repeated.")] = None,
    cvr: Annotated[list[str] | None, typer.Option(help="Only this authority's topic; may be repeated.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until nothing is waiting to be stored.")] = 0.0,
    group: Annotated[str, typer.Option(help="Consumer group of the collectors.")] = _GROUP,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show of every log, topic and partition that each offset is stored exactly once, or which are not.

    Reads offsets from Kafka and views from ClickHouse, as a user who may only read. Exit code 0: all is whole; 5: it is not,
    and each finding says why and what to do; 6: it is as far as it is stored, and records are waiting; 3: a neighbour is away.

    Examples: frigjort audit reconcile --wait 60

    frigjort audit reconcile --cvr 10000009 --json
    """
    only = {*(topic or ()), *map(topics.tasks_topic, cvr or ())} or None
    report = _settled(_reconciliation(data, group), only, wait)
    if only and (unknown := sorted(only - _named(report))):
        raise Misconfigured(unknown[0], "neither Kafka nor ClickHouse knows this topic")
    if as_json:
        typer.echo(json.dumps(_as_json(report)))
    else:
        _print(Console(), report)
    if code := _CODES[report.verdict]:
        raise typer.Exit(code)


def _reconciliation(data: Path, group: str) -> Reconciliation:
    kafka, database = settings(data, "auditor")
    return Reconciliation(InputLogs(KafkaMetadata(kafka), group), ConservationStore(clickhouse.connect(database)))


def _settled(reconciliation: Reconciliation, only: set[str] | None, wait_seconds: float) -> Report:
    """The first report in which nothing is waiting, or the last one in time. The pauses grow with what a report takes."""
    deadline = monotonic() + wait_seconds
    while True:
        begun = monotonic()
        report = reconciliation.run(only)
        pause = min(max(0.5, monotonic() - begun), deadline - monotonic())
        if not report.waiting or pause <= 0:
            return report
        sleep(pause)


def _named(report: Report) -> set[str]:
    return {account.topic for account in report.accounts} | {finding.topic for finding in report.findings}


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "verdict": report.verdict.value,
        "missing": report.missing,
        "waiting": report.waiting,
        "partitions": [_account_as_json(account) for account in report.accounts],
        "findings": [asdict(finding) for finding in report.findings],
    }


def _account_as_json(account: Account) -> dict[str, Any]:
    log, stored, missing = account.log, account.stored, account.missing
    return {
        "log_no": account.log_no,
        "topic": account.topic,
        "partition": account.partition,
        "in_kafka": log is not None,
        "first_offset": log.beginning if log else None,
        "end_offset": log.end if log else None,
        "committed_offset": log.committed if log else None,
        "records_in_kafka": log.records if log else None,
        "first_stored": stored.first if stored else None,
        "last_stored": stored.last if stored else None,
        "stored": stored.offsets if stored else 0,
        "events": stored.events if stored else 0,
        "duplicates": stored.duplicates if stored else 0,
        "rejections": stored.rejections if stored else 0,
        "rejudged": stored.rejudged if stored else 0,
        "incidents": stored.incidents if stored else 0,
        "missing": missing.offsets,
        "missing_ranges": missing.ranges,
        "first_missing_ranges": missing.first,
        "waiting": account.waiting,
    }


# -- on a terminal ------------------------------------------------------------------------------------------------------


def _print(console: Console, report: Report) -> None:
    columns = _columns(report)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=f"{topics.TASKS_PREFIX}…", title_justify="left")
    table.add_column("topic/part.", no_wrap=True)
    for name in ("log", "in Kafka", *columns):
        table.add_column(name, justify="right", no_wrap=True)
    wrong = {(found.topic, found.log_no, found.partition) for found in report.findings}
    for account in report.accounts:
        place = (account.topic, account.log_no, account.partition)
        whole = not {place, (account.topic, None, None), (account.topic, account.log_no, None)} & wrong
        table.add_row(*_row(account, columns.values()), style=_style(account, whole))
    if report.accounts:
        console.print(table)
    for found in report.findings:
        where = escape(_where(found))
        console.print(f"[bold red]{found.kind}[/]  {where}: {escape(found.cause)}", highlight=False, soft_wrap=True)
        console.print(f"    Remedy: {escape(found.remedy)}", highlight=False, soft_wrap=True)
    console.print(_conclusion(report), highlight=False, soft_wrap=True)


def _columns(report: Report) -> dict[str, Callable[[Account], int]]:
    """The numbers to show of each account; those of what hardly ever is, only where it is."""
    nothing = Stored(0, 0, 0, 0)
    often: dict[str, Callable[[Account], int]] = {
        "accepted": lambda account: (account.stored or nothing).ids,
        "duplic.": lambda account: (account.stored or nothing).duplicates,
        "rejected": lambda account: (account.stored or nothing).rejections,
        "missing": lambda account: account.missing.offsets,
        "waiting": lambda account: account.waiting,
    }
    seldom: dict[str, Callable[[Account], int]] = {
        "doubled": lambda account: (account.stored or nothing).incidents,
        "rejudged": lambda account: (account.stored or nothing).rejudged,
    }
    return often | {name: number for name, number in seldom.items() if any(map(number, report.accounts))}


def _row(account: Account, columns: Iterable[Callable[[Account], int]]) -> list[str]:
    log = account.log
    held = "gone" if log is None else f"{log.beginning}–{log.end - 1}" if log.records else "empty"
    name = f"{account.topic.removeprefix(topics.TASKS_PREFIX)}/{account.partition}"
    numbers = [column(account) for column in columns]
    return [name, str(account.log_no), held, *(f"{number:,}" if number else "·" for number in numbers)]


def _style(account: Account, whole: bool) -> str:
    if not whole:
        return "red"
    if account.waiting:
        return "yellow"
    return "dim" if account.log is None else ""


def _where(found: Finding) -> str:
    partition = "" if found.partition is None else f"/{found.partition}"
    return found.topic + partition + ("" if found.log_no is None else f" (log {found.log_no})")


def _conclusion(report: Report) -> str:
    stored = sum(account.stored.offsets for account in report.accounts if account.stored)
    match report.verdict:
        case Verdict.WHOLE:
            return f"[bold green]whole[/]: each of {stored:,} offsets is stored exactly once, and none is missing"
        case Verdict.WAITING:
            return f"[bold yellow]waiting[/]: {stored:,} offsets are stored exactly once; {report.waiting:,} are not stored yet"
        case Verdict.NOT_WHOLE:
            doubled = sum(f.kind == Kind.INCIDENT for f in report.findings)
            counts = (
                f"{report.missing:,} offsets missing, {doubled} partitions with incidents, {report.waiting:,} waiting"
            )
            return f"[bold red]not whole[/]: {len(report.findings)} findings; {counts}"
