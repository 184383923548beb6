"""`frigjort baseline propose`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.identifiers import is_cvr
from services.baselines.book import Version
from services.baselines.estimates import TaskTypeEstimate, rfc3339
from services.baselines.estimates import proposal as from_estimate
from services.baselines.proposals import Draft, Proposal
from services.cli.authorities import SectorName
from services.cli.connection import registry
from services.cli.estimates_file import read_estimates
from services.cli.exit_codes import ExitCode
from services.cli.moments import utc
from services.cli.tokens import token
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.cli.workflow import by_hand
from services.cli.workflow.words import SHOWN_OF_AN_ID, minutes
from services.runtime.errors import Misconfigured, Refused


class LevelName(StrEnum):
    """Whom a baseline is for."""

    AUTHORITY = "authority"
    SECTOR = "sector"
    NATION = "nation"


class ComplexityName(StrEnum):
    """For which complexity."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    UNSPECIFIED = "unspecified"
    ANY = "any"


class MethodName(StrEnum):
    """How the numbers came about; the grade follows from it."""

    RANDOMISED = "randomised"
    HOLDOUT = "holdout"
    CONCURRENT = "concurrent"
    HISTORY = "history"
    EXPERT_ESTIMATE = "expert_estimate"
    SELF_REPORT = "self_report"


_EVIDENCE = "Evidence, by hand"


