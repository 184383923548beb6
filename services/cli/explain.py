"""`frigjort audit explain`: a task from its record to its share of the total; a total down to its baselines."""

import json
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

import typer
from rich.console import Console

from contracts.identifiers import is_task_type
from services.audit.explain.arithmetic import steps
from services.audit.explain.clickhouse import ExplanationStore
from services.audit.explain.task import TaskExplained, why_in_force
from services.audit.explain.total import Selection, TotalExplained
from services.cli.connection import auditor
from services.cli.exit_codes import ExitCode
from services.cli.explained import print_task, print_total
from services.cli.tokens import Cvrs, cvr_numbers
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.runtime.errors import Misconfigured


def explain(
    task: Annotated[str, typer.Argument(help="The task, with --cvr; or nothing, with --total.")] = "",
    total: Annotated[bool, typer.Option("--total", help="Explain a total instead.")] = False,
    cvr: Cvrs = None,
    task_type: Annotated[str, typer.Option(help="Of a total: only this task type.")] = "",
    day: Annotated[str, typer.Option(help="Of a total: only tasks completed on this day (UTC).")] = "",
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Explain a task from the received record to its share of the total: coordinate, digest, which event is in force and why,
    baseline with evidence and approvers, the arithmetic with its numbers, restatements, seal. Or, with --total, a total down
    to its baselines, with how many tasks each and examples; it adds up to the millisecond.

    Exit code 0; 1: there is no such task; 7: what comes out is not what is stored, or does not add up; 2: called wrongly.

    Examples: frigjort audit explain t-4711 --cvr 10000009

    frigjort audit explain --total --cvr 10000009 --task-type kle:27.35.04 --day 2026-03-02 --json
    """
    store = ExplanationStore(auditor(data))
    authorities = cvr_numbers(cvr)
    if total == bool(task):
        raise Misconfigured("explain", "give a task, or --total")
    if total:
        _total(store, _selection(authorities, task_type, day), as_json)
        return
    if len(authorities) != 1 or task_type or day:
        raise Misconfigured("explain", "a task is explained of one authority: --cvr, and nothing else")
    _task(store, authorities[0], task, as_json)


def _task(store: ExplanationStore, authority: str, task: str, as_json: bool) -> None:
    found = store.task(authority, task)
    if not found.events and found.stored is None:
        typer.echo(f"nothing is known of task {task} of {authority}", err=True)
        raise typer.Exit(ExitCode.NO)
    if as_json:
        typer.echo(json.dumps(_task_as_json(found), default=str))
    else:
        print_task(Console(), found)
    if not (found.as_stored or found.unreadable):
        raise typer.Exit(ExitCode.ALTERED)


def _task_as_json(found: TaskExplained) -> dict[str, Any]:
    winner, figures = found.winner, found.in_force
    return {
        **asdict(found),
        "in_force": winner and winner.coordinate,
        "why_in_force": why_in_force([event for event in found.events if event.readable]) if winner else None,
        "steps": [asdict(step) for step in steps(figures)] if figures else [],
        "as_stored": found.as_stored,
        "unreadable": found.unreadable,
    }


def _total(store: ExplanationStore, selection: Selection, as_json: bool) -> None:
    found = store.total(selection)
    if as_json:
        typer.echo(json.dumps(_total_as_json(found)))
    else:
        print_total(Console(), found)
    if not found.adds_up:
        raise typer.Exit(ExitCode.ALTERED)


def _total_as_json(found: TotalExplained) -> dict[str, Any]:
    return {**asdict(found), "total": asdict(found.total), "adds_up": found.adds_up}


def _selection(authorities: list[str], task_type: str, day: str) -> Selection:
    if task_type and not is_task_type(task_type):
        raise Misconfigured("--task-type", f"{task_type} is not a task type, such as kle:27.35.04")
    try:
        return Selection(tuple(authorities), task_type, date.fromisoformat(day) if day else None)
    except ValueError:
        raise Misconfigured("--day", f"{day} is not a day, such as 2026-03-02") from None
