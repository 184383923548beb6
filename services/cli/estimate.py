"""`frigjort baseline estimate` and `estimate-controls`: a baseline's numbers, and whether the data support one."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.baselines.controls import control_counts, control_estimates
from services.baselines.estimates import TaskTypeEstimate, estimates, sha256_of, source_token
from services.baselines.in_scope.place import Place
from services.baselines.work_items import LogColumns, ReadingCounts
from services.cli.connection import control_store
from services.cli.estimate_screen import show
from services.cli.estimates_file import Estimates
from services.cli.logs import (
    ActivityColumn,
    CaseColumn,
    CompletionColumn,
    DurationColumn,
    StartColumn,
    read_log,
)
from services.cli.moments import utc
from services.cli.tokens import cvr_number
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.runtime.errors import Misconfigured


class TimeBasisName(StrEnum):
    """How the durations were measured; only elapsed time has an idle cap."""

    ELAPSED = "elapsed"
    MEASURED = "measured"
    SELF_REPORTED = "self_reported"


_Before = Annotated[datetime | None, typer.Option(help="Only work completed before this time (UTC, or with offset).")]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write the estimates as JSON, for `publish`.")]
_Json = Annotated[bool, typer.Option("--json")]
EvidenceFile = Annotated[
    Path | None, typer.Option("--evidence", help="Write the control tasks that it rests on, as a tab-separated file.")
]


def estimate(
    source: Annotated[
        Path, typer.Option("--from", exists=True, dir_okay=False, help="FILE.xes, .csv (plain or .gz) or .parquet")
    ],
    before: _Before = None,
    prefix: Annotated[str, typer.Option(help="Only activities that begin with this.")] = "",
    case: CaseColumn = "case",
    activity: ActivityColumn = "activity",
    started: StartColumn = "started_at",
    completed: CompletionColumn = "completed_at",
    duration: DurationColumn = "",
    review: Annotated[
        str, typer.Option("--review-column", help="Column of minutes of review, where there is one.")
    ] = "",
    rework: Annotated[
        str, typer.Option("--rework-column", help="Column of minutes of rework, where there is one.")
    ] = "",
    observed_until: Annotated[
        datetime | None, typer.Option(help="When the source was taken; default: its last completion.")
    ] = None,
    time_basis: Annotated[
        TimeBasisName, typer.Option(help="What the durations are; elapsed time gets an idle cap.")
    ] = TimeBasisName.ELAPSED,
    output: _Output = None,
    as_json: _Json = False,
) -> None:
    """Estimate baselines from a log of the past: the numbers, and whether the data support them.

    Verdicts: supported; weak, with each reason; unsupported, which `publish` leaves out. Effort is the time up to the idle
    cap, and review and rework where the log has them; a field that is empty is unknown, not zero. Column options are for CSV
    and Parquet.

    Examples: frigjort baseline estimate --from log.xes.gz --prefix W_ --before 2012-01-01T00:00:00Z -o estimates.json

    frigjort baseline estimate --from tasks.parquet --duration-column minutes --rework-column rework --time-basis measured
    """
    columns = LogColumns(case, activity, started, completed, duration, review, rework)
    items, counts = read_log(source, prefix, columns)
    found = estimates(items, utc(before), time_basis.value, utc(observed_until))
    if not found:
        raise Misconfigured(str(source), _nothing(counts, prefix, before))
    answer = Estimates(source_token(source), sha256_of(source), asdict(counts), found)
    _answered(answer, output, _about(counts, found), as_json=as_json)


def estimate_controls(
    cvr: Annotated[str, typer.Argument(help="CVR number of the authority.")],
    since: Annotated[datetime | None, typer.Option(help="Only tasks completed at or after this time.")] = None,
    before: _Before = None,
    pooled: Annotated[
        bool, typer.Option("--pool-complexity", help="One estimate per task type, for complexity any.")
    ] = False,
    evidence: EvidenceFile = None,
    data: DataFolder = DEFAULT_FOLDER,
    output: _Output = None,
    as_json: _Json = False,
) -> None:
    """Estimate baselines from the control tasks that an authority has sent: the way to renew one from the holdout.

    Reads the view task_measurements, arm control, as a user who may only read. Tasks count as they were drawn. What
    `propose` makes of them is of method holdout, grade A. For the next version of a baseline that is published, with its idle
    cap and its scope: `frigjort baseline renew`.

    Example: frigjort baseline estimate-controls 29189846 --since 2027-01-01 --before 2027-10-01 -o estimates.json
    """
    cvr_number("CVR", cvr)
    window = (utc(since) or datetime(1970, 1, 1, tzinfo=UTC), utc(before) or datetime(9999, 1, 1, tzinfo=UTC))
    controls = control_store(data).controls(Place(cvr, (cvr,), "", "any", *window))
    if controls is None:
        raise Misconfigured(cvr, "no task of this authority was received")
    found = control_estimates(controls, pooled=pooled)
    if not found:
        raise Misconfigured(
            cvr, "no control task was finished in this window: does its case system send the holdout with `arm`?"
        )
    if evidence is not None:
        evidence.write_bytes(controls.evidence)
    counts = control_counts(controls)
    left_out = f"{counts.unfinished:,} abandoned or escalated and {counts.induced:,} induced ones are in no estimate."
    about = [f"{counts.controls:,} control tasks; {left_out}"]
    _answered(Estimates(controls.source, controls.sha256, asdict(counts), found), output, about, as_json=as_json)


def _answered(answer: Estimates, output: Path | None, about: Iterable[str], *, as_json: bool) -> None:
    if output is not None:
        answer.write(output)
    if as_json:
        typer.echo(json.dumps(answer.as_json(), ensure_ascii=False))
    else:
        show(Console(), answer.found, about)


def _nothing(counts: ReadingCounts, prefix: str, before: datetime | None) -> str:
    if counts.items:
        return f"none of {counts.items:,} pieces of work was completed before {before}"
    only = f" of an activity that begins with {prefix}" if prefix else ""
    return f"holds no piece of work{only}: XES needs START and COMPLETE of a work item, a table needs rows"


def _about(counts: ReadingCounts, found: list[TaskTypeEstimate]) -> list[str]:
    used = sum(entry.diagnosis.tasks for entry in found)
    immature = sum(entry.diagnosis.immature for entry in found)
    lines = [
        f"{counts.items:,} pieces of work in the source, {used:,} used; {immature:,} younger than 90 days at its end.",
        f"{counts.left_out:,} starts or completions make no piece of work and are left out.",
    ]
    if counts.inside_other_work:
        lines.append(f"{counts.inside_other_work:,} events are steps inside other work, whose time has them.")
    if counts.outside_cases:
        lines.append(f"{counts.outside_cases:,} events belong to no case and are left out.")
    return lines
