"""Why a total at one instant is another than at an earlier one. Exact: the causes of a pair of states add up to the difference
of what the task saved, to the millisecond.

    not known before                                     new          all of it
    retracted since                                      retraction   − what it saved before
    another event in force, measured as before           correction or reopening, and of that
        − (rework after − rework before)                 matured rework, where both are measured
    the same event, another baseline                     restatement

Where the event and the baseline both changed, the event is exchanged first, under the generation of the earlier instant, and
then restated. Every rule is linear in the milliseconds, so that sums over alike pairs may be split as one pair.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """Why a task saved something else. The names are stable: they stand in `--json`."""

    NEW = "new"
    CORRECTION = "correction"
    REOPENING = "reopening"
    MATURED_REWORK = "matured_rework"
    RETRACTION = "retraction"
    RESTATEMENT = "restatement"


@dataclass(frozen=True, slots=True)
class Figures:
    """What counts of a task, or of alike ones: milliseconds saved (0 where it is not measured) and of rework (unknown: 0)."""

    measured: bool = False
    saved_ms: int = 0
    rework_ms: int = 0


NOTHING: Final = Figures()
"""A task that is not known, was retracted or is not measured."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A task at two instants, or alike tasks with the sums of their figures. `before`: as recorded at the first. `after`: as
    recorded at the second. `between`: the event in force at the second, under the generation of the first.

    `known`: an event of it was recorded at the first. `exchanged`: another event is in force at the second; it is a retraction
    (`retracted`) or a reopening (`reopened`). `reworked`: with other rework. `restated`: against another baseline.
    """

    known: bool
    exchanged: bool
    retracted: bool
    reopened: bool
    reworked: bool
    restated: bool
    before: Figures = NOTHING
    between: Figures = NOTHING
    after: Figures = NOTHING
    tasks: int = 1


@dataclass(frozen=True, slots=True)
class Effect:
    """What a cause did: to how many tasks, and milliseconds, signed."""

    tasks: int = 0
    saved_ms: int = 0

    def plus(self, other: "Effect") -> "Effect":
        """Both."""
        return Effect(self.tasks + other.tasks, self.saved_ms + other.saved_ms)


def causes(pair: Pair) -> dict[Cause, Effect]:
    """The causes of a pair that apply; their milliseconds add up to `after.saved_ms - before.saved_ms`."""
    tasks = pair.tasks
    if not pair.known:
        return {Cause.NEW: Effect(tasks, pair.after.saved_ms - pair.before.saved_ms)}
    if pair.exchanged and pair.retracted:
        return {Cause.RETRACTION: Effect(tasks, pair.after.saved_ms - pair.before.saved_ms)}
    found: dict[Cause, Effect] = {}
    if pair.exchanged:
        changed = pair.between.saved_ms - pair.before.saved_ms
        matured = 0
        if pair.reworked and pair.before.measured and pair.between.measured:
            matured = pair.before.rework_ms - pair.between.rework_ms
            found[Cause.MATURED_REWORK] = Effect(tasks, matured)
        found[Cause.REOPENING if pair.reopened else Cause.CORRECTION] = Effect(tasks, changed - matured)
    if pair.restated:
        found[Cause.RESTATEMENT] = Effect(tasks, pair.after.saved_ms - pair.between.saved_ms)
    return found


def added_up(pairs: Iterable[Pair]) -> Mapping[Cause, Effect]:
    """Every cause with what it did to all of these."""
    total = dict.fromkeys(Cause, Effect())
    for pair in pairs:
        for cause, effect in causes(pair).items():
            total[cause] = total[cause].plus(effect)
    return total
