"""`frigjort migrate`: the schema, once."""

import json
from typing import Annotated

import typer

from services.cli.connection import settings
from services.cli.exit_codes import ExitCode
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.runtime.migrations import MigrationFailed
from services.runtime.migrations import migrate as apply


def migrate(data: DataFolder = DEFAULT_FOLDER, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Apply the numbered SQL files that are not applied yet. May be run at any time, and again after a failure."""
    _, database = settings(data)
    try:
        for migration, now in apply(database):
            if as_json:
                typer.echo(json.dumps({"migration": migration.name, "applied_now": now}))
            else:
                typer.echo(f"{migration.name}: {'applied' if now else 'was applied before'}")
    except MigrationFailed as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(ExitCode.NO) from error
