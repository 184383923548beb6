"""`frigjort audit verify`: whether all that is stored is what was stored."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from contracts import topics
from services.audit.rollups import verifying as rollups
from services.audit.rollups.clickhouse import PublishedStore
from services.audit.rollups.findings import Kind as RollupKind
from services.audit.seals.clickhouse import SealStore
from services.audit.seals.copies import FileCopies
from services.audit.seals.findings import Finding, Kind
from services.audit.seals.kafka import KafkaCopies
from services.audit.seals.verifying import Verified, Verifier
from services.cli.connection import settings
from services.cli.exit_codes import ExitCode
from services.cli.progress_bar import progress
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.chain import Checkpoint
from services.runtime import clickhouse
from services.runtime.clock import now_ms

_WAITING: Final = frozenset({Kind.UNSEALED, RollupKind.UNPUBLISHED})


def verify(
    topic: Annotated[list[str] | None, typer.Option(help="Only this topic; may be repeated.")] = None,
    cvr: Annotated[list[str] | None, typer.Option(help="Only this authority's topic; may be repeated.")] = None,
    checkpoints: Annotated[
        list[Path] | None, typer.Option(help="Compare with this file of checkpoints; may be repeated.")
    ] = None,
    from_kafka: Annotated[bool, typer.Option("--from-kafka", help="Compare with the topic frigjort.seals.v1.")] = False,
    most: Annotated[int, typer.Option(min=1, help="Show at most so many findings; all are counted.")] = 100,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show that records, baselines, seals and what is published are what was stored, or name what was altered, is missing or was
    added.

    Computes anew the digest of each payload, the leaf of each row and the chain along each partition, and compares them with
    what is stored, with the seals, and with checkpoints that were kept elsewhere. Who can rewrite all of ClickHouse can rewrite
    the seals in it: only checkpoints from elsewhere show that. Lawful erasures are counted, and are no finding. Unless topics are
    named, every publication is compared with its rows, and what is shown with the measurements.

    Exit code 0: nothing was found; 7: something is not what was stored; 6: nothing but seals that are overdue, or rows that were
    never published; 3: a neighbour is away. Measurements are checked by `frigjort audit recompute`, the ends of logs by `frigjort audit reconcile`.

    Examples: frigjort audit verify --from-kafka

    frigjort audit verify --cvr 10000009 --checkpoints /mnt/elsewhere/seals.jsonl --json
    """
    only = {*(topic or ()), *map(topics.tasks_topic, cvr or ())} or None
    kafka, database = settings(data, "auditor")
    kept = [each for file in checkpoints or () for each in FileCopies(file).read()]
    kept += KafkaCopies(kafka).read() if from_kafka else []
    client = clickhouse.connect(database)
    result = _verified(SealStore(client), kept, only, most)
    shown = rollups.Verified(most) if topic else rollups.verified(PublishedStore(client), cvr or None, most)
    if as_json:
        typer.echo(json.dumps(_as_json(result, shown)))
    else:
        _print(Console(), result)
        _print_rollups(Console(), shown)
    if result.found or shown.found:
        only_waiting = result.only_unsealed and shown.only_unpublished
        raise typer.Exit(ExitCode.WAITING if only_waiting else ExitCode.ALTERED)


def _verified(store: SealStore, kept: list[Checkpoint], only: Collection[str] | None, most: int) -> Verified:
    total = sum(count for place, count in store.counts().items() if only is None or place[1] in only)
    with progress() as bar:
        task = bar.add_task("verifying", total=total)
        verifier = Verifier(store, list(dict.fromkeys(kept)), now_ms(), only, lambda rows: bar.advance(task, rows))
        return verifier.run(most)


def _as_json(result: Verified, shown: rollups.Verified) -> dict[str, Any]:
    return {
        "verified": not (result.found or shown.found),
        "partitions": result.partitions,
        "rows": result.rows,
        "seals": result.seals,
        "checkpoints_from_elsewhere": result.kept,
        "erased": result.erased,
        "found": result.found,
        "findings": [_finding_as_json(finding) for finding in result.findings],
        "rollups": {
            "units": shown.units,
            "heads": shown.heads,
            "rows": shown.rows,
            "behind": shown.behind,
            "found": shown.found,
            "findings": [{**asdict(finding), "day": finding.day.isoformat()} for finding in shown.findings],
        },
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    known = asdict(finding)
    log_no, topic, partition = known.pop("place")
    return {**known, "log_no": log_no, "topic": topic, "partition": partition, "coordinate": finding.coordinate}


def _print(console: Console, result: Verified) -> None:
    where = [(one.kind, f"{one.table} {one.coordinate}: {one.what}") for one in result.findings]
    _print_findings(console, where, result.found)
    looked = f"{result.rows:,} rows of {result.partitions} partitions, {result.seals:,} seals, {result.erased:,} lawful erasures"
    looked += (
        f", {result.kept:,} checkpoints from elsewhere"
        if result.kept
        else "; no checkpoints from elsewhere were compared"
    )
    words = ("verified", "seals are overdue", "not what was stored")
    _print_verdict(console, words, result.found, looked, only_waiting=result.only_unsealed)


def _print_rollups(console: Console, shown: rollups.Verified) -> None:
    where = [(one.kind, f"{one.table} {one.authority}/{one.day}, run {one.run}: {one.what}") for one in shown.findings]
    _print_findings(console, where, shown.found)
    looked = (
        f"{shown.heads:,} publications of {shown.units:,} units, {shown.rows:,} rows, {shown.behind:,} units behind"
    )
    words = ("published as stored", "rows that were never published", "not what was published")
    _print_verdict(console, words, shown.found, looked, only_waiting=shown.only_unpublished)


def _print_findings(console: Console, shown: Sequence[tuple[str, str]], found: int) -> None:
    """Each kind with where and what; then how many more there are."""
    for kind, where in shown:
        colour = "yellow" if kind in _WAITING else "red"
        console.print(f"[bold {colour}]{kind}[/]  {escape(where)}", highlight=False, soft_wrap=True)
    if found > len(shown):
        console.print(f"… and {found - len(shown):,} findings more")


def _print_verdict(
    console: Console, words: tuple[str, str, str], found: int, looked: str, *, only_waiting: bool
) -> None:
    """`words`: of nothing found, of nothing but what waits, and of worse."""
    well, waits, wrong = words
    if not found:
        verdict = f"[bold green]{well}[/]"
    elif only_waiting:
        verdict = f"[bold yellow]{waits}[/]"
    else:
        verdict = f"[bold red]{wrong}[/]: {found:,} findings"
    console.print(f"{verdict}: {looked}", highlight=False, soft_wrap=True)
