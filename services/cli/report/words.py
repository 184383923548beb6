"""What both reports say in a terminal of 80 columns."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

from services.domain.effect.headline import Headline
from services.domain.effect.refusal import Refusal
from services.domain.units import hours
from services.reports.basis import About
from services.reports.clickhouse import OtherCap

Found = TypeVar("Found")
Figure = tuple[str, float, float | None, float | None]
"""What it is of, milliseconds, and the ends of its interval."""


def tell_about(console: Console, found: About) -> None:
    """How many tasks there are."""
    counts = found.counts
    console.print(
        f"{counts.tasks:,} tasks: {counts.treated:,} with AI, {counts.control:,} control, {counts.compared:,} without AI and "
        f"not drawn, {counts.unmeasured:,} unmeasured, {counts.incomplete:,} incomplete.",
        highlight=False,
    )


def at_caps(other_caps: dict[OtherCap, Found | Refusal], figures: Callable[[Found], Iterator[Figure]]) -> Iterator[str]:
    """A line for half and one for double the cap; one for both where nothing can be said."""
    for cap, at in other_caps.items():
        if isinstance(at, Refusal):
            yield f"At half and at double the idle cap: not known, since {escape(at.reason)}."
            return
        words = (
            f"{name} {in_hours(ms)}" + ("" if low is None else f" ({interval(low, high)})")
            for name, ms, low, high in figures(at)
        )
        yield f"At {cap} the idle cap: {'; '.join(words)}."


def tell_excluded(console: Console, found: About, headline: Headline) -> None:
    """What the headline leaves out, and the first reason."""
    excluded = headline.excluded
    if not excluded:
        return
    tasks, ms = sum(one.tasks for one in excluded), sum(one.net_ms for one in excluded)
    console.print(
        f"Left out, since under grade {found.minimum}: {tasks:,} tasks, {in_hours(ms)} hours of net. "
        f"{excluded[0].grade.decisive[0].why.capitalize()}.",
        highlight=False,
    )


def in_hours(ms: float | None) -> str:
    """Hours with one decimal."""
    return "-" if ms is None else f"{hours(ms):,.1f}"


def interval(low: float | None, high: float | None) -> str:
    """The ends of an interval, hours."""
    return "-" if low is None or high is None else f"{hours(low):,.1f} … {hours(high):,.1f}"
