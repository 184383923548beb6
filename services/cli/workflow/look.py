"""`frigjort baseline list|show|expire`."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console

from services.baselines.book import Book, Filed, State, Version
from services.baselines.expiry import Ending, endings
from services.cli.connection import registry
from services.cli.exit_codes import ExitCode
from services.cli.tables import table
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.cli.workflow.words import SHOWN_OF_AN_ID, entry_as_json, in_lines, minutes, pending, scope_in_words

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def list_baselines(
    state: Annotated[list[State] | None, typer.Option(help="Only these; may be repeated.")] = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """List the published versions and the proposals that have not become one, with their states.

    proposed, approved: awaits approval, publication. published, withdrawn, expired: a version. outdated: a proposal that
    cannot be published any more, since its version, or what it would replace, has changed.

    Examples: frigjort baseline list

    frigjort baseline list --state proposed --state approved --json
    """
    now = datetime.now(UTC)
    book = registry(data).book()
    entries: list[Version | Filed] = [*book.versions.values(), *pending(book)]
    rows = [(entry, entry_as_json(book, entry, now)) for entry in entries]
    chosen = [(entry, row) for entry, row in rows if not state or row["state"] in state]
    if as_json:
        typer.echo(json.dumps([row for _, row in chosen]))
        return
    shown = table(
        "baseline",
        "state",
        "scope",
        "task type",
        "mean",
        "SE",
        "grade",
        "until",
        words=("baseline", "scope", "task type"),
    )
    for entry, row in chosen:
        baseline = entry.baseline if isinstance(entry, Version) else entry.proposal.baseline
        end = entry.end if isinstance(entry, Version) else entry.proposal.end
        subject = f"{baseline.baseline}/{baseline.version}"
        name = subject if isinstance(entry, Version) else f"{subject}\n{entry.proposal.id[:SHOWN_OF_AN_ID]}"
        figures = (minutes(baseline.mean_ms), minutes(baseline.standard_error_ms), baseline.grade, f"{end:%Y-%m-%d}")
        shown.add_row(
            name, row["state"], scope_in_words(baseline), f"{baseline.task_type}, {baseline.complexity}", *figures
        )
    console = Console()
    console.print(shown)
    console.print("mean and SE: minutes of counted time. Proposals with the beginning of their id.")


def show(
    name: Annotated[str, typer.Argument(help="SERIES/VERSION, or a proposal's id or 8 or more characters of it.")],
    data: DataFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a version or a proposal: numbers, evidence, who proposed, approved and withdrew it.

    Exit code 2: there is neither. Example: frigjort baseline show 29189846/parking-permit/1
    """
    book = registry(data).book()
    answer = entry_as_json(book, book.entry(name), datetime.now(UTC))
    typer.echo(json.dumps(answer) if as_json else "\n".join(in_lines(answer)))


def expire(
    within: Annotated[int, typer.Option(min=0, help="Days ahead.")] = 90,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Say for which scopes no baseline is in force any more, or will be within some days, and no other carries on.

    A baseline expires after 24 months unless it is renewed from a holdout; later tasks are unmeasured. Nothing is written.
    What measures the past alone (proposed with --retrospective) is not told. Exit code 0: none; 1: something has expired;
    6: nothing yet, but something will.

    Examples: frigjort baseline expire

    frigjort baseline expire --within 180 --json
    """
    now = datetime.now(UTC)
    book = registry(data).book()
    found = endings(book, now, now + timedelta(days=within))
    if as_json:
        typer.echo(json.dumps([_ending(book, one, now) for one in found]))
    else:
        for one in found:
            when = f"{'expired' if one.ended else 'expires'} on {one.version.end:%Y-%m-%d}"
            typer.echo(f"{one.version.subject} {when}: `frigjort baseline renew {one.version.baseline.baseline}`")
        typer.echo(f"{len(found)} scopes are without a baseline now, or will be within {within} days")
    if found:
        raise typer.Exit(ExitCode.NO if any(one.ended for one in found) else ExitCode.WAITING)


def _ending(book: Book, ending: Ending, now: datetime) -> dict[str, Any]:
    entry = entry_as_json(book, ending.version, now)
    kept = ("state", "baseline", "version", "level", "authority", "sector", "task_type", "complexity")
    return {name: entry[name] for name in kept} | {"ended": ending.ended, "end": ending.version.end.isoformat()}
