"""The commands of `frigjort report`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from services.cli.authorities import SectorName
from services.cli.connection import auditor
from services.cli.moments import utc
from services.cli.report import answers, effect_screen, progress_screen, waterfall_screen
from services.cli.tokens import Cvrs, cvr_numbers
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.reports.clickhouse import ReportStore
from services.reports.effect import effect
from services.reports.group import FIRST, LAST, Group
from services.reports.progress import progress as progress_of
from services.reports.waterfall import waterfall_of
from services.runtime.errors import Misconfigured

Found = TypeVar("Found")

app = typer.Typer(help="What AI did to the work, and how sure that is.", no_args_is_help=True)

Sector = Annotated[SectorName | None, typer.Option(help="Only authorities of this sector.")]
TaskType = Annotated[str, typer.Option(help="Only this task type.")]
Complexity = Annotated[str, typer.Option(help="Only this complexity.")]
Programme = Annotated[str, typer.Option(help="Only this programme.")]
Study = Annotated[str, typer.Option(help="Only this registered trial.")]
Since = Annotated[
    datetime | None, typer.Option("--from", help="Completed at or after this time (UTC, or with offset).")
]
Before = Annotated[datetime | None, typer.Option("--before", help="Completed before this time.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, times in milliseconds.")]


def _command(
    report: Callable[[ReportStore, Group, datetime], Found],
    answer: Callable[[Found], dict[str, Any]],
    show: Callable[[Console, Found], None],
    words: str,
) -> None:
    """Adds a command that reports on the group of tasks that its options choose."""

    def command(
        cvr: Cvrs = None,
        sector: Sector = None,
        task_type: TaskType = "",
        complexity: Complexity = "",
        programme: Programme = "",
        study: Study = "",
        since: Since = None,
        before: Before = None,
        data: DataFolder = DEFAULT_FOLDER,
        as_json: AsJson = False,
    ) -> None:
        period = (utc(since) or FIRST, utc(before) or LAST)
        numbers = _checked(cvr, sector, period)
        store = ReportStore(auditor(data))
        authorities = numbers or (store.authorities(sector.value) if sector else None)
        group = Group(authorities, task_type, complexity, programme, study, *period)
        found = report(store, group, datetime.now(UTC))
        if as_json:
            typer.echo(json.dumps(answer(found)))
        else:
            show(Console(), found)

    app.command(name=answer.__name__, help=words)(command)


_command(
    effect,
    answers.effect,
    effect_screen.effect,
    """Show what AI did to the work, by every estimator that the tasks allow, side by side with its grade.

    Adjusted by the control that was drawn; net where there is none; difference-in-differences; each registered trial; the
    comparison with tasks that were merely done without AI, which is not causal; and what would have been claimed without a
    control. Drift of the baselines, and whether the arms have the same mix of tasks. An estimate that cannot honestly be
    given says why. Reads views that an auditor may read, and nothing else.

    Examples: frigjort report effect --cvr 29189846 --from 2026-01-01

    frigjort report effect --study metr-2025 --json
    """,
)
_command(
    waterfall_of,
    answers.waterfall,
    waterfall_screen.waterfall,
    """Show the way from gross to adjusted hours: review, rework, effort without credit, drift. Signed, with intervals.

    The steps add up to the millisecond; their intervals do not. Beside it: what benefit owners confirmed is used elsewhere
    (an "of which"), the provisional share, and cells that are left out because of their grade.

    Example: frigjort report waterfall --sector municipality --from 2026-01-01 --before 2026-07-01
    """,
)


@app.command()
def progress(data: DataFolder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Show the number to the target: freed so far, the annual run-rate, where it leads by the deadline, the pace required.

    From the figures that the progress service publishes: with intervals, grades, the provisional share, årsværk with their norms.
    Target, deadline, norms and minimum grade are versioned data. Three scenarios, none of them a 95 % forecast.

    Example: frigjort report progress --json
    """
    found = progress_of(ReportStore(auditor(data)), datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(answers.progress(found)))
    else:
        progress_screen.progress(Console(), found)


def _checked(cvr: list[str] | None, sector: SectorName | None, period: tuple[datetime, datetime]) -> tuple[str, ...]:
    """The authorities asked for by number. Raises `Misconfigured` for a group that cannot be."""
    numbers = tuple(cvr_numbers(cvr))
    if numbers and sector:
        raise Misconfigured("--sector", "give authorities or a sector, not both")
    if period[0] >= period[1]:
        raise Misconfigured("--from", "the period ends before it begins")
    return numbers
