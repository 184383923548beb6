"""The waterfall in a terminal of 80 columns."""

from collections.abc import Iterator
from typing import Final

from rich.bar import Bar
from rich.console import Console

from services.cli.report.words import Figure, at_caps, in_hours, interval, tell_about, tell_excluded
from services.cli.tables import table
from services.domain.effect.waterfall import Step, StepName
from services.reports.waterfall import Steps, Waterfall

_STEP_WORDS: Final[dict[StepName, str]] = {
    "gross": "gross",
    "review": "review",
    "rework": "rework",
    "abandoned": "abandoned",
    "escalated": "escalated",
    "induced": "induced by AI",
    "net": "net",
    "without_control": "without control",
    "drift": "drift of baselines",
    "adjusted": "adjusted",
}


def waterfall(console: Console, found: Waterfall) -> None:
    """The steps with a bar each, and what stands beside them."""
    tell_about(console, found.about)
    low, high = _extent(found.fixed.steps)
    shown = table("step", "hours", "95 % interval", "", words=("step", ""))
    for step, begin, end in _spans(found.fixed.steps):
        if not step.level and step.ms == 0:
            continue
        colour = "cyan" if step.level else "green" if step.ms >= 0 else "red"
        bar = Bar(max(high - low, 1e-9), min(begin, end) - low, max(begin, end) - low, width=22, color=colour)
        name = f"[bold]{_STEP_WORDS[step.name]}[/]" if step.level else f"  {_STEP_WORDS[step.name]}"
        shown.add_row(name, in_hours(step.ms), interval(step.low_ms, step.high_ms), bar)
    console.print(shown)
    for line in at_caps(found.other_caps, _totals):
        console.print(line, highlight=False)
    counts = found.about.counts
    share = counts.provisional / counts.treated if counts.treated else 0.0
    console.print(
        f"Provisional, since younger than 90 days: {counts.provisional:,} of {counts.treated:,} treated tasks ({share:.0%}), "
        f"{in_hours(counts.provisional_net_ms)} hours of net.",
        highlight=False,
    )
    _realised(console, found)
    tell_excluded(console, found.about, found.fixed.headline)
    console.print("Steps add up; intervals do not. Neither gross nor net covers drift of the baselines.")


def _totals(of: Steps) -> Iterator[Figure]:
    kept = (step for step in of.steps if step.name in {"net", "adjusted"})
    return ((_STEP_WORDS[step.name], step.ms, step.low_ms, step.high_ms) for step in kept)


def _realised(console: Console, found: Waterfall) -> None:
    for use in found.realised or ():
        faulty = f"; {use.faulty:,} more do not count: `frigjort audit benefits`" if use.faulty else ""
        console.print(
            f"Of which confirmed as used for {use.use}: {in_hours(use.realised_ms)} hours in {use.confirmations:,} "
            f"confirmations{faulty}.",
            highlight=False,
        )


def _spans(steps: tuple[Step, ...]) -> Iterator[tuple[Step, int, int]]:
    """Where each bar begins and ends: levels stand on 0, the others on what came before."""
    height = 0
    for step in steps:
        begin = 0 if step.level else height
        height = step.ms if step.level else height + step.ms
        yield step, begin, height


def _extent(steps: tuple[Step, ...]) -> tuple[int, int]:
    ends = [end for _, begin, stop in _spans(steps) for end in (begin, stop)]
    return min(0, *ends), max(0, *ends)
