"""`frigjort targets`: what is set in advance, with versions."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from contracts.registry import GRADES
from services.baselines.targets import TargetVersion, newest, set_target
from services.cli.connection import targets
from services.cli.tables import table
from services.cli.tokens import token
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.runtime.errors import Misconfigured

app = typer.Typer(help="Target, deadline, norms and minimum grade: data with versions.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command(name="list")
def list_targets(
    history: Annotated[bool, typer.Option("--history", help="Every version, and not the ones in force alone.")] = False,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """List what is set in advance: who set it, when, and where it is from.

    Example: frigjort targets list --history
    """
    versions = targets(data).targets()
    shown = sorted(versions if history else newest(versions).values(), key=lambda each: (each.name, each.version))
    if as_json:
        typer.echo(json.dumps({"targets": [_answer(each) for each in shown]}, ensure_ascii=False))
        return
    made = table("name", "version", "value", "set", "by and source", words=("name", "by and source"))
    for each in shown:
        by = f"{each.set_by}: {each.source}"
        at = "with schema" if each.set_at.year == 1970 else f"{each.set_at:%Y-%m-%d}"
        made.add_row(each.name, str(each.version), _value(each), at, escape(by))
    Console().print(made)


@app.command(name="set")
def set_one(
    name: Annotated[str, typer.Argument(help="What is set; a new norm as norm_NAME.")],
    value: Annotated[str, typer.Argument(help="A number; of minimum_grade a letter from A to D.")],
    source: Annotated[str, typer.Option(help="Where it is from, in words: the decision, the document.")],
    by: Annotated[str, typer.Option(help="Who sets it: a role, no person.")],
    data: DataFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Set a new version beside the old ones. Figures that are published from then on rest on it; older ones stay what they were.

    The same value from the same source changes nothing. Set a minimum grade before you look at figures.

    Example: frigjort targets set norm_office 1850 --source "agreement of 2026" --by finance-office
    """
    if not source.strip():
        raise Misconfigured("--source", "say where it is from")
    version, new = set_target(targets(data), name, value, source.strip(), token("--by", by), datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps({**_answer(version), "new": new}, ensure_ascii=False))
    else:
        words = "is set" if new else "stood already"
        typer.echo(f"{version.name} {words}: {_value(version)}, version {version.version}")


def _value(of: TargetVersion) -> str:
    if of.name == "minimum_grade":
        return GRADES[round(of.value) - 1]
    return f"{of.value:.0f}" if of.name == "deadline" else f"{of.value:,.2f}".removesuffix(".00")


def _answer(of: TargetVersion) -> dict[str, Any]:
    return {**asdict(of), "set_at": of.set_at.isoformat(), "shown": _value(of)}
