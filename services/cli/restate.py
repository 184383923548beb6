"""`frigjort baseline restate`: measures anew what the registry has said something newer about."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from time import sleep
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress, TaskID

from contracts import RULES
from services.baselines.restatement import Rehearsal, Request, Restatement, Run, Stale
from services.cli.connection import measurements
from services.cli.exit_codes import ExitCode
from services.cli.progress_bar import progress
from services.cli.tokens import cvr_number, token
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.units import hours_text

_PAUSE_SECONDS: Final = 1.0


def restate(
    by: Annotated[str, typer.Option(help="Token of who restates: stands in the ledger.")],
    reason: Annotated[str, typer.Option(help="Why, as a token.")] = "newer-generation",
    cvr: Annotated[str, typer.Option(help="CVR number of one authority; empty: all.")] = "",
    data: DataFolder = DEFAULT_FOLDER,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and compute, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure anew the tasks that stand under an older generation than one that concerns them, until none is left.

    Tasks are read, measured against the newest registry and written again under the same coordinate; the view
    stale_measurements shows what is left, the view restatement_runs what was done. May be ended at any time, run again, and
    run beside collectors and beside itself. While a collector has not heard of the newest generation, tasks go stale behind
    the sweep: it is repeated until none does. Exit code 1: something is stale still.

    Examples: frigjort baseline restate --by method-office --reason new-baselines

    frigjort baseline restate --by method-office --cvr 29189846 --dry-run --json
    """
    request = Request(token("--by", by), token("--reason", reason), cvr and cvr_number("--cvr", cvr))
    store = measurements(data)
    with progress() as shown:
        work = Restatement(
            Rehearsal(store) if dry_run else store,
            request,
            clock=lambda: datetime.now(UTC),
            pause=lambda: sleep(_PAUSE_SECONDS),
            watch=_Bar(shown),
        )
        if dry_run:
            stale = store.stale(cvr)
            work.sweep(stale)
        else:
            stale = work.until_nothing_is_stale()
    if as_json:
        typer.echo(json.dumps(_answer(work.runs, stale)))
    else:
        _print(work.runs, stale, dry_run=dry_run)
    if stale:
        raise typer.Exit(ExitCode.NO)


class _Bar:
    """The bar of a sweep: its length is what was stale when it began."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._sweep: datetime | None = None

    def __call__(self, run: Run, total: int) -> None:
        if run.started_at != self._sweep:
            self._sweep = run.started_at
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(f"generation {run.generation}", total=total)
        if self._task is not None:
            self._progress.update(self._task, completed=run.tasks)


def _answer(runs: list[Run], stale: Mapping[str, Stale]) -> dict[str, Any]:
    return {
        "stale": sum(left.tasks + left.foreign for left in stale.values()),
        "stale_of_other_rules": sum(left.foreign for left in stale.values()),
        "tasks": sum(run.tasks for run in runs),
        "changed": sum(run.changed for run in runs),
        "runs": [
            asdict(run) | {"started_at": run.started_at.isoformat(), "finished_at": run.finished_at.isoformat()}
            for run in runs
        ],
    }


def _print(runs: list[Run], stale: Mapping[str, Stale], *, dry_run: bool) -> None:
    done = "would be measured" if dry_run else "measured"
    for run in runs:
        typer.echo(
            f"{run.tasks:,} tasks {done} under generation {run.generation}, {run.changed:,} of them changed: "
            f"saved {hours_text(run.saved_before_ms)} before, {hours_text(run.saved_after_ms)} after"
        )
    if not stale:
        typer.echo("nothing is stale")
    for authority, left in stale.items():
        if left.tasks:
            typer.echo(f"{authority}: {left.tasks:,} tasks are stale, the oldest under generation {left.oldest}")
        if left.foreign:
            typer.echo(
                f"{authority}: {left.foreign:,} stale tasks were judged by other rules than {RULES}: restate them with "
                "the newest version of this program"
            )
