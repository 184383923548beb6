"""The glance, in a terminal of 80 columns: the number above, the pipeline below."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from services.cli.report.words import in_hours, interval
from services.cli.status.pipeline import Keeping, Pipeline
from services.domain.effect.refusal import Refusal
from services.domain.figures.shapes import Figure
from services.domain.units import hours
from services.reports.progress import Progress

_MOST_PROBLEMS = 6


def glance(number: Progress | Refusal, pipeline: Pipeline, now: datetime, per_second: float | None = None) -> Group:
    """Both panels. `per_second`: records received since the last glance."""
    return Group(
        Panel(Group(*_number(number)), title="Hours freed", border_style="cyan"),
        Panel(
            Group(*_pipeline(pipeline, now, per_second)),
            title="Pipeline",
            border_style="green" if pipeline.well else "red",
        ),
    )


def _number(found: Progress | Refusal) -> Iterator[RenderableType]:
    if isinstance(found, Refusal):
        yield Text(f"Nothing yet: {found.reason}.")
        return
    total, target = found.total, found.target
    year = target.deadline.year - 1
    yield Text.from_markup(
        f"[bold cyan]{in_hours(total.freed.ms)}[/] hours so far, {found.share:.3%} of {hours(target.freed_ms):,.0f} by {year}"
    )
    bar = Table.grid()  # a bar alone does not end its line
    bar.add_row(ProgressBar(total=1, completed=min(max(found.share, 0), 1), width=76))
    yield bar
    yield _lines(_parts(total))
    if isinstance(found.rate, Refusal):
        yield Text(f"No run-rate: {found.rate.reason}.", style="dim")
    else:
        rate = found.rate
        note = f", from {rate.window.months} months" if rate.window.annualised else ""
        yield Text(
            f"Run-rate {in_hours(rate.freed.ms)} a year ({interval(rate.freed.low_ms, rate.freed.high_ms)}){note}"
        )
    if found.pace.per_year_ms:
        yield Text(f"Required {in_hours(found.pace.per_year_ms)} a year for {found.pace.years:.1f} years")


def _parts(figure: Figure) -> Iterator[tuple[str, str]]:
    counts = figure.counts
    for words, name, grade in (
        ("adjusted", "adjusted", figure.adjusted_grade),
        ("without control", "without_control", figure.net_grade),
    ):
        if grade is not None:
            amount = figure.amount("adjusted" if name == "adjusted" else "without_control")
            yield words, f"{in_hours(amount.ms)} ({interval(amount.low_ms, amount.high_ms)}), grade {grade}"
    yield (
        "tasks",
        (
            f"{counts.tasks:,}: {counts.treated:,} with AI, {counts.control:,} control, {counts.unmeasured:,} unmeasured, "
            f"{counts.provisional:,} provisional"
        ),
    )


def _pipeline(found: Pipeline, now: datetime, per_second: float | None) -> Iterator[RenderableType]:
    of, keeping = found.collectors, found.keeping
    rate = "" if per_second is None else f" ({per_second:,.0f} a second)"
    lines = [
        ("received", f"{of.received:,}{rate}: {of.accepted:,} accepted, {of.rejected:,} rejected since they started"),
        ("waiting", f"{of.lag:,} records; last stored {_ago(of.latest_insert, now)}"),
        ("collectors", f"{of.processes}; {of.halted} partitions halted, {of.braked} braked, {of.retries} retries"),
    ]
    if keeping is not None:
        whole = {True: "whole", False: "[bold red]not whole[/]", None: "not reconciled yet"}[keeping.whole]
        lines.append(("conservation", f"{whole}; {keeping.missing:,} offsets missing, {keeping.findings} findings"))
        lines.append(("shown", _shown(keeping, now)))
        if keeping.unsealed_seconds is not None:
            lines.append(("sealed", f"all but the last {_span(keeping.unsealed_seconds)}"))
        if keeping.drift_alarms:
            lines.append(("drift", f"[yellow]{keeping.drift_alarms} authorities whose baselines do not hold[/]"))
    yield _lines(lines)
    problems = [(address, problem) for address, said in found.problems.items() for problem in said]
    for address, problem in problems[:_MOST_PROBLEMS]:
        yield Text.from_markup(f"[red]{escape(address)}[/]: {escape(problem)}")
    if len(problems) > _MOST_PROBLEMS:
        yield Text(f"and {len(problems) - _MOST_PROBLEMS} more: frigjort doctor")


def _shown(keeping: Keeping, now: datetime) -> str:
    lag, held = keeping.rollup_lag_seconds, keeping.held_units
    units = (
        "no units are published" if lag is None else f"units {_span(lag)} behind" + (f", {held} held" if held else "")
    )
    return f"{units}; figures looked at {_ago(keeping.figures_at, now)}"


def _lines(lines: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> Table:
    made = Table.grid(padding=(0, 1))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, words in lines:
        made.add_row(name, words)
    return made


def _ago(at: float | None, now: datetime) -> str:
    return "never" if not at else f"{_span(max(0.0, (now - datetime.fromtimestamp(at, UTC)).total_seconds()))} ago"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
