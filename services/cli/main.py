"""The root of the command line."""

import sys

import typer

from services.cli import audit, authorities, baseline, config, events, imports, migrate, registry, targets, topics, up
from services.cli.demo.run import demo
from services.cli.doctor.command import doctor
from services.cli.exit_codes import ExitCode
from services.cli.rejected.command import app as rejected
from services.cli.report.command import app as report
from services.cli.status.command import status
from services.runtime.errors import FrigjortError, Halt, Misconfigured, Refused

app = typer.Typer(
    name="frigjort",
    help="Measures how much working time AI frees in public authorities, exactly and provably.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(up.up)
app.command()(doctor)
app.command()(status)
app.command()(migrate.migrate)
app.command()(topics.topics)
app.add_typer(authorities.app, name="authorities")
app.add_typer(baseline.app, name="baseline")
app.add_typer(registry.app, name="registry")
app.add_typer(targets.app, name="targets")
app.add_typer(imports.app, name="import")
app.add_typer(events.app, name="events")
app.add_typer(audit.app, name="audit")
app.add_typer(report, name="report")
app.add_typer(rejected, name="rejected")
app.add_typer(config.app, name="config")


def main() -> None:
    """Runs a command; errors of the project end with a sentence and a stable exit code."""
    try:
        app()
    except FrigjortError as error:
        print(error, file=sys.stderr)
        sys.exit(exit_code_of(error))


def exit_code_of(error: FrigjortError) -> ExitCode:
    """The exit code of a command that ended with this error; of those without one of their own, a neighbour is away."""
    codes = {Misconfigured: ExitCode.USAGE, Refused: ExitCode.NO, Halt: ExitCode.HALTED}
    return next((code for kind, code in codes.items() if isinstance(error, kind)), ExitCode.AWAY)
