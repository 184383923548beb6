"""The command."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from services.cli.config import PROCESSES
from services.cli.connection import settings, web_addresses
from services.cli.doctor import checks
from services.cli.doctor.checks import State
from services.cli.doctor.examination import Check, Examination
from services.cli.exit_codes import ExitCode
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.runtime.errors import FrigjortError

_MARKS = {State.OK: "[green]ok[/]", State.PROBLEM: "[bold red]problem[/]", State.NOT_CHECKED: "[yellow]not checked[/]"}


def doctor(
    process: Annotated[
        list[str] | None,
        typer.Option(help="Base URL of a process whose /readyz to ask, may be repeated; default: those of `up`."),
    ] = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check a running installation: settings, Kafka, ClickHouse, schema, topics, registry, log numbers, collectors.

    Changes nothing. Every problem comes with its cause and a remedy. Exit code 0: all is well; 1: something is not.

    Example: frigjort doctor --process http://127.0.0.1:9464
    """
    console = Console(soft_wrap=True)
    done = []
    for check in _checks(process, data):
        done.append(check)
        if not as_json:
            _print(console, check)
    well = all(check.finding.state == State.OK for check in done)
    if as_json:
        typer.echo(json.dumps({"ok": well, "checks": [check.as_json() for check in done]}))
    if not well:
        raise typer.Exit(ExitCode.NO)


def _checks(addresses: list[str] | None, data: Path) -> Iterator[Check]:
    try:
        for group in {group for groups in PROCESSES.values() for group in groups}:
            if group.given():
                group.load()
        kafka, database = settings(data)
        known = addresses if addresses is not None else web_addresses(data)
    except FrigjortError as error:
        yield Check("settings", checks.of_error(error))
        return
    yield Check("settings", checks.ok("complete and known"))
    yield from Examination(kafka, database, [address.rstrip("/") for address in known]).checks()


def _print(console: Console, check: Check) -> None:
    found = check.finding
    console.print(f"{_MARKS[found.state]}  {escape(check.name)}: {escape(found.cause)}", highlight=False)
    if found.remedy:
        console.print(f"    Remedy: {escape(found.remedy)}", highlight=False)
