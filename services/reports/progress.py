"""The number to the target: what is freed so far, the annual run-rate, where it leads, and the pace that is still required."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from contracts.registry import Grade
from services.domain.effect.refusal import Refusal
from services.domain.estimates import Estimate
from services.domain.figures.shapes import Counts, Figure, PeriodKind
from services.domain.forecast.errors import History, HorizonError, errors_by_horizon
from services.domain.forecast.pace import Pace, required
from services.domain.forecast.run_rate import Window, rate_window
from services.domain.forecast.scenarios import SCENARIOS, Adoption, Point, ScenarioName, path
from services.domain.units import MS_PER_HOUR
from services.reports.basis import minimum_grade
from services.reports.clickhouse import ReportStore

_NORM: Final = "norm_"


@dataclass(frozen=True, slots=True)
class Target:
    """What was set, with the version of each decision: time to be freed, milliseconds, until `deadline`; årsværk norms, hours; the
    lowest grade that counts."""

    freed_ms: float
    deadline: datetime
    norms: dict[str, float]
    minimum: Grade
    versions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Rate:
    """The annual run-rate, from the figure of its window."""

    window: Window
    figure: Figure
    adjusted: Estimate
    without_control: Estimate
    freed: Estimate


@dataclass(frozen=True, slots=True)
class Progress:
    """A report on the nation. `total` is the figure of all so far; `months` and `until` those by month, in order. `published_at`:
    when the total was. Scenarios lead from now to the deadline; none is a forecast with 95 %."""

    target: Target
    published_at: datetime
    total: Figure
    rate: Rate | Refusal
    pace: Pace
    scenarios: dict[ScenarioName, tuple[Point, ...] | Refusal]
    errors: dict[ScenarioName, tuple[HorizonError, ...] | Refusal]
    months: tuple[Figure, ...]
    until: tuple[Figure, ...]

    @property
    def share(self) -> float:
        """What is freed so far of the target, as a sum."""
        return self.total.freed.ms / self.target.freed_ms

    @property
    def rate_share(self) -> float | None:
        """The run-rate of the target, where that is meant a year."""
        return None if isinstance(self.rate, Refusal) else self.rate.freed.ms / self.target.freed_ms


def progress(store: ReportStore, now: datetime) -> Progress | Refusal:
    """The report from the figures that are shown. Raises `Retry` or `Halt`."""
    nation = store.figures("nation", "")
    totals = [(figure, at) for figure, at in nation if figure.period.kind == "total"]
    if not totals:
        return Refusal(
            "no figure is published yet: the progress service publishes them, some seconds after the first tasks"
        )
    ((total, published_at),) = totals
    months, until = _of_kind(nation, "month"), _of_kind(nation, "until")
    target = _target(store)
    rate = _rate(nation, months, now)
    adoption = _adoption(store, rate)
    return Progress(
        target=target,
        published_at=published_at,
        total=total,
        rate=rate,
        pace=required(target.freed_ms, total.freed.ms, now, target.deadline),
        scenarios={name: _scenario(name, total, rate, adoption, now, target.deadline) for name in SCENARIOS},
        errors={name: _errors(name, months, adoption) for name in SCENARIOS},
        months=months,
        until=until,
    )


def _target(store: ReportStore) -> Target:
    known = store.targets()
    year = round(known["deadline"][0])
    return Target(
        freed_ms=known["hours_freed_2035"][0] * MS_PER_HOUR,
        deadline=datetime(year + 1, 1, 1, tzinfo=UTC),
        norms={name.removeprefix(_NORM): value for name, (value, _) in sorted(known.items()) if name.startswith(_NORM)},
        minimum=minimum_grade(known)[0],
        versions={name: version for name, (_, version) in sorted(known.items())},
    )


def _of_kind(figures: Sequence[tuple[Figure, datetime]], kind: PeriodKind) -> tuple[Figure, ...]:
    return tuple(figure for figure, _ in figures if figure.period.kind == kind)


def _rate(nation: Sequence[tuple[Figure, datetime]], months: Sequence[Figure], now: datetime) -> Rate | Refusal:
    treated = [figure.period.first for figure in months if figure.counts.treated]
    window = rate_window(min(treated, default=None), now)
    if isinstance(window, Refusal):
        return window
    for figure in _of_kind(nation, "rate"):
        if (figure.period.first, figure.period.end) == (window.first, window.last + 1):
            parts = (figure.amount("adjusted"), figure.amount("without_control"), figure.freed)
            return Rate(window, figure, *(window.rate(part) for part in parts))
    return Refusal("the figure of the last mature months is not published yet")


@dataclass(frozen=True, slots=True)
class _Adopted:
    """Treated and eligible tasks by month, wherever there are any."""

    treated: dict[int, int]
    eligible: dict[int, int]


def _adoption(store: ReportStore, rate: Rate | Refusal) -> _Adopted:
    """Eligible is whatever is of a task type that AI takes part in, and was not drawn to be without it."""
    found = _Adopted({}, {})
    if isinstance(rate, Refusal):
        return found
    figures = [figure for figure, _ in store.figures("task_type")]
    with_ai = {figure.scope for figure in figures if figure.period.kind == "total" and figure.counts.treated}
    for figure in figures:
        if figure.scope in with_ai and figure.period.kind == "month":
            month, counts = figure.period.first, figure.counts
            found.treated[month] = found.treated.get(month, 0) + counts.treated
            found.eligible[month] = found.eligible.get(month, 0) + _eligible(counts)
    return found


def _eligible(counts: Counts) -> int:
    return counts.tasks - counts.control


def _scenario(
    name: ScenarioName, total: Figure, rate: Rate | Refusal, adopted: _Adopted, now: datetime, deadline: datetime
) -> tuple[Point, ...] | Refusal:
    if isinstance(rate, Refusal):
        return rate
    window = rate.window
    if rate.figure.counts.treated == 0:
        return Refusal("no task with AI was measured in the last mature months")
    months = range(window.first, window.last + 1)
    adoption = Adoption(
        window.last, [adopted.treated.get(m, 0) for m in months], [adopted.eligible.get(m, 0) for m in months]
    )
    per_task = rate.figure.freed.times(1 / rate.figure.counts.treated)
    return path(name, total.freed, per_task, adoption, now, deadline)


def _errors(name: ScenarioName, months: Sequence[Figure], adopted: _Adopted) -> tuple[HorizonError, ...] | Refusal:
    """Of every month from the first with AI to the last mature one."""
    freed = {figure.period.first: figure.freed.ms for figure in months}
    known = sorted(month for month, treated in adopted.treated.items() if treated)
    every = range(known[0], known[-1] + 1) if known else range(0)
    return errors_by_horizon(
        name,
        History(
            freed_ms=[freed.get(month, 0.0) for month in every],
            treated=[adopted.treated.get(month, 0) for month in every],
            eligible=[adopted.eligible.get(month, 0) for month in every],
        ),
    )
