"""The waterfall: from what was credited to what AI freed, in steps that add up to the millisecond, each with its interval.

    gross    = Σ credit - Σ counted active time, of treated tasks that earn credit
    net      = gross - review - rework - effort without credit (abandoned, escalated, induced)
    adjusted = (net of the cells with a sufficient control) + Σ (d - 1)·credit of these

What has no sufficient control is a step of its own: it stands apart, since no interval of it covers drift. Amounts are
signed. The interval of a step is its own, of what was added up in it: intervals do not add.

    Var(step) = V(amount)  [+ Σ_sources (Σ_b n_b·SE_b)² + Σ_b tau_b²·Σ_a n_ab²   where the step holds credit]

V is the clustered variance of `services.domain.effect.net`, of each amount against the credit of its cell.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from services.domain.arrays import Codes, Integers, Mask
from services.domain.clusters.codes import Column, chosen, numbered
from services.domain.effect.adjusted import AdjustedSaving
from services.domain.effect.baseline_errors import BaselineError, BaselineUse, Credited
from services.domain.effect.net import NetCells

StepName = Literal[
    "gross",
    "review",
    "rework",
    "abandoned",
    "escalated",
    "induced",
    "net",
    "without_control",
    "drift",
    "adjusted",
]
LEVELS: Final[frozenset[StepName]] = frozenset({"gross", "net", "adjusted"})
"""The steps that say how much there is; the others say how much comes to it."""


@dataclass(frozen=True, slots=True)
class StepSums:
    """Sums over treated, measured tasks per (authority, task type, complexity, cluster, baseline version), shape (m,).

    `n_credit`: tasks that earn credit; `credit_ms`, `active_ms` (counted), `review_ms`, `rework_ms`: of these alone. The whole
    effort of the others stands in `abandoned_ms` or `escalated_ms`, or in `induced_ms` if it was completed. `baseline` is not
    looked at where nothing earns credit. Clusters as in `ArmSums`.
    """

    authority: Column
    task_type: Column
    complexity: Column
    cluster: Column
    baseline: Column
    n_credit: Integers
    credit_ms: Integers
    active_ms: Integers
    review_ms: Integers
    rework_ms: Integers
    abandoned_ms: Integers
    escalated_ms: Integers
    induced_ms: Integers

    def only(self, rows: Mask | Codes) -> "StepSums":
        """These rows: where a mask is true, or at places."""
        return StepSums(
            authority=chosen(self.authority, rows),
            task_type=chosen(self.task_type, rows),
            complexity=chosen(self.complexity, rows),
            cluster=chosen(self.cluster, rows),
            baseline=chosen(self.baseline, rows),
            n_credit=self.n_credit[rows],
            credit_ms=self.credit_ms[rows],
            active_ms=self.active_ms[rows],
            review_ms=self.review_ms[rows],
            rework_ms=self.rework_ms[rows],
            abandoned_ms=self.abandoned_ms[rows],
            escalated_ms=self.escalated_ms[rows],
            induced_ms=self.induced_ms[rows],
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One bar, milliseconds, with its 95 % interval; `None` where it has none of its own."""

    name: StepName
    ms: int
    low_ms: float | None
    high_ms: float | None

    @property
    def level(self) -> bool:
        """Whether it says how much there is, and not how much comes to it."""
        return self.name in LEVELS


def waterfall(sums: StepSums, errors: Iterable[BaselineError], found: AdjustedSaving) -> tuple[Step, ...]:
    """The steps of a group, in order; without `drift` and `adjusted` where no cell has a sufficient control.

    `found`: the adjusted saving of the same tasks and their controls. Raises `ValueError` where it is of other tasks.
    """
    costs: tuple[tuple[StepName, Integers], ...] = (
        ("review", sums.review_ms),
        ("rework", sums.rework_ms),
        ("abandoned", sums.abandoned_ms),
        ("escalated", sums.escalated_ms),
        ("induced", sums.induced_ms),
    )
    uses = _uses(sums, errors)
    all_effort = sums.active_ms + np.sum([ms for _, ms in costs], axis=0, dtype=np.int64)
    cells = NetCells.of(sums.authority, sums.task_type, sums.complexity, sums.cluster, sums.credit_ms)
    net = _level("net", cells, all_effort, uses)
    return (
        _level("gross", cells, sums.active_ms, uses),
        *(_cost(name, cells, ms) for name, ms in costs),
        net,
        *_adjusted(net, found),
    )


def _level(name: StepName, cells: NetCells, effort: Integers, uses: list[BaselineUse]) -> Step:
    found = cells.interval(effort, uses)
    return Step(name, found.net_ms, found.low_ms, found.high_ms)


def _cost(name: StepName, cells: NetCells, effort: Integers) -> Step:
    """A part of effort, taken off. Its interval is that of credit - effort without the error of the credit, moved there."""
    ms = -int(effort.sum())
    spread = cells.interval(effort, [])
    if spread.low_ms is None or spread.high_ms is None:
        return Step(name, ms, None, None)
    return Step(name, ms, ms + spread.low_ms - spread.net_ms, ms + spread.high_ms - spread.net_ms)


def _adjusted(net: Step, found: AdjustedSaving) -> tuple[Step, ...]:
    of_cells = sum(cell.net_ms for cell in found.cells if cell.saving is not None)
    apart = found.insufficient
    if of_cells + apart.net_ms != net.ms:
        raise ValueError(f"{net.ms} ms of net, and {of_cells + apart.net_ms} in the cells: give sums of the same tasks")
    steps = (
        ()
        if apart.net_ms == 0 and apart.clusters_min == 0
        else (_taken_off(apart.net_ms, apart.low_ms, apart.high_ms),)
    )
    if found.adjusted is None or found.correction is None:
        return steps
    saving, correction = found.adjusted, found.correction
    adjusted_ms = round(saving.saving_ms)
    return (
        *steps,
        Step("drift", adjusted_ms - of_cells, correction.low_ms, correction.high_ms),
        Step("adjusted", adjusted_ms, saving.low_ms, saving.high_ms),
    )


def _taken_off(ms: int, low: float | None, high: float | None) -> Step:
    return Step("without_control", -ms, None if high is None else -high, None if low is None else -low)


def _uses(sums: StepSums, errors: Iterable[BaselineError]) -> list[BaselineUse]:
    """Raises `ValueError` for a version that nothing is known of."""
    known = {error.baseline: error for error in errors}
    rows = sums.n_credit > 0
    authorities, authority = numbered(chosen(sums.authority, rows))
    baselines, baseline = numbered(chosen(sums.baseline, rows))
    for name in baselines.tolist():
        if name not in known:
            raise ValueError(f"nothing is known of baseline {name!r}: give its source, standard error and tau")
    used = Credited.of(authority, baseline, sums.n_credit[rows])
    return used.uses([known[str(name)] for name in baselines], authorities)
