"""`frigjort audit published`: what was shown at a moment."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from contracts.events import moment_at
from services.audit.as_of.totals import By
from services.audit.rollups.clickhouse import PublishedStore
from services.audit.rollups.published import Published, Total
from services.audit.rollups.published import published as shown_at
from services.cli.connection import auditor
from services.cli.moments import utc
from services.cli.tables import table
from services.cli.tokens import Cvrs, cvr_numbers
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.units import hours
from services.runtime.errors import Misconfigured

CLOCK_TOLERANCE: Final = timedelta(seconds=10)
"""Heads are stamped by the database's clock: so close to now it may still give a time that has passed here."""


def published(
    moment: Annotated[datetime, typer.Argument(help="As it was shown at this time (UTC, or with offset).")],
    cvr: Cvrs = None,
    by: Annotated[By | None, typer.Option(help="Also by authority, day or task type.")] = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, times in milliseconds.")] = False,
) -> None:
    """Show what was published at a moment: tasks, gross and net hours, as everybody saw them then.

    Evidence, read as it was stored and not recomputed: `frigjort audit verify` says whether it is what was stored. Net is
    credit less effort of treated tasks, unadjusted. A time of the last ten seconds, or to come, is refused: it could still
    change.

    Examples: frigjort audit published 2026-03-01

    frigjort audit published 2026-03-01T08:00:00+01:00 --cvr 10000009 --by task-type --json
    """
    authorities = cvr_numbers(cvr)
    at = utc(moment)
    if at > datetime.now(UTC) - CLOCK_TOLERANCE:
        raise Misconfigured("MOMENT", f"what is shown at {at.isoformat()} can still change: ask for an earlier time")
    store = PublishedStore(auditor(data))
    found = shown_at(store, at, authorities or None, by)
    if as_json:
        typer.echo(json.dumps(_as_json(found, at, by)))
    else:
        _print(Console(), found, at, by)


def _as_json(found: Published, at: datetime, by: By | None) -> dict[str, Any]:
    def whole(total: Total) -> dict[str, Any]:
        numbers = asdict(total)
        named = numbers.pop("named")
        return {by.replace("-", "_"): named, **numbers} if by and named else numbers

    return {
        "as_published_at": at.isoformat(),
        "newest_publication": None if found.newest_ms is None else moment_at(found.newest_ms).isoformat(),
        "units": found.units,
        "first_day": None if found.first_day is None else found.first_day.isoformat(),
        "last_day": None if found.last_day is None else found.last_day.isoformat(),
        "total": whole(found.total),
        "groups": [whole(total) for total in found.groups],
    }


def _print(console: Console, found: Published, at: datetime, by: By | None) -> None:
    if found.newest_ms is None:
        console.print(f"Nothing was published at {at:%Y-%m-%d %H:%M:%S} UTC.", highlight=False)
        return
    shown = table(by or "", "tasks", "measured", "treated", "gross h", "net h", words=(by or "",))
    for total in (*found.groups, found.total):
        counts = (f"{number:,}" for number in (total.tasks, total.measured, total.treated))
        worth = (f"{hours(ms):,.1f}" for ms in (total.gross_ms, total.net_ms))
        shown.add_row(total.named or "all", *counts, *worth)
    console.print(shown)
    console.print(
        f"As published at {at:%Y-%m-%d %H:%M:%S} UTC: {found.units:,} units (authority and day), tasks of {found.first_day} to "
        f"{found.last_day}, newest publication {moment_at(found.newest_ms):%Y-%m-%d %H:%M:%S} UTC. Unadjusted, without control.",
        highlight=False,
        soft_wrap=True,
    )
