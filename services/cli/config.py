"""`frigjort config`: the settings of each process as it would load them here, and where each comes from."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Final

import typer
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from rich import box
from rich.console import Console
from rich.table import Table

from services.audit.as_of.settings import AuditSettings
from services.cli.exit_codes import ExitCode
from services.collector.settings import CollectorSettings
from services.embedded.endpoint.settings import EndpointSettings
from services.progress.settings import ProgressSettings
from services.runtime.errors import Misconfigured
from services.runtime.settings import ClickHouseSettings, KafkaSettings, Settings

app = typer.Typer(help="Settings.", no_args_is_help=True)


class Origin(StrEnum):
    """Where a value comes from. `UNKNOWN`: the variable is set and no setting has this name."""

    ENVIRONMENT = "environment"
    DEFAULT = "default"
    MISSING = "missing"
    UNKNOWN = "unknown"


class ProcessName(StrEnum):
    """The processes that load settings."""

    CLI = "cli"
    COLLECTOR = "collector"
    PROGRESS = "progress"
    ENDPOINT = "endpoint"


PROCESSES: Final[Mapping[ProcessName, tuple[type[Settings], ...]]] = {
    ProcessName.CLI: (KafkaSettings, ClickHouseSettings, AuditSettings),
    ProcessName.COLLECTOR: (CollectorSettings, KafkaSettings, ClickHouseSettings),
    ProcessName.PROGRESS: (ProgressSettings, KafkaSettings, ClickHouseSettings),
    ProcessName.ENDPOINT: (EndpointSettings,),
}
"""The groups of settings that each process loads."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable. `value` is masked, and empty where it cannot be shown: the group does not load."""

    variable: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Described:
    """A group of settings, and why it does not load; empty where it does."""

    settings: list[Setting]
    problem: str


@app.callback()
def config() -> None:
    """Settings."""


@app.command()
def show(
    process: Annotated[ProcessName | None, typer.Option(help="Only this process.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the settings of each process as it would load them from this environment; secrets are masked.

    Exit code 0: every process shown would start; 1: one would not, and the first cause of each is shown.

    Example: frigjort config show --process collector
    """
    chosen = [name for name in PROCESSES if process in {None, name}]
    shown = {name: [described(group) for group in PROCESSES[name]] for name in chosen}
    settings = {name: [setting for group in groups for setting in group.settings] for name, groups in shown.items()}
    problems = {name: [group.problem for group in groups if group.problem] for name, groups in shown.items()}
    if as_json:
        typer.echo(json.dumps({name: _as_json(settings[name], problems[name]) for name in chosen}))
    else:
        console = Console()
        for name in chosen:
            _print(console, name, settings[name], problems[name])
    if any(problems.values()):
        raise typer.Exit(ExitCode.NO)


def described(group: type[Settings]) -> Described:
    """A group as it would be loaded from this environment."""
    try:
        return Described(list(_settings(group, group.load().masked())), "")
    except Misconfigured as error:
        return Described(list(_settings(group, None)), str(error))


def _settings(group: type[Settings], values: Mapping[str, object] | None) -> Iterator[Setting]:
    """Every setting of a group, then the variables with its prefix that are no setting."""
    given, variables = group.given(), group.variables()
    for name, field in group.model_fields.items():
        variable = variables[name]
        if variable in given:
            yield Setting(variable, "" if values is None else str(values[name]), Origin.ENVIRONMENT)
        elif field.is_required():
            yield Setting(variable, "", Origin.MISSING)
        else:
            yield Setting(variable, _default(field), Origin.DEFAULT)
    for variable in sorted(given - set(variables.values())):
        yield Setting(variable, "", Origin.UNKNOWN)


def _default(field: FieldInfo) -> str:
    return str(to_jsonable_python(field.get_default(call_default_factory=True, validated_data={})))


def _as_json(settings: list[Setting], problems: list[str]) -> dict[str, object]:
    return {"settings": [asdict(setting) for setting in settings], "problems": problems}


def _print(console: Console, process: str, settings: list[Setting], problems: list[str]) -> None:
    table = Table("setting", "value", "from", title=process, title_justify="left", box=box.SIMPLE_HEAD)
    for setting in settings:
        table.add_row(setting.variable, setting.value, setting.origin.value)
    console.print(table)
    for text in problems:
        console.print(f"{process} would not start: {text}", style="red", markup=False, soft_wrap=True)
