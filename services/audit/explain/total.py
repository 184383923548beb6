"""A total, down to the baselines that its credits come from, with how many tasks each. Pure."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tasks a total is of; empty or none: all."""

    authorities: tuple[str, ...] = ()
    task_type: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts and sums of tasks, milliseconds."""

    tasks: int = 0
    counted_active_ms: int = 0
    review_ms: int = 0
    rework_ms: int = 0
    effort_ms: int = 0
    credit_ms: int = 0
    saved_ms: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Both."""
        return Sums(
            self.tasks + other.tasks,
            self.counted_active_ms + other.counted_active_ms,
            self.review_ms + other.review_ms,
            self.rework_ms + other.rework_ms,
            self.effort_ms + other.effort_ms,
            self.credit_ms + other.credit_ms,
            self.saved_ms + other.saved_ms,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """Tasks that one baseline gave their credit, or that got none for one reason (`why`). `standing`: measured (treated, so
    they count), control, comparison, unmeasured or incomplete. `mean_ms`: the credit of each. `examples`: some of them, as
    (authority, task)."""

    standing: str
    why: str
    baseline: str
    baseline_version: int
    grade: str
    mean_ms: int | None
    sums: Sums
    examples: tuple[tuple[str, str], ...]

    @property
    def adds_up(self) -> bool:
        """Whether its sums are what they must be of one another: n times the mean, the parts of the effort, their difference."""
        s = self.sums
        credit = 0 if self.mean_ms is None else self.mean_ms * s.tasks
        saved = 0 if self.standing in {"unmeasured", "incomplete"} else s.credit_ms - s.effort_ms
        return (s.credit_ms, s.effort_ms, s.saved_ms) == (
            credit,
            s.counted_active_ms + s.review_ms + s.rework_ms,
            saved,
        )


@dataclass(frozen=True, slots=True)
class TotalExplained:
    """The lines of a total, those that count first, the largest first; and what was added up of it apart from them: all
    tasks, and the milliseconds that the measured, treated ones saved."""

    lines: tuple[Line, ...]
    shown_tasks: int
    shown_saved_ms: int

    @property
    def total(self) -> Sums:
        """The measured tasks that were treated: they alone count."""
        result = Sums()
        for line in self.lines:
            if line.standing == "measured":
                result = result.plus(line.sums)
        return result

    @property
    def adds_up(self) -> bool:
        """Whether every line does, and all of them to what was added up apart."""
        tasks = sum(line.sums.tasks for line in self.lines)
        shown = (self.shown_tasks, self.shown_saved_ms)
        return all(line.adds_up for line in self.lines) and (tasks, self.total.saved_ms) == shown
