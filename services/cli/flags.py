"""`frigjort audit flags`: what an auditor should look at, with its reason."""

import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from services.cli.connection import auditor
from services.cli.tables import table
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.runtime import clickhouse

_SQL: Final = """
SELECT flag, authority, task_type, part, tasks, value, limit_value, reason FROM plausibility_flags
WHERE ({cvr:String} = '' OR authority = {cvr:String}) AND ({flag:String} = '' OR flag = {flag:String})
ORDER BY flag, value / greatest(limit_value, 0.000001) DESC, authority, task_type, part
"""
_SHOWN_OF_EACH: Final = 5
_WORDS: Final = ("authority", "task type", "part")


def flags(
    cvr: Annotated[str, typer.Option(help="Only this authority.")] = "",
    flag: Annotated[str, typer.Option(help="Only this flag.")] = "",
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with every flag.")] = False,
) -> None:
    """Show what is implausible: savings beyond the paid hours, round minutes, tasks split up, sudden jumps and more.

    Nothing is left out of any figure because of a flag. The limits are data: view `plausibility_limit_versions`.

    Examples: frigjort audit flags

    frigjort audit flags --cvr 10000009 --flag sudden_jump --json
    """
    with clickhouse.translated():
        result = auditor(data).query(_SQL, parameters={"cvr": cvr, "flag": flag})
    found: list[dict[str, Any]] = list(result.named_results())
    if as_json:
        typer.echo(json.dumps({"flags": found}))
    else:
        _print(Console(), found)


def _print(console: Console, found: list[dict[str, Any]]) -> None:
    for name in dict.fromkeys(row["flag"] for row in found):
        rows = [row for row in found if row["flag"] == name]
        console.print(f"[bold yellow]{name}[/]  {rows[0]['reason']}", highlight=False)
        shown = table(*_WORDS, "tasks", "found", "limit", words=_WORDS)
        for row in rows[:_SHOWN_OF_EACH]:
            numbers = (f"{row['tasks']:,}", f"{row['value']:,.2f}", f"{row['limit_value']:,.2f}")
            shown.add_row(row["authority"], row["task_type"], row["part"], *numbers)
        console.print(shown)
        if len(rows) > _SHOWN_OF_EACH:
            console.print(f"and {len(rows) - _SHOWN_OF_EACH:,} more: `frigjort audit flags --flag {name} --json`")
    authorities = len({row["authority"] for row in found})
    console.print(
        f"{len(found):,} flags for {authorities:,} authorities. No figure leaves anything out because of them."
    )
