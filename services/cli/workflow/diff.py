"""`frigjort baseline diff`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from services.baselines.book import Book, Filed, Version
from services.baselines.in_scope.dry_run import Effect, effects
from services.baselines.in_scope.place import place_of
from services.baselines.workflow import rehearsed
from services.cli.connection import in_scope, registry
from services.cli.progress_bar import bar
from services.cli.tables import table
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.cli.workflow.words import entry_as_json, flat
from services.domain.units import hours_text


def diff(
    first: Annotated[
        str, typer.Argument(metavar="A", help="SERIES/VERSION, or a proposal (id or 8 characters of it).")
    ],
    second: Annotated[
        str, typer.Argument(metavar="[B]", help="The same; else what A replaces, or the version before it.")
    ] = "",
    fields_only: Annotated[bool, typer.Option("--fields-only", help="Do not look at the tasks.")] = False,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show two versions, or a proposal and what is published, side by side; of a proposal also what it would do.

    That is a dry run: the tasks in its scope and interval are measured under the registry as it is and as it would be, by the
    code that restates them after a publication, page by page, and nothing is written. Before: what they are worth under the
    newest generation, whether they stand under it yet or not. Exit code 1: A could not be published (its rule is named).

    Examples: frigjort baseline diff 3f9a52c1

    frigjort baseline diff nation/27.35.04/low/1 nation/27.35.04/low/2 --json
    """
    now = datetime.now(UTC)
    book = registry(data).book()
    a = book.entry(first)
    b = book.entry(second) if second else _counterpart(book, a)
    fields = _fields(book, a, b, now)
    would_be = isinstance(a, Filed) and book.published_as(a.proposal) is None and not fields_only
    found = _effects(book, a, now, data) if isinstance(a, Filed) and would_be else None
    if as_json:
        both = {name: {"a": one, "b": other} for name, (one, other) in fields.items()}
        differ = [name for name, (one, other) in fields.items() if one != other]
        typer.echo(json.dumps({"fields": both, "differ": differ, "effect": _as_json(found)}))
    else:
        _print(fields, found)


def _counterpart(book: Book, entry: Version | Filed) -> Version | None:
    """What a proposal or version is compared with, if nothing is named: what it replaces, else its series' version before."""
    replaces = entry.proposal.replaces if isinstance(entry, Filed) else ()
    if replaces:
        return book.versions[replaces[0]]
    baseline = entry.proposal.baseline if isinstance(entry, Filed) else entry.baseline
    before = [version for version in book.series(baseline.baseline) if version.baseline.version < baseline.version]
    return max(before, key=lambda version: version.baseline.version, default=None)


def _fields(book: Book, a: Version | Filed, b: Version | Filed | None, now: datetime) -> dict[str, tuple[Any, Any]]:
    one = flat(entry_as_json(book, a, now))
    other = flat(entry_as_json(book, b, now)) if b is not None else {}
    names = [*one, *(name for name in other if name not in one)]
    return {name: (one.get(name), other.get(name)) for name in names}


def _effects(book: Book, filed: Filed, now: datetime, data: Path) -> list[Effect]:
    proposal = filed.proposal
    then = rehearsed(book, filed, now)
    place = place_of(proposal.baseline, book.registry, proposal.begin, proposal.end)
    with bar("dry run") as watch:
        return effects(in_scope(data), (book.registry, then.registry), place, watch)


def _as_json(found: Sequence[Effect] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    total = asdict(_total(found))
    del total["authority"]
    return {**total, "authorities": [asdict(effect) for effect in found]}


def _total(found: Sequence[Effect]) -> Effect:
    counts = [name for name in Effect.__dataclass_fields__ if name != "authority"]
    return Effect("", **{name: sum(getattr(effect, name) for effect in found) for name in counts})


def _print(fields: dict[str, tuple[Any, Any]], found: Sequence[Effect] | None) -> None:
    console = Console()
    shown = table("field", "A", "B", "", words=("field", "A", "B", ""))
    for name, (one, other) in fields.items():
        if one or other:
            shown.add_row(name, _text(one), _text(other), "" if one == other else "≠")
    console.print(shown)
    if found is None:
        return
    columns = ("authority", "tasks", "changed", "newly", "no more", "before", "after", "difference")
    hours = table(*columns, words=("authority",))
    for effect in [*found, _total(found)]:
        counts = (effect.tasks, effect.changed, effect.newly_measured, effect.no_longer_measured)
        saved = (effect.saved_before_ms, effect.saved_after_ms, effect.saved_after_ms - effect.saved_before_ms)
        hours.add_row(effect.authority or "all", *(f"{count:,}" for count in counts), *map(hours_text, saved))
    console.print(hours)
    console.print(
        "Hours freed by the measured tasks in its scope and interval; newly, no more: measured. Nothing is written."
    )
    if foreign := sum(effect.foreign for effect in found):
        console.print(f"{foreign:,} tasks in scope were judged by other rules than this program's and are not in it.")


def _text(value: Any) -> str:
    return "" if value is None else str(value)
