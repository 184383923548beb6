"""The root of the command line."""

import sys

import typer

from services.cli import audit, authorities, baseline, config, events, imports, migrate, registry, topics, up
from services.cli.demo.run import demo
from services.cli.doctor.command import doctor
from services.cli.exit_codes import ExitCode
from services.cli.rejected.command import app as rejected
from services.runtime.errors import FrigjortError, Halt, Misconfigured

app = typer.Typer(
    name="frigjort",
    help="Measures how much working time AI frees in public authorities, exactly and provably.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(up.up)
app.command()(doctor)
app.command()(migrate.migrate)
app.command()(topics.topics)
app.add_typer(authorities.app, name="authorities")
app.add_typer(baseline.app, name="baseline")
app.add_typer(registry.app, name="registry")
app.add_typer(imports.app, name="import")
app.add_typer(events.app, name="events")
app.add_typer(audit.app, name="audit")
app.add_typer(rejected, name="rejected")
app.add_typer(config.app, name="config")


def main() -> None:
    """Runs a command; errors of the project end with a sentence and a stable exit code."""
    try:
        app()
    except FrigjortError as error:
        print(error, file=sys.stderr)
        code = ExitCode.USAGE if isinstance(error, Misconfigured) else ExitCode.AWAY
        sys.exit(ExitCode.HALTED if isinstance(error, Halt) else code)
