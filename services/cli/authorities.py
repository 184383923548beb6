"""`frigjort authorities`: who may send, and to which topic."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from contracts import topics
from contracts.identifiers import is_cvr
from services.cli.connection import registry
from services.cli.exit_codes import ExitCode
from services.cli.up import DEFAULT_FOLDER, DataFolder

app = typer.Typer(help="Authorities and their topics.", no_args_is_help=True)


class SectorName(StrEnum):
    """The three sectors."""

    STATE = "state"
    REGION = "region"
    MUNICIPALITY = "municipality"


@app.command()
def add(
    cvr: Annotated[str, typer.Option(help="CVR number, 8 digits.")],
    name: Annotated[str, typer.Option(help="Name of the authority.")],
    sector: Annotated[SectorName, typer.Option(help="Its sector.")],
    partitions: Annotated[int, typer.Option(min=1, max=64)] = 1,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Register an authority and create its topic. Adding it again changes nothing.

    Example: frigjort authorities add --cvr 29189846 --name "Eksempel Kommune" --sector municipality
    """
    if not is_cvr(cvr):
        typer.echo(f"{cvr} is not a CVR number: 8 digits, weights 2,7,6,5,4,3,2,1, sum modulo 11 = 0", err=True)
        raise typer.Exit(ExitCode.USAGE)
    entry = {"authority": cvr, "name": name, "sector": sector.value}
    new = registry(data).add_authorities([entry], datetime.now(UTC), partitions)
    answer = {**entry, "topic": topics.tasks_topic(cvr), "new": bool(new)}
    typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else f"{answer['topic']} is ready for {name}")


@app.command(name="list")
def list_authorities(
    data: DataFolder = DEFAULT_FOLDER, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """List the registered authorities."""
    entries = registry(data).store.authorities()
    if as_json:
        typer.echo(json.dumps(entries, ensure_ascii=False))
        return
    table = Table("CVR", "name", "sector", "topic")
    for entry in entries:
        table.add_row(entry["authority"], entry["name"], entry["sector"], topics.tasks_topic(entry["authority"]))
    Console().print(table)


@app.command()
def rebind(cvr: Annotated[str, typer.Option(help="CVR number, 8 digits.")], data: DataFolder = DEFAULT_FOLDER) -> None:
    """Give a re-created topic the next log number, so that its offsets begin anew. What was stored stays."""
    bound = registry(data).bind_topics([cvr])
    typer.echo("bound to a new log number" if bound else "the topic is the one that is bound already")
