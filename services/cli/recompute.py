"""`frigjort audit recompute`: every measurement a second time, in SQL, beside what is stored."""

import json
from dataclasses import asdict
from time import sleep
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from services.audit.recompute.clickhouse import RecomputationStore
from services.audit.recompute.comparison import HARMLESS, Compared, Finding, Kind, Recomputation, Report
from services.cli.connection import auditor
from services.cli.exit_codes import ExitCode
from services.cli.progress_bar import bar
from services.cli.tables import table
from services.cli.tokens import Cvrs, cvr_numbers
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.units import hours_text

_PAUSE_SECONDS: Final = 2.0
_WORDS: Final = {
    Kind.DIFFERS: "stored otherwise than it comes out",
    Kind.MISSING: "comes out of the records and is not stored",
    Kind.EXTRA: "stored, and no record makes it",
    Kind.PAYLOAD_MISSING: "cannot be recomputed: the payload of its event is gone, and no erasure is recorded",
    Kind.ERASED: "cannot be recomputed: its event was erased",
}


def recompute(
    cvr: Cvrs = None,
    limit: Annotated[int, typer.Option(min=0, help="How many findings to list; their number is of all.")] = 100,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure every task a second time, in SQL, from records and registry alone, and compare each column and each total.

    Reads views, as a user who may only read. Rows that are stale are compared under their own generation, and said to be
    stale. Exit code 0: all is as it comes out; 7: something is not, and each finding says what; 6: all is as it comes out,
    and some rows are stale (`frigjort baseline restate`); 4: registry or records contradict themselves; 3: ClickHouse is away.

    Examples: frigjort audit recompute

    frigjort audit recompute --cvr 10000009 --json
    """
    authorities = cvr_numbers(cvr)
    store = RecomputationStore(auditor(data))
    with bar("recomputing") as watch:
        report = Recomputation(store, pause=lambda: sleep(_PAUSE_SECONDS), watch=watch).run(authorities)
    if as_json:
        typer.echo(json.dumps(_as_json(report, limit)))
    else:
        _print(Console(), report, limit)
    if report.wrong:
        raise typer.Exit(ExitCode.ALTERED)
    if report.stale:
        raise typer.Exit(ExitCode.WAITING)


def _as_json(report: Report, limit: int) -> dict[str, Any]:
    return {
        "generation": report.generation,
        "wrong": report.wrong,
        "tasks": sum(one.recomputed.tasks for one in report.compared),
        "saved_ms": sum(one.recomputed.saved_ms for one in report.compared),
        "counts": {kind.value: report.count(kind) for kind in Kind},
        "stale": report.stale,
        "outdated": sum(one.outdated for one in report.compared),
        "authorities": [_authority_as_json(one) for one in report.compared],
        "findings": [asdict(finding) for finding in report.findings[:limit]],
        "totals": [asdict(total) for total in report.totals[:limit]],
    }


def _authority_as_json(one: Compared) -> dict[str, Any]:
    return {
        "authority": one.authority,
        "stored": asdict(one.stored),
        "recomputed": asdict(one.recomputed),
        "outdated": one.outdated,
        "counts": {kind.value: count for kind, count in one.counts.items()},
    }


def _print(console: Console, report: Report, limit: int) -> None:
    wrong = [one for one in report.compared if one.wrong]
    if wrong:
        shown = table("authority", "tasks", "hours stored", "tasks", "hours recomputed", "findings", words=())
        for one in wrong:
            sides = [(f"{side.tasks:,}", hours_text(side.saved_ms)) for side in (one.stored, one.recomputed)]
            shown.add_row(one.authority, *sides[0], *sides[1], f"{one.wrong:,}")
        console.print(shown)
    for finding in report.findings[:limit]:
        _print_finding(console, finding)
    for total in report.totals[:limit]:
        says, added = total.shown, total.added_up
        console.print(
            f"[bold red]total[/]  view {total.view} shows {says.tasks:,} tasks and {says.saved_ms:,} ms saved of "
            f"{escape(total.key)}; the rows add up to {added.tasks:,} and {added.saved_ms:,}",
            highlight=False,
            soft_wrap=True,
        )
    listed = min(limit, len(report.findings)) + min(limit, len(report.totals))
    everything = report.wrong + report.count(*HARMLESS)
    if everything > listed:
        console.print(f"… and {everything - listed:,} more: --limit, or --cvr for one authority", highlight=False)
    console.print(_conclusion(report), highlight=False, soft_wrap=True)


def _print_finding(console: Console, finding: Finding) -> None:
    style = "yellow" if finding.kind in HARMLESS else "bold red"
    where = escape(f"{finding.authority} {finding.task}")
    console.print(f"[{style}]{finding.kind}[/]  {where}: {_WORDS[finding.kind]}", highlight=False, soft_wrap=True)
    for column in finding.columns:
        stored, recomputed = (escape("unknown" if v is None else v) for v in (column.stored, column.recomputed))
        console.print(f"    {column.column}: stored {stored}, comes out {recomputed}", highlight=False, soft_wrap=True)


def _conclusion(report: Report) -> str:
    tasks = sum(one.recomputed.tasks for one in report.compared)
    saved = hours_text(sum(one.recomputed.saved_ms for one in report.compared))
    stale = sum(report.stale.values())
    outdated = sum(one.outdated for one in report.compared)
    lines = []
    if report.wrong:
        lines.append(
            f"[bold red]not as it comes out[/]: {report.wrong:,} tasks or totals; of {tasks:,} tasks, {saved} freed"
        )
    else:
        lines.append(f"[bold green]as it comes out[/]: each of {tasks:,} tasks and every total, {saved} freed")
    if report.count(Kind.ERASED):
        lines.append(
            f"{report.count(Kind.ERASED):,} tasks cannot be recomputed, since their events were erased; not in these numbers"
        )
    if stale:
        lines.append(
            f"[yellow]{stale:,} tasks are stale[/]: compared under their own generation; {outdated:,} would have another "
            f"baseline under generation {report.generation}: `frigjort baseline restate`"
        )
    return "\n".join(lines)
