"""`frigjort audit as-of`: totals as they were recorded at an instant. `frigjort audit diff`: why two of them differ."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from services.audit.as_of.clickhouse import InstantStore
from services.audit.as_of.settings import AuditSettings
from services.audit.as_of.totals import COLUMNS, By, Changes, Snapshot, Total, changes, settled, snapshot
from services.cli.connection import auditor
from services.cli.moments import instant
from services.cli.progress_bar import bar
from services.cli.tables import table
from services.cli.tokens import Cvrs, cvr_numbers
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.causes import Cause
from services.domain.units import hours_text
from services.runtime.errors import Misconfigured

_NUMBERS: Final = ("tasks", "measured", "unmeas.", "incompl.", "effort h", "credit h", "freed h")
_WORDS: Final = {
    Cause.NEW: "tasks that were not known before",
    Cause.CORRECTION: "corrected: another state in force",
    Cause.REOPENING: "reopened, but for the rework",
    Cause.MATURED_REWORK: "rework that came in corrections and reopenings",
    Cause.RETRACTION: "retracted",
    Cause.RESTATEMENT: "measured against another baseline",
}


def as_of(
    at: Annotated[
        str, typer.Argument(help="2026-03-01 (its first moment), or 2026-03-01T12:30:00Z; without offset UTC.")
    ],
    cvr: Cvrs = None,
    by: Annotated[By | None, typer.Option(help="Split the totals.")] = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the totals as they were recorded at an instant, recomputed in SQL from what the broker had by then and what the
    registry had said by then.

    Exit code 2: the instant is within the clock tolerance of now, so that it is not known for certain yet what was recorded;
    3: ClickHouse is away; 4: registry or records contradict themselves.

    Examples: frigjort audit as-of 2026-03-01

    frigjort audit as-of 2026-03-01T12:00:00Z --cvr 10000009 --by day --json
    """
    moment = _settled(at)
    with bar("recomputing") as watch:
        found = snapshot(InstantStore(auditor(data)), moment, by, cvr_numbers(cvr), watch)
    if as_json:
        typer.echo(json.dumps({**_as_json(found), "by": by, "totals": _split(found, by)}))
    else:
        _print(Console(), found, by)


def diff(
    first: Annotated[str, typer.Argument(help="The earlier instant, as for `as-of`.")],
    second: Annotated[str, typer.Argument(help="The later one.")],
    cvr: Cvrs = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Explain by cause why the hours freed as recorded at one instant are not those of an earlier one; the causes add up.

    Exit codes as for `as-of`; 4 also where the causes do not add up, because records were stored meanwhile.

    Example: frigjort audit diff 2026-02-01 2026-03-01 --cvr 10000009
    """
    moments = [_settled(at) for at in (first, second)]
    if moments[0] > moments[1]:
        raise Misconfigured(first, f"is after {second}: the earlier instant comes first")
    store, authorities = InstantStore(auditor(data)), cvr_numbers(cvr)
    snapshots = []
    for moment in moments:
        with bar(f"as recorded at {moment:%Y-%m-%d}") as watch:
            snapshots.append(snapshot(store, moment, None, authorities, watch))
    with bar("causes") as watch:
        found = changes(store, snapshots[0], snapshots[1], authorities, watch)
    if as_json:
        typer.echo(json.dumps(_changes_as_json(found)))
    else:
        _print_changes(Console(), found)


def _settled(text: str) -> datetime:
    return settled(instant(text), datetime.now(UTC), AuditSettings.load().clock_tolerance_seconds)


def _as_json(found: Snapshot) -> dict[str, Any]:
    return {
        "at": found.at.isoformat(),
        "generation": found.generation,
        "total": asdict(found.total),
        "unreadable_tasks": found.unreadable,
    }


def _split(found: Snapshot, by: By | None) -> list[dict[str, Any]]:
    return [{**dict(zip(COLUMNS[by], key, strict=True)), **asdict(total)} for key, total in found.totals.items()]


def _changes_as_json(found: Changes) -> dict[str, Any]:
    return {
        "first": _as_json(found.first),
        "second": _as_json(found.second),
        "difference_ms": found.difference_ms,
        "causes": [{"cause": cause.value, **asdict(effect)} for cause, effect in found.causes.items()],
    }


# -- on a terminal ------------------------------------------------------------------------------------------------------


def _print(console: Console, found: Snapshot, by: By | None) -> None:
    words = tuple(name.replace("_", " ") for name in COLUMNS[by])
    shown = table(*words, *_NUMBERS, words=words)
    if by is not None:
        for key, total in found.totals.items():
            shown.add_row(*key, *_numbers(total))
        shown.add_section()
    shown.add_row(*["all", ""][: len(words)], *_numbers(found.total))
    console.print(_heading(found))
    console.print(shown)
    _print_unreadable(console, found)


def _numbers(total: Total) -> list[str]:
    counts = (total.tasks, total.measured, total.unmeasured, total.incomplete)
    sums = (total.effort_ms, total.credit_ms, total.freed_ms)
    return [*(f"{count:,}" for count in counts), *(hours_text(ms).removesuffix(" h") for ms in sums)]


def _print_changes(console: Console, found: Changes) -> None:
    shown = table("", "tasks", "hours freed", words=("",))
    shown.add_row(_heading(found.first), *_total_and_hours(found.first.total))
    for cause, effect in found.causes.items():
        if effect.tasks:
            sign = "+" if effect.saved_ms > 0 else ""
            shown.add_row(f"  {_WORDS[cause]}", f"{effect.tasks:,}", sign + hours_text(effect.saved_ms))
    shown.add_row(_heading(found.second), *_total_and_hours(found.second.total))
    console.print(shown)
    console.print(f"difference {hours_text(found.difference_ms)} ({found.difference_ms:,} ms): the causes add up to it")
    _print_unreadable(console, found.second)


def _total_and_hours(total: Total) -> tuple[str, str]:
    return f"{total.tasks:,}", hours_text(total.freed_ms)


def _heading(found: Snapshot) -> str:
    at = found.at.isoformat(" ", "milliseconds").removesuffix("+00:00").removesuffix(".000")
    return f"as recorded at {at} UTC, generation {found.generation}"


def _print_unreadable(console: Console, found: Snapshot) -> None:
    if found.unreadable:
        console.print(f"{found.unreadable:,} tasks had an event that cannot be read any more (erased): it is left out.")
