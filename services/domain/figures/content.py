"""A figure as one row, and back to what it is of."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from contracts.registry import Grade
from services.domain.figures.shapes import Counts, Figure, Period, Scope
from services.domain.forecast.months import beginning_of, month_of_day

COLUMNS: Final = (
    *("scope_kind", "scope", "period_kind", "first_day", "last_day", "minimum_grade"),
    *(
        "tasks",
        "measured",
        "unmeasured",
        "incomplete",
        "treated",
        "control",
        "compared",
        "controlled",
        "provisional",
        "excluded",
    ),
    *("step", "ms", "low_ms", "high_ms", "adjusted_grade", "net_grade"),
    *("drift", "drift_low", "drift_high", "drift_clusters", "excluded_net_ms"),
)
"""In the order of a content; as columns of the table `figures`."""

PARTS: Final = ("gross", "net", "adjusted", "without_control")
"""The steps that say how much there is."""


def content_of(figure: Figure, minimum: Grade) -> tuple[Any, ...]:
    """What a figure says, as it is stored."""
    counts, drift = figure.counts, figure.drift
    of_counts = (
        *(counts.tasks, counts.measured, counts.unmeasured, counts.incomplete, counts.treated, counts.control),
        *(counts.compared, counts.controlled, counts.provisional, counts.excluded),
    )
    of_drift = (drift.ratio, drift.low, drift.high, drift.clusters) if drift else (None, None, None, 0)
    return (
        *figure.scope,
        figure.period.kind,
        beginning_of(figure.period.first).date(),
        beginning_of(figure.period.end).date() - timedelta(days=1),
        minimum,
        *of_counts,
        tuple(step.name for step in figure.steps),
        tuple(step.ms for step in figure.steps),
        tuple(step.low_ms for step in figure.steps),
        tuple(step.high_ms for step in figure.steps),
        figure.adjusted_grade or "",
        figure.net_grade or "",
        *of_drift,
        figure.excluded_net_ms,
    )


def key_of(content: Sequence[Any]) -> tuple[Scope, Period]:
    """Whose figure a content is."""
    kind, name, period, first, last = content[:5]
    return Scope(kind, name), Period(period, month_of_day(first), month_of_day(last) + 1)


def empty(scope: Scope, period: Period) -> Figure:
    """The figure of what has no tasks any more."""
    return Figure(scope, period, Counts(*[0] * 10), (), None, None, None, 0)


def has_tasks(content: Sequence[Any]) -> bool:
    """Whether a content is of any task."""
    return bool(content[COLUMNS.index("tasks")])


def standing_alone(
    step: str, ms: float, low_ms: float | None, high_ms: float | None
) -> tuple[float, float | None, float | None]:
    """One of `PARTS` as an amount of its own, with its ends. In the waterfall what has no control is taken off."""
    if step != "without_control":
        return ms, low_ms, high_ms
    return -ms, None if high_ms is None else -high_ms, None if low_ms is None else -low_ms
