"""Reports in a terminal of 80 columns."""

from collections.abc import Callable, Iterator
from typing import Final

from rich.bar import Bar
from rich.console import Console
from rich.markup import escape

from services.cli.tables import table
from services.domain.effect.grades import Graded
from services.domain.effect.refusal import Refusal
from services.domain.effect.trial import Factor, Trial
from services.domain.effect.waterfall import Step, StepName
from services.domain.units import hours
from services.reports.effect import Effect, Estimates

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
_SHOWN: Final = 8
_Figure = tuple[str, float, float | None, float | None]
_Row = tuple[str, float | None, float | None, float | None, str]


def effect(console: Console, found: Effect) -> None:
    """The estimators side by side, then what stands behind them."""
    _about(console, found)
    shown = table("estimate", "hours freed", "95 % interval", "grade", words=("estimate",))
    for name, ms, low, high, grade in _estimates(found):
        shown.add_row(name, _hours(ms), _interval(low, high), grade)
    console.print(shown)
    for line in (*_reasons(found), *_at_caps(found, _freed), *_trial_lines(found)):
        console.print(line, highlight=False)
    _drift(console, found)
    _balance(console, found)
    _excluded(console, found)


def waterfall(console: Console, found: Effect) -> None:
    """The steps with a bar each, and what stands beside them."""
    _about(console, found)
    low, high = _extent(found.estimates.steps)
    shown = table("step", "hours", "95 % interval", "", words=("step", ""))
    for step, begin, end in _spans(found.estimates.steps):
        if not step.level and step.ms == 0:
            continue
        colour = "cyan" if step.level else "green" if step.ms >= 0 else "red"
        bar = Bar(max(high - low, 1e-9), min(begin, end) - low, max(begin, end) - low, width=22, color=colour)
        name = f"[bold]{_STEP_WORDS[step.name]}[/]" if step.level else f"  {_STEP_WORDS[step.name]}"
        shown.add_row(name, _hours(step.ms), _interval(step.low_ms, step.high_ms), bar)
    console.print(shown)
    for line in _at_caps(found, _totals):
        console.print(line, highlight=False)
    counts = found.counts
    share = counts.provisional / counts.treated if counts.treated else 0.0
    console.print(
        f"Provisional, since younger than 90 days: {counts.provisional:,} of {counts.treated:,} treated tasks ({share:.0%}), "
        f"{_hours(counts.provisional_net_ms)} hours of net.",
        highlight=False,
    )
    _realised(console, found)
    _excluded(console, found)
    console.print("Steps add up; intervals do not. Neither gross nor net covers drift of the baselines.")


def _about(console: Console, found: Effect) -> None:
    counts = found.counts
    console.print(
        f"{counts.tasks:,} tasks: {counts.treated:,} with AI, {counts.control:,} control, {counts.compared:,} without AI and "
        f"not drawn, {counts.unmeasured:,} unmeasured, {counts.incomplete:,} incomplete.",
        highlight=False,
    )


def _estimates(found: Effect) -> Iterator[_Row]:
    saving = found.estimates.headline.saving
    if saving.adjusted is not None:
        of = saving.adjusted
        yield (
            "adjusted by the control",
            of.saving_ms,
            of.low_ms,
            of.high_ms,
            _grade(found.estimates.headline.adjusted_grade),
        )
    apart = saving.insufficient
    if apart.clusters_min or saving.adjusted is None:
        yield (
            "net without control, apart",
            apart.net_ms,
            apart.low_ms,
            apart.high_ms,
            _grade(found.estimates.headline.net_grade),
        )
    if not isinstance(found.estimates.staggered, Refusal):
        of_all = found.estimates.staggered
        yield (
            "difference-in-differences",
            of_all.freed_ms,
            of_all.low_ms,
            of_all.high_ms,
            of_all.grade.grade,
        )
    for name, one in found.estimates.trials.items():
        if isinstance(one, Trial):
            for words, sums in (("", one.unadjusted), (", by prediction", one.scaled)):
                if not isinstance(sums, Refusal):
                    yield f"trial {name}{words}", sums.freed_ms, sums.low_ms, sums.high_ms, one.grade.grade
    if not isinstance(found.estimates.comparison, Refusal):
        of_both = found.estimates.comparison.post_stratified.freed
        words = f"against tasks without AI: {found.estimates.comparison.label}"
        yield words, of_both.freed_ms, of_both.low_ms, of_both.high_ms, found.estimates.comparison.grade.grade
    if found.claims.predicted:
        yield f"claimed by expectation, {found.claims.predicted:,} tasks", found.claims.expected_ms, None, None, "D"
    if found.claims.self_reported:
        yield f"self-reported, {found.claims.self_reported:,} tasks", found.claims.self_reported_ms, None, None, "D"


