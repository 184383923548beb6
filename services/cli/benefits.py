"""`frigjort audit benefits`: what benefit owners confirmed, and what of it cannot be right."""

import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from services.cli.connection import auditor
from services.cli.exit_codes import ExitCode
from services.cli.tables import table
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.units import hours
from services.runtime import clickhouse

_CONFIRMED: Final = """
SELECT authority, realisation, toString(period_from) AS begins, toString(period_to) AS ends, use, programme, realised_ms, confirmed_by
FROM realisations WHERE {cvr:String} = '' OR authority = {cvr:String} ORDER BY authority, period_from, realisation
"""
_FAULTS: Final = """
SELECT fault, authority, realisation, other, realised_ms, net_ms FROM realisation_faults
WHERE {cvr:String} = '' OR authority = {cvr:String} ORDER BY authority, realisation, other, fault
"""
_WORDS: Final = ("authority", "confirmation", "from", "before", "use")


def benefits(
    cvr: Annotated[str, typer.Option(help="Only this authority.")] = "",
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, times in milliseconds.")] = False,
) -> None:
    """Show the hours that benefit owners confirmed are used for something, and confirmations that cannot be right.

    At fault is one that overlaps another of the same authority, programme and use, and one that says more than was freed in its
    period (net, treated tasks). While an authority has one, none of its confirmed hours is reported. The benefit owner mends it
    with a confirmation of a higher revision. Exit code 1: there is one at fault.

    Example: frigjort audit benefits --cvr 29189846
    """
    client = auditor(data)
    with clickhouse.translated():
        confirmed, faults = (
            list(client.query(sql, parameters={"cvr": cvr}).named_results()) for sql in (_CONFIRMED, _FAULTS)
        )
    if as_json:
        typer.echo(json.dumps({"confirmed": confirmed, "faults": faults}))
    else:
        _print(Console(), confirmed, faults)
    if faults:
        raise typer.Exit(ExitCode.NO)


def _print(console: Console, confirmed: list[dict[str, Any]], faults: list[dict[str, Any]]) -> None:
    shown = table(*_WORDS, "hours", words=_WORDS)
    for row in confirmed:
        days = (row["begins"][:10], row["ends"][:10])
        shown.add_row(row["authority"], row["realisation"], *days, row["use"], f"{hours(row['realised_ms']):,.1f}")
    console.print(shown)
    for row in faults:
        console.print(f"[bold red]at fault[/]  {row['authority']} {row['realisation']}: {_why(row)}", highlight=False)
    console.print(f"{len(confirmed):,} confirmations, {len(faults):,} faults.", highlight=False)


def _why(row: dict[str, Any]) -> str:
    if row["fault"] == "overlap":
        return f"overlaps {row['other']}; one of them has to be confirmed anew, with a higher revision"
    return (
        f"{hours(row['realised_ms']):,.2f} hours are confirmed within its period, and {hours(row['net_ms']):,.2f} were freed; "
        "confirm it anew with a higher revision"
    )
