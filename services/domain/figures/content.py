"""A figure as one row, and back to what it is of."""

from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import timedelta
from typing import Any, Final

from contracts.registry import Grade
from services.domain.effect.drift import Drift
from services.domain.effect.waterfall import Step
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


def content_of(figure: Figure, minimum: Grade) -> tuple[Any, ...]:
    """What a figure says, as it is stored."""
    drift = figure.drift
    of_drift = (drift.ratio, drift.low, drift.high, drift.clusters) if drift else (None, None, None, 0)
    return (
        *figure.scope,
        figure.period.kind,
        beginning_of(figure.period.first).date(),
        beginning_of(figure.period.end).date() - timedelta(days=1),
        minimum,
        *astuple(figure.counts),
        tuple(step.name for step in figure.steps),
        tuple(step.ms for step in figure.steps),
        tuple(step.low_ms for step in figure.steps),
        tuple(step.high_ms for step in figure.steps),
        figure.adjusted_grade or "",
        figure.net_grade or "",
        *of_drift,
        figure.excluded_net_ms,
    )


def figure_of(content: Sequence[Any]) -> Figure:
    """The figure that a content is of: `content_of` the other way."""
    said = dict(zip(COLUMNS, content, strict=True))
    steps = zip(said["step"], said["ms"], said["low_ms"], said["high_ms"], strict=True)
    drift = said["drift"], said["drift_low"], said["drift_high"], said["drift_clusters"]
    return Figure(
        *key_of(content),
        counts=Counts(*(said[part.name] for part in fields(Counts))),
        steps=tuple(Step(*step) for step in steps),
        adjusted_grade=said["adjusted_grade"] or None,
        net_grade=said["net_grade"] or None,
        drift=None if drift[0] is None else Drift(*drift),
        excluded_net_ms=said["excluded_net_ms"],
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