def _reasons(found: Effect) -> Iterator[str]:
    for name, grade in (
        ("Adjusted", found.estimates.headline.adjusted_grade),
        ("Net", found.estimates.headline.net_grade),
    ):
        if grade is not None:
            yield f"{name} is of grade {grade.grade}: {'; '.join(reason.why for reason in grade.decisive)}."
    refused = (("Difference-in-differences", found.estimates.staggered), ("Comparison", found.estimates.comparison))
    for name, estimate in (*refused, *((f"Trial {name}", one) for name, one in found.estimates.trials.items())):
        if isinstance(estimate, Refusal):
            yield f"{name}: none, since {escape(estimate.reason)}."


def _at_caps(found: Effect, figures: Callable[[Estimates], Iterator[_Figure]]) -> Iterator[str]:
    """A line for half and one for double the cap; one for both where nothing can be said."""
    for cap, at in found.other_caps.items():
        if isinstance(at, Refusal):
            yield f"At half and at double the idle cap: not known, since {escape(at.reason)}."
            return
        words = (
            f"{name} {_hours(ms)}" + ("" if low is None else f" ({_interval(low, high)})")
            for name, ms, low, high in figures(at)
        )
        yield f"At {cap} the idle cap: {'; '.join(words)}."


def _freed(of: Estimates) -> Iterator[_Figure]:
    saving = of.headline.saving
    if saving.adjusted is not None:
        yield "adjusted", saving.adjusted.saving_ms, saving.adjusted.low_ms, saving.adjusted.high_ms
    apart = saving.insufficient
    if apart.clusters_min or saving.adjusted is None:
        yield "net, apart", apart.net_ms, apart.low_ms, apart.high_ms


def _totals(of: Estimates) -> Iterator[_Figure]:
    kept = (step for step in of.steps if step.name in {"net", "adjusted"})
    return ((_STEP_WORDS[step.name], step.ms, step.low_ms, step.high_ms) for step in kept)


def _trial_lines(found: Effect) -> Iterator[str]:
    for name, one in found.estimates.trials.items():
        if not isinstance(one, Trial):
            continue
        factor = one.factor
        if isinstance(factor, Factor):
            ends = (("homoskedastic", factor.homoskedastic), ("HC3", factor.hc3), ("clustered", factor.clustered))
            words = (f"{kind} {end.low:.3f} to {end.high:.3f}" for kind, end in ends if not isinstance(end, Refusal))
            yield f"Trial {escape(name)}: a task takes {factor.factor:.3f} times as long with AI; {', '.join(words)}."
        for part in one.imputed:
            yield (
                f"  {part.tasks:,} {part.arm} tasks lack {part.part} time and got the arm's mean, "
                f"{part.mean_ms / 60_000:.1f} minutes."
            )


def _drift(console: Console, found: Effect) -> None:
    if not found.estimates.drift:
        return
    alarms = {name: one for name, one in found.estimates.drift.items() if one.alarm}
    console.print(
        f"Drift of baselines: {len(found.estimates.drift):,} authorities with control tasks, {len(alarms):,} whose interval excludes 1.",
        highlight=False,
    )
    shown = table("authority", "drift", "95 % interval", "clusters", words=("authority",))
    furthest = (
        sorted(alarms.items(), key=lambda item: -abs(item[1].ratio - 1))[:_SHOWN]
        or list(found.estimates.drift.items())[:1]
    )
    for name, one in furthest:
        ends = "-" if one.low is None or one.high is None else f"{one.low:.3f} … {one.high:.3f}"
        shown.add_row(name, f"{one.ratio:.3f}", ends, f"{one.clusters:,}")
    console.print(shown)


def _balance(console: Console, found: Effect) -> None:
    if isinstance(found.balance, Refusal):
        return
    test = found.balance.p_value
    words = "cannot be tested" if test is None else f"p = {test:.3f}" + (" (the mix differs)" if test < 0.05 else "")
    console.print(f"Mix of tasks in the arms: {words}.", highlight=False)


def _realised(console: Console, found: Effect) -> None:
    for use in found.realised or ():
        faulty = f"; {use.faulty:,} more do not count: `frigjort audit benefits`" if use.faulty else ""
        console.print(
            f"Of which confirmed as used for {use.use}: {_hours(use.realised_ms)} hours in {use.confirmations:,} "
            f"confirmations{faulty}.",
            highlight=False,
        )


def _excluded(console: Console, found: Effect) -> None:
    excluded = found.estimates.headline.excluded
    if not excluded:
        return
    tasks, ms = sum(one.tasks for one in excluded), sum(one.net_ms for one in excluded)
    console.print(
        f"Left out, since under grade {found.minimum}: {tasks:,} tasks, {_hours(ms)} hours of net. "
        f"{excluded[0].grade.decisive[0].why.capitalize()}.",
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


def _grade(grade: Graded | None) -> str:
    return "-" if grade is None else grade.grade


def _hours(ms: float | None) -> str:
    return "-" if ms is None else f"{hours(ms):,.1f}"


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{hours(low):,.1f} … {hours(high):,.1f}"
