"""The effect of AI by every estimator, in a terminal of 80 columns."""

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape

from services.cli.report.words import Figure, at_caps, in_hours, interval, tell_about, tell_excluded
from services.cli.tables import table
from services.domain.effect.freed import Freed
from services.domain.effect.grades import Graded
from services.domain.effect.refusal import Refusal
from services.domain.effect.staggered import Staggered
from services.domain.effect.trial import Factor, Trial
from services.reports.effect import Effect, Estimates

_SHOWN: Final = 8
_Row = tuple[str, float | None, float | None, float | None, str]


def effect(console: Console, found: Effect) -> None:
    """The estimators side by side, then what stands behind them."""
    tell_about(console, found.about)
    shown = table("estimate", "hours freed", "95 % interval", "grade", words=("estimate",))
    for name, ms, low, high, grade in _estimates(found):
        shown.add_row(name, in_hours(ms), interval(low, high), grade)
    console.print(shown)
    for line in (*_reasons(found), *at_caps(found.other_caps, _freed), *_trial_lines(found)):
        console.print(line, highlight=False)
    _drift(console, found)
    _balance(console, found)
    tell_excluded(console, found.about, found.estimates.headline)


def _estimates(found: Effect) -> Iterator[_Row]:
    of = found.estimates
    grades = {"adjusted": of.headline.adjusted_grade, "net, apart": of.headline.net_grade}
    names = {"adjusted": "adjusted by the control", "net, apart": "net without control, apart"}
    for name, ms, low, high in _freed(of):
        yield names[name], ms, low, high, _grade(grades[name])
    if not isinstance(of.staggered, Refusal):
        yield "difference-in-differences", *_ends(of.staggered), of.staggered.grade.grade
    for name, one in of.trials.items():
        if isinstance(one, Trial):
            for words, sums in (("", one.unadjusted), (", by prediction", one.scaled)):
                if not isinstance(sums, Refusal):
                    yield f"trial {name}{words}", *_ends(sums), one.grade.grade
    if not isinstance(of.comparison, Refusal):
        words = f"against tasks without AI: {of.comparison.label}"
        yield words, *_ends(of.comparison.post_stratified.freed), of.comparison.grade.grade
    if found.claims.predicted:
        yield f"claimed by expectation, {found.claims.predicted:,} tasks", found.claims.expected_ms, None, None, "D"
    if found.claims.self_reported:
        yield f"self-reported, {found.claims.self_reported:,} tasks", found.claims.self_reported_ms, None, None, "D"


def _ends(of: Freed | Staggered) -> tuple[float, float, float]:
    return of.freed_ms, of.low_ms, of.high_ms


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


def _freed(of: Estimates) -> Iterator[Figure]:
    saving = of.headline.saving
    if saving.adjusted is not None:
        yield "adjusted", saving.adjusted.saving_ms, saving.adjusted.low_ms, saving.adjusted.high_ms
    apart = saving.insufficient
    if apart.clusters_min or saving.adjusted is None:
        yield "net, apart", apart.net_ms, apart.low_ms, apart.high_ms


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


def _grade(grade: Graded | None) -> str:
    return "-" if grade is None else grade.grade