def propose(
    level: Annotated[LevelName, typer.Option(help="Whom the baselines are for.")],
    by: Annotated[str, typer.Option(help="Token of who proposes: the author.")],
    valid_from: Annotated[datetime, typer.Option(help="UTC, or with offset.")],
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="What `estimate -o` wrote; else give numbers by hand."),
    ] = None,
    whose: Annotated[str, typer.Option(help="CVR number or sector; empty for the nation.")] = "",
    valid_to: Annotated[datetime | None, typer.Option(help="Exclusive; else 24 months on.")] = None,
    takes_over: Annotated[
        bool, typer.Option("--takes-over", help="Take the place of what is in force in its interval.")
    ] = False,
    retrospective: Annotated[
        bool, typer.Option("--retrospective", help="Measures the past alone: may have expired.")
    ] = False,
    task_type: Annotated[str, typer.Option(help="By hand; of a file: this one alone.")] = "",
    complexity: Annotated[ComplexityName, typer.Option(rich_help_panel=_EVIDENCE)] = ComplexityName.ANY,
    method: Annotated[MethodName | None, typer.Option(rich_help_panel=_EVIDENCE)] = None,
    n: Annotated[int | None, typer.Option("--n", help="Tasks.", rich_help_panel=_EVIDENCE)] = None,
    clusters: Annotated[int | None, typer.Option(help="Cases or teams.", rich_help_panel=_EVIDENCE)] = None,
    mean_ms: Annotated[int | None, typer.Option(help="Of counted effort.", rich_help_panel=_EVIDENCE)] = None,
    standard_error_ms: Annotated[int | None, typer.Option(help="Clustered.", rich_help_panel=_EVIDENCE)] = None,
    median_ms: Annotated[int | None, typer.Option(rich_help_panel=_EVIDENCE)] = None,
    p90_ms: Annotated[int | None, typer.Option("--p90-ms", rich_help_panel=_EVIDENCE)] = None,
    cap_minutes: Annotated[
        by_hand.CapMinutes | None, typer.Option(help="Idle cap of elapsed time.", rich_help_panel=_EVIDENCE)
    ] = None,
    mean_half_cap_ms: Annotated[
        int | None, typer.Option(help="Mean at half the idle cap; with the next three.", rich_help_panel=_EVIDENCE)
    ] = None,
    standard_error_half_cap_ms: Annotated[int | None, typer.Option(rich_help_panel=_EVIDENCE)] = None,
    mean_double_cap_ms: Annotated[int | None, typer.Option(rich_help_panel=_EVIDENCE)] = None,
    standard_error_double_cap_ms: Annotated[int | None, typer.Option(rich_help_panel=_EVIDENCE)] = None,
    between_authority_sd_ms: Annotated[
        int | None, typer.Option(help="Where others borrow it.", rich_help_panel=_EVIDENCE)
    ] = None,
    window_from: Annotated[datetime | None, typer.Option(rich_help_panel=_EVIDENCE)] = None,
    window_to: Annotated[datetime | None, typer.Option(rich_help_panel=_EVIDENCE)] = None,
    source: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Its digest is taken.", rich_help_panel=_EVIDENCE)
    ] = None,
    sha256: Annotated[str, typer.Option(help="Digest instead of the file.", rich_help_panel=_EVIDENCE)] = "",
    source_name: Annotated[str, typer.Option(help="Token of the data set.", rich_help_panel=_EVIDENCE)] = "",
    series: Annotated[str, typer.Option(help="Else whose and what it is for.", rich_help_panel=_EVIDENCE)] = "",
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Propose baselines: the supported estimates of a file, or one by hand with its evidence. Nothing is in force by it.

    A second person approves what was proposed, then it can be published. The version is the next of its series; the grade
    follows from the method and cannot be given. Proposing again changes nothing. Exit code 1: a rule says no (unsupported,
    overlap with what is in force in its scope, longer than 24 months, expired); 2: evidence is missing or wrong.

    Examples: frigjort baseline propose estimates.json --level authority --whose 29189846 --valid-from 2026-01-01
    --by method-office

    frigjort baseline propose --level nation --valid-from 2026-01-01 --by method-office --task-type kle:27.35.04
    --method expert_estimate --n 40 --clusters 12 --mean-ms 1080000 --standard-error-ms 60000 --median-ms 960000
    --p90-ms 2100000 --window-from 2025-09-01 --window-to 2025-10-01 --source panel-2025.pdf
    """
    numbers = {
        "method": method and method.value, "n": n, "clusters": clusters, "mean-ms": mean_ms,
        "standard-error-ms": standard_error_ms, "median-ms": median_ms, "p90-ms": p90_ms,
        "cap-minutes": cap_minutes and cap_minutes.value, "between-authority-sd-ms": between_authority_sd_ms,
        "mean-half-cap-ms": mean_half_cap_ms, "standard-error-half-cap-ms": standard_error_half_cap_ms,
        "mean-double-cap-ms": mean_double_cap_ms, "standard-error-double-cap-ms": standard_error_double_cap_ms,
        "window-from": window_from, "window-to": window_to, "series": series,
    }  # fmt: skip
    whole = {**numbers, "task-type": task_type, "complexity": complexity.value}
    wanted = Wanted(_scope(level, whose), token("--by", by), utc(valid_from), task_type)
    unsupported: list[TaskTypeEstimate] = []
    if file is not None:
        _must_be_empty({**numbers, "source": source, "sha256": sha256, "source-name": source_name})
        contents, unsupported = _from_file(file, wanted)
    else:
        evidence = by_hand.Source(source, sha256, source_name)
        contents = [by_hand.content(whole, evidence, wanted.scope, wanted.by, wanted.valid_from)]
    ends = {} if valid_to is None else {"valid_to": rfc3339(utc(valid_to))}
    drafts = [Draft({**content, **ends}, takes_over, retrospective) for content in contents]
    found = registry(data).propose(drafts, datetime.now(UTC)) if drafts else []
    _say(found, unsupported, as_json)
    if not drafts:
        raise typer.Exit(ExitCode.NO)


@dataclass(frozen=True, slots=True)
class Wanted:
    """For whom, by whom, from when; of a file which task type alone (empty: all)."""

    scope: Mapping[str, str]
    by: str
    valid_from: datetime
    task_type: str


def _scope(level: LevelName, whose: str) -> dict[str, str]:
    if level == LevelName.NATION and whose:
        raise Misconfigured("--whose", "a baseline of the nation is nobody's: leave it out, or choose another --level")
    if level == LevelName.AUTHORITY and not is_cvr(whose):
        raise Misconfigured("--whose", f"{whose!r} is not a CVR number, and --level is authority")
    if level == LevelName.SECTOR and whose not in list(SectorName):
        raise Misconfigured("--whose", f"{whose!r} is not a sector ({', '.join(SectorName)}), and --level is sector")
    return {"level": level.value} | ({level.value: whose} if whose else {})


def _must_be_empty(given: Mapping[str, Any]) -> None:
    if named := [f"--{name}" for name, value in given.items() if value not in (None, "")]:
        raise Misconfigured(named[0], "the file has the evidence: give a file or numbers by hand, not both")


def _from_file(file: Path, wanted: Wanted) -> tuple[list[dict[str, Any]], list[TaskTypeEstimate]]:
    """Contents of the supported estimates, and the others. One that is asked for by name must be supported."""
    evidence, read = read_estimates(file)
    if wanted.task_type:
        read = [one for one in read if one.task_type == wanted.task_type]
        if not read:
            raise Misconfigured("--task-type", f"{file} has no estimate of {wanted.task_type}")
        if not any(one.estimate.supported for one in read):
            raise Refused(
                f"a baseline of {wanted.task_type}", str(read[0].verdict), "gather other evidence; nothing was proposed"
            )
    contents = [
        from_estimate(one, dict(wanted.scope), evidence, wanted.by, wanted.valid_from)
        for one in read
        if one.estimate.supported
    ]
    return contents, [one for one in read if not one.estimate.supported]


def _say(found: Sequence[Proposal | Version], unsupported: Sequence[TaskTypeEstimate], as_json: bool) -> None:
    proposals = [one for one in found if isinstance(one, Proposal)]
    unchanged = [one.subject for one in found if isinstance(one, Version)]
    if as_json:
        answer = {
            "proposals": [
                {
                    "proposal": one.id,
                    "becomes": one.subject,
                    "replaces": list(one.replaces),
                    "grade": one.baseline.grade,
                }
                for one in proposals
            ],
            "unchanged": unchanged,
            "unsupported": [{"task_type": one.task_type, "verdict": str(one.verdict)} for one in unsupported],
        }
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    for one in proposals:
        place = f" in the place of {', '.join(one.replaces)}" if one.replaces else ""
        typer.echo(
            f"{one.id[:SHOWN_OF_AN_ID]} is proposed as {one.subject}{place}: {minutes(one.baseline.mean_ms)} minutes, "
            f"grade {one.baseline.grade}"
        )
    for subject in unchanged:
        typer.echo(f"{subject} says the same already")
    for left_out in unsupported:
        typer.echo(f"{left_out.task_type} is not proposed: {left_out.verdict}")
