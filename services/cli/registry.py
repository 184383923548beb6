"""`frigjort registry`: who writes to the registry, and the end of a claim whose process is gone."""

import json
from typing import Annotated

import typer

from services.cli.connection import registry
from services.cli.exit_codes import ExitCode
from services.cli.up import DEFAULT_FOLDER, DataFolder

app = typer.Typer(help="The registry's one writer.", no_args_is_help=True)


@app.command()
def claims(data: DataFolder = DEFAULT_FOLDER, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List who claims to write to the registry: at most one, for the seconds of a publication.

    Example: frigjort registry claims
    """
    found = registry(data).store.open_claims()
    if as_json:
        typer.echo(json.dumps([{"holder": holder, "since": since.isoformat()} for holder, since in found.items()]))
        return
    for holder, since in found.items():
        typer.echo(f"{holder} since {since:%Y-%m-%d %H:%M:%S} UTC")
    if not found:
        typer.echo("nobody writes")


@app.command()
def unlock(
    holder: Annotated[str, typer.Argument(help="As `frigjort registry claims` shows it: host/process/random part.")],
    data: DataFolder = DEFAULT_FOLDER,
) -> None:
    """End a claim whose process is gone. First make sure that it is: two writers at once make every collector halt.

    Exit code 1: there is no such claim. Example: frigjort registry unlock host-1/4711/9f3a52c1
    """
    store = registry(data).store
    if holder not in store.open_claims():
        typer.echo(f"{holder} claims nothing", err=True)
        raise typer.Exit(ExitCode.NO)
    store.release(holder)
    typer.echo(f"the claim of {holder} is ended")
