"""The commands."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry
from rich.progress import Progress

from contracts import topics
from contracts.codes import RejectionCode
from services.cli.connection import collector_secret, settings
from services.cli.exit_codes import ExitCode
from services.cli.moments import utc
from services.cli.progress_bar import progress
from services.cli.rejected import log, words
from services.cli.rejected.redrive import Redrive, Report, foreign
from services.cli.rejected.selection import Filters, coordinate_of
from services.cli.rejected.store import Rejected, RejectionStore
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.collector.clickhouse import ClickHouseStore
from services.collector.judge import judge
from services.collector.metrics import CollectorMetrics
from services.collector.registry import RegistryFollower
from services.domain.coordinate import Coordinate
from services.domain.provenance import Provenance
from services.runtime import clickhouse, logging
from services.runtime.errors import Misconfigured
from services.runtime.kafka import KafkaMetadata
from services.runtime.retry import Patience
from services.runtime.settings import KafkaSettings

app = typer.Typer(help="Records that the contract refused.", no_args_is_help=True)

_Codes = Annotated[list[RejectionCode] | None, typer.Option("--code", help="Only this code; may be repeated.")]
_Topic = Annotated[str, typer.Option(help="Only this topic.")]
_Cvr = Annotated[str, typer.Option(help="Only the topic of the authority with this CVR number.")]
_Since = Annotated[datetime | None, typer.Option(help="Broker's time from this on; UTC unless an offset is written.")]
_Until = Annotated[datetime | None, typer.Option(help="Broker's time before this.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
_PATIENCE_SECONDS = 60.0


@app.command(name="list")
def list_rejected(
    code: _Codes = None,
    topic: _Topic = "",
    cvr: _Cvr = "",
    since: _Since = None,
    until: _Until = None,
    page: Annotated[int, typer.Option(min=1, help="Which page of groups.")] = 1,
    page_size: Annotated[int, typer.Option(min=1, max=1_000, help="Groups a page.")] = 50,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: _Json = False,
) -> None:
    """List what is rejected: records by code, field path and topic, most frequent first, with the newest coordinate.

    Example: frigjort rejected list --cvr 29189846 --since 2026-03-01
    """
    filters = _filters(code, topic, cvr, since, until)
    store = _store(data)
    records, groups = store.totals(filters)
    found = store.groups(filters, (page - 1) * page_size, page_size)
    if as_json:
        answer = {"records": records, "groups": groups, "page": page, "page_size": page_size}
        typer.echo(json.dumps({**answer, "rows": [words.group_as_json(group) for group in found]}))
        return
    for group in found:
        typer.echo(words.group_in_words(group))
    pages = max(1, -(-groups // page_size))
    typer.echo(f"{records:,} records are rejected, in {groups} groups; page {page} of {pages}")


@app.command()
def show(
    coordinate: Annotated[str, typer.Argument(help="log_no/topic/partition/offset")],
    data: DataFolder = DEFAULT_FOLDER,
    as_json: _Json = False,
) -> None:
    """Show all that is known of a rejected record: why, what the supplier does about it, its dead letter. Never a payload.

    Exit code 1: no record is rejected there. Example: frigjort rejected show 1/frigjort.tasks.v1.29189846/0/4711
    """
    at = coordinate_of(coordinate)
    kafka, _ = settings(data)
    store = _store(data)
    found = store.selected(Filters(coordinate=at), 1)
    if not found:
        accepted = store.accepted(at)
        typer.echo(f"{at}: " + ("nothing is stored there" if accepted is None else "the record is accepted"), err=True)
        raise typer.Exit(ExitCode.NO)
    answer = words.rejected_as_json(found[0]) | {
        "redrive": _obstacle(found[0].coordinate, kafka, store) or "possible",
        "dead_letter": log.dead_letter(kafka, at, found[0].broker_ms),
    }
    typer.echo(json.dumps(answer) if as_json else words.in_lines(answer))


@app.command()
def redrive(
    coordinate: Annotated[str, typer.Argument(help="Only this record: log_no/topic/partition/offset")] = "",
    code: _Codes = None,
    topic: _Topic = "",
    cvr: _Cvr = "",
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many records.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge, say what would happen, write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: _Json = False,
) -> None:
    """Judge rejected records again where they stand, with today's rules and registry, after a fault of ours was corrected.

    The original bytes are read again from Kafka; what is accepted now is stored at its own coordinate, so that a second
    redrive changes nothing. Nothing is sent to any topic. A supplier's own faults are mended by sending new events instead.
    Needs FRIGJORT_COLLECTOR_SECRET, as the collectors have it. Exit code 0: all selected records are accepted, or there are
    none; 1: some are still rejected, gone from the log, below a seal, or in an earlier incarnation of their topic; 2: called
    wrongly, or another secret; 3: Kafka or ClickHouse is away (run it again: nothing is half done that it does not mend);
    4: the log is not the one that was judged.

    Example: frigjort rejected redrive --code invalid_task_type --cvr 29189846 --dry-run
    """
    if as_json and not (yes or dry_run):
        raise Misconfigured("--json", "nobody can be asked: add --yes, or --dry-run")
    filters = _filters(code, topic, cvr, since, until, coordinate)
    store = _store(data)
    selected = store.selected(filters, limit)
    if selected and not (yes or dry_run):
        typer.confirm(f"{len(selected):,} rejected records are judged again. Go on?", abort=True, err=True)
    report = _redrive(selected, data, store, write=not dry_run)
    if as_json:
        typer.echo(json.dumps({"selected": len(selected), "dry_run": dry_run, **report.as_json()}))
    else:
        typer.echo(words.report_in_words(report, len(selected), dry_run=dry_run))
    if not report.complete:
        raise typer.Exit(ExitCode.NO)


def _filters(
    codes: list[RejectionCode] | None,
    topic: str,
    cvr: str,
    since: datetime | None,
    until: datetime | None,
    coordinate: str = "",
) -> Filters:
    if topic and cvr:
        raise Misconfigured("--topic and --cvr", "give one of them")
    return Filters(
        codes=[each.value for each in codes or []],
        topic=topics.tasks_topic(cvr) if cvr else topic,
        since=utc(since),
        until=utc(until),
        coordinate=coordinate_of(coordinate) if coordinate else None,
    )


def _store(data: Path) -> RejectionStore:
    return RejectionStore(clickhouse.connect(settings(data)[1]))


def _redrive(selected: list[Rejected], data: Path, store: RejectionStore, *, write: bool) -> Report:
    if not selected:
        return Report()
    logging.configure("redrive", "WARNING")
    kafka, _ = settings(data)
    provenance = Provenance(collector_secret(data))
    _recognise(provenance, store)
    tables = ClickHouseStore(store.client, CollectorMetrics(CollectorRegistry()))
    names = {each.coordinate.topic for each in selected}
    ids = KafkaMetadata(kafka).topic_ids(names)

    async def run(shown: Progress) -> Report:
        task = shown.add_task("judging again", total=len(selected))
        registry = RegistryFollower(kafka)
        try:
            await registry.start()
            bindings = await tables.bindings(names)
            async with log.InputLog(kafka) as source:
                return await Redrive(
                    log=source,
                    tables=tables,
                    judge=lambda batch: judge(batch, registry.snapshot, provenance),
                    sealed_to=store.sealed_to,
                    patience=Patience(give_up_seconds=_PATIENCE_SECONDS),
                    write=write,
                    advance=lambda count: shown.update(task, advance=count),
                ).run(selected, lambda at: bool(foreign(at, bindings, ids)))
        finally:
            await registry.stop()

    with progress() as shown:
        return asyncio.run(run(shown))


def _recognise(provenance: Provenance, store: RejectionStore) -> None:
    """Another secret would give a record another digest than a collector gives it: that is an incident, so it is refused."""
    known = store.a_salt()
    if known is not None and provenance.salt(str(known[0]).encode()) != known[1]:
        raise Misconfigured("FRIGJORT_COLLECTOR_SECRET", "not the secret that the stored records were salted with")


def _obstacle(at: Coordinate, kafka: KafkaSettings, store: RejectionStore) -> str:
    """Why the record cannot be judged again; empty if it can."""
    tables = ClickHouseStore(store.client, CollectorMetrics(CollectorRegistry()))
    bindings = asyncio.run(tables.bindings([at.topic]))
    metadata = KafkaMetadata(kafka)
    if reason := foreign(at, bindings, metadata.topic_ids([at.topic])):
        return reason
    if at.offset <= store.sealed_to(at):
        return "below a seal: frozen"
    if at.offset < metadata.beginnings([(at.topic, at.partition)])[at.topic, at.partition]:
        return "gone from the log by retention"
    return ""
