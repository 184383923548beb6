"""The number to the target, in a terminal of 80 columns."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from services.cli.report.words import in_hours, interval
from services.cli.tables import table
from services.domain.effect.refusal import Refusal
from services.domain.estimates import Estimate
from services.domain.figures.shapes import Figure
from services.domain.forecast.months import beginning_of
from services.domain.units import hours
from services.reports.progress import Progress, Rate

_PARTS = (("adjusted by the control", "adjusted"), ("net without control, apart", "without_control"))


def progress(console: Console, found: Progress | Refusal) -> None:
    """So far, the run-rate, where it leads, the pace."""
    if isinstance(found, Refusal):
        console.print(f"Nothing can be said: {escape(found.reason)}.", highlight=False)
        return
    shown = table("hours freed", "hours", "95 % interval", "grade", "of target", words=("hours freed",))
    for words, freed, grade in _amounts(found):
        shown.add_row(words, in_hours(freed.ms), interval(freed.low_ms, freed.high_ms), grade, _share(freed, found))
    console.print(shown)
    for line in (*_about(found), *_equivalents(found)):
        console.print(line, highlight=False)
    _scenarios(console, found)
    console.print(_pace(found), highlight=False)


def _amounts(found: Progress) -> Iterator[tuple[str, Estimate, str]]:
    total = found.total
    yield "so far", total.freed, _worst(total)
    yield from _by_part(total, (total.amount("adjusted"), total.amount("without_control")))
    if isinstance(found.rate, Rate):
        rate = found.rate
        yield "a year, at the run-rate", rate.freed, _worst(rate.figure)
        yield from _by_part(rate.figure, (rate.adjusted, rate.without_control))


def _by_part(figure: Figure, amounts: tuple[Estimate, Estimate]) -> Iterator[tuple[str, Estimate, str]]:
    for (words, _), amount, grade in zip(_PARTS, amounts, (figure.adjusted_grade, figure.net_grade), strict=True):
        if grade is not None:
            yield f"  {words}", amount, grade


def _worst(figure: Figure) -> str:
    return max(figure.adjusted_grade or "", figure.net_grade or "")


def _share(freed: Estimate, found: Progress) -> str:
    return f"{freed.ms / found.target.freed_ms:.3%}"


def _about(found: Progress) -> Iterator[str]:
    counts = found.total.counts
    young = counts.provisional / counts.treated if counts.treated else 0.0
    measured = counts.measured / counts.tasks if counts.tasks else 0.0
    yield (
        f"{counts.tasks:,} tasks, {measured:.1%} of them measured; of {counts.treated:,} with AI {young:.1%} are younger than 90 days "
        f"and provisional. Published {found.published_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    if counts.excluded:
        yield (
            f"Left out, since under grade {found.target.minimum}: {counts.excluded:,} tasks, "
            f"{in_hours(found.total.excluded_net_ms)} hours of net."
        )
    rate = found.rate
    if isinstance(rate, Refusal):
        yield f"No run-rate: {escape(rate.reason)}."
        return
    window = rate.window
    months = f"{beginning_of(window.first):%Y-%m} to {beginning_of(window.last):%Y-%m}"
    scaled = f", scaled up from {window.months} months" if window.annualised else ""
    yield f"The run-rate is of the complete months older than 90 days, {months}{scaled}."


def _equivalents(found: Progress) -> Iterator[str]:
    for name, norm in found.target.norms.items():
        so_far = hours(found.total.freed.ms) / norm
        rate = "" if isinstance(found.rate, Refusal) else f"; at the run-rate {hours(found.rate.freed.ms) / norm:,.1f}"
        yield f"Årsværk of {norm:,.2f} h ({escape(name)}): {so_far:,.1f} so far{rate}."


def _scenarios(console: Console, found: Progress) -> None:
    year = found.target.deadline.year - 1
    shown = table("scenario", f"hours by the end of {year}", "range of the effect", "of target", words=("scenario",))
    refused = []
    for name, points in found.scenarios.items():
        if isinstance(points, Refusal):
            refused.append(f"Scenario {name}: none, since {escape(points.reason)}.")
        elif points:
            end = points[-1].freed
            shown.add_row(name, in_hours(end.ms), interval(end.low_ms, end.high_ms), _share(end, found))
    if shown.row_count:
        console.print(shown)
        console.print(
            "No scenario is a 95 % forecast: the range is of the effect alone, not of adoption.", highlight=False
        )
    for line in dict.fromkeys(refused):
        console.print(line, highlight=False)


def _pace(found: Progress) -> str:
    pace = found.pace
    if pace.per_year_ms is None:
        return f"The target is not reached: {in_hours(pace.left_ms)} hours are left, and no time."
    if pace.left_ms == 0:
        return "The target is reached."
    rate = None if isinstance(found.rate, Refusal) else pace.times(found.rate.freed.ms)
    of_rate = "" if rate is None else f", {rate:,.1f} times the run-rate"
    return f"Still required: {in_hours(pace.per_year_ms)} hours a year for {pace.years:.1f} years{of_rate}."
