"""The grade of a result: the worst of its baseline, its assignment, its time basis and its control, each with its reason.

A  randomised            B  difference-in-differences, or a concurrent control
C  measured against documented history              D  an expert's estimate, or what people said
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from contracts.registry import GRADE_OF_METHOD, Grade, Method
from contracts.tasks import TimeBasis

Assigned = Literal["random", "staggered", "eligible", "chosen"]
"""How it came about which tasks AI takes part in; `staggered`: authorities introduced it at different dates."""
Control = Literal["drawn", "not_yet_treated", "comparison", "none"]
"""What stands for the work without AI at the same time; `comparison`: tasks that were merely done without it."""

_BASELINE: Final[Mapping[Method, str]] = {
    "randomised": "the baseline is from tasks that were drawn by lot",
    "holdout": "the baseline is from a holdout that was drawn by lot",
    "concurrent": "the baseline is from others' work at the same time, and nobody drew lots for who had AI",
    "history": "the baseline is from documented history: other things may have changed since",
    "expert_estimate": "the baseline is an expert's estimate, which nobody measured",
    "self_report": "the baseline is what people said, which nobody measured",
}
_ASSIGNMENT: Final[Mapping[Assigned, tuple[Grade, str]]] = {
    "random": ("A", "a lot that was drawn before the work began decided which tasks AI takes part in"),
    "staggered": ("B", "authorities introduced AI at different dates, which no lot decided"),
    "eligible": ("B", "a rule decided which tasks AI takes part in: those tasks may differ from the others"),
    "chosen": (
        "C",
        "people chose which tasks AI takes part in: if they chose the quicker ones, that is no effect of AI",
    ),
}
_TIME: Final[Mapping[TimeBasis, tuple[Grade, str]]] = {
    "measured": ("A", "working time was measured"),
    "elapsed": (
        "B",
        "time is from start to completion under an idle cap, and a cap weakens an effect or turns its sign",
    ),
    "self_reported": ("D", "people said how long they worked, and nobody measured it"),
}
_CONTROL: Final[Mapping[Control, tuple[Grade, str]]] = {
    "drawn": ("A", "tasks that were drawn for it show what the work costs without AI at the same time"),
    "not_yet_treated": ("B", "authorities without AI so far show what the work costs without it at the same time"),
    "comparison": ("C", "the tasks without AI were not drawn: they may be others than those with AI. Not causal"),
    "none": ("C", "no control shows what the work would cost without AI today: drift is not covered"),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a result rests on: every value that occurs among its tasks. `baselines` is empty where no baseline enters the
    figure (a trial, or one baseline for all of a cell, which then cancels)."""

    baselines: frozenset[Method]
    assignments: frozenset[Assigned]
    time_bases: frozenset[TimeBasis]
    control: Control


@dataclass(frozen=True, slots=True)
class Reason:
    """One component's grade: that of the worst value which occurs, and why."""

    component: Literal["baseline", "assignment", "time basis", "control"]
    value: str
    grade: Grade
    why: str


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade, and the reason of each component in the order of section 1 of the definition."""

    grade: Grade
    reasons: tuple[Reason, ...]

    @property
    def decisive(self) -> tuple[Reason, ...]:
        """The components that are as bad as the whole."""
        return tuple(reason for reason in self.reasons if reason.grade == self.grade)


def graded(evidence: Evidence) -> Graded:
    """The grade of a result. Raises `ValueError` where assignment or time basis is not given: unknown is no grade."""
    if not evidence.assignments or not evidence.time_bases:
        raise ValueError("a result without tasks has no grade: give the assignments and time bases of its tasks")
    reasons = [
        max((Reason("assignment", a, *_ASSIGNMENT[a]) for a in evidence.assignments), key=_badness),
        max((Reason("time basis", t, *_TIME[t]) for t in evidence.time_bases), key=_badness),
        Reason("control", evidence.control, *_CONTROL[evidence.control]),
    ]
    if evidence.baselines:
        methods = (Reason("baseline", m, GRADE_OF_METHOD[m], _BASELINE[m]) for m in evidence.baselines)
        reasons.insert(0, max(methods, key=_badness))
    return Graded(max(reason.grade for reason in reasons), tuple(reasons))


def _badness(reason: Reason) -> tuple[Grade, str]:
    return reason.grade, reason.value
