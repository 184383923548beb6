"""What a figure is of, and what it says."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from contracts.registry import Grade
from services.domain.arrays import Integers, Mask
from services.domain.effect.drift import Drift
from services.domain.effect.waterfall import Step, StepName
from services.domain.estimates import Estimate

ScopeKind = Literal["nation", "sector", "authority", "task_type"]
PeriodKind = Literal["total", "rate", "month", "until"]
"""All there is; the window of the run-rate; one calendar month; all until the end of one."""
ALL: Final = (0, 12 * 179)
"""From January 1970 until the end of 2148, in months: what a `Date` of ClickHouse holds."""


class Scope(NamedTuple):
    """Whose tasks, or which: `name` is a sector, a CVR number or a task type, empty for the nation."""

    kind: ScopeKind
    name: str = ""


class Period(NamedTuple):
    """Tasks completed in the months [first, end), as `services.domain.forecast.months` counts them."""

    kind: PeriodKind
    first: int
    end: int

    def of(self, month: Integers) -> Mask:
        """Which of these months are in it, shape (m,)."""
        return (month >= self.first) & (month < self.end)


TOTAL: Final = Period("total", *ALL)


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks. `treated`, `control` and `compared` are measured; `controlled` are the treated in cells with a sufficient control;
    `provisional` the treated of days that ended less than 90 days ago; `excluded` the treated whose grade is too low."""

    tasks: int
    measured: int
    unmeasured: int
    incomplete: int
    treated: int
    control: int
    compared: int
    controlled: int
    provisional: int
    excluded: int


@dataclass(frozen=True, slots=True)
class Figure:
    """What is said. `steps` of the waterfall, of the treated that are not excluded; the grade of `adjusted` and of what is
    without control, `None` where there is nothing; the drift of the control tasks; net of the excluded, milliseconds."""

    scope: Scope
    period: Period
    counts: Counts
    steps: tuple[Step, ...]
    adjusted_grade: Grade | None
    net_grade: Grade | None
    drift: Drift | None
    excluded_net_ms: int

    def step(self, name: StepName) -> Step | None:
        """The step of this name, `None` where the figure has none."""
        return next((step for step in self.steps if step.name == name), None)

    def amount(self, name: StepName) -> Estimate:
        """How much a step says there is, nothing where the figure has none. In the waterfall what has no control is taken off."""
        step = self.step(name)
        if step is None:
            return Estimate(0, 0, 0)
        found = Estimate(step.ms, step.low_ms, step.high_ms)
        return found.negated() if name == "without_control" else found

    @property
    def freed(self) -> Estimate:
        """The headline in one: adjusted, and net of what has no sufficient control. Its interval is as wide as both together: the
        standard deviation of a sum is at most the sum of theirs (Cauchy-Schwarz), so it is never too narrow."""
        return self.amount("adjusted").plus(self.amount("without_control"))
