"""Does the adjusted interval hold the true saving of nations that are made up, and what do simpler ones hold?"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from services.domain.arrays import Floats
from services.domain.clusters.codes import float_sums_by
from services.domain.clusters.contrast import TREATED
from services.domain.clusters.pooling import NO_CELL
from services.domain.effect.adjusted import AdjustedSaving, CellResult, Saving, adjusted_saving, treated_net
from services.domain.effect.adjustment import Adjustment
from services.domain.effect.arms import Rows
from services.domain.effect.sufficiency import ACROSS_AUTHORITIES, Cells, Sufficiency
from tests.simulations.nations import LOTS, Nation, Random, nation
from tests.simulations.report import Coverage, Table, holds

NORMAL = 1.959964
PLACES = ("in one authority", "over authorities")
EVERYWHERE = "all cells"
SIZES = ((200, "200 to 499"), (500, "500 to 1,999"), (2_000, "2,000 or more"))
LOT_NAMES = ("lot: cases", "lot: teams", "lot: tasks within teams")
ALL = "all nations"
COUNTS = ("9 to 19 authorities", "20 to 49 authorities", "50 to 98 authorities")
REALISED = "adjusted, against the saving of exactly these clusters"
EXACT_BASELINES = "adjusted, without the baselines' part"
INDEPENDENT = "adjusted, tasks taken for independent"
UNADJUSTED = "unadjusted net of all treated tasks"
FAR = 0.1
"""A drift that is off by more than this."""


@dataclass
class OfCells:
    """How often the true saving of a cell was covered, lay above or below the interval; how often its true drift was
    covered, and how often d was off by more than `FAR`."""

    saving: Coverage = field(default_factory=Coverage)
    above: Coverage = field(default_factory=Coverage)
    below: Coverage = field(default_factory=Coverage)
    drift: Coverage = field(default_factory=Coverage)
    far: Coverage = field(default_factory=Coverage)

    def add(self, cell: CellResult, saving: Saving, true_saving: float, true_drift: float) -> None:
        self.saving.add(holds(saving.low_ms, true_saving, saving.high_ms))
        self.above.add(saving.high_ms is not None and true_saving > saving.high_ms)
        self.below.add(saving.low_ms is not None and true_saving < saving.low_ms)
        if cell.drift is not None:
            self.drift.add(holds(cell.drift.low, true_drift, cell.drift.high))
            self.far.add(abs(cell.drift.ratio / true_drift - 1) > FAR)


@dataclass
class Found:
    """How often the truth was covered: by totals, by other intervals, by cells of a place and size."""

    totals: dict[str, Coverage] = field(default_factory=lambda: {n: Coverage() for n in (ALL, *LOT_NAMES, *COUNTS)})
    others: dict[str, Coverage] = field(default_factory=lambda: defaultdict(Coverage))
    cells: dict[tuple[str, str], OfCells] = field(default_factory=lambda: defaultdict(OfCells))
    baseline_share: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Examined:
    """A nation, its estimate, and what is true of each sufficient cell."""

    made: Nation
    rows: Rows
    cells: Cells
    result: AdjustedSaving

    @classmethod
    def of(cls, made: Nation, asked: Sufficiency) -> "Examined":
        rows = Rows.of(made.sums, made.errors)
        return cls(made, rows, Cells.of(rows, asked), adjusted_saving(made.sums, made.errors, asked))

    @property
    def sufficient(self) -> list[tuple[CellResult, Saving]]:
        return [(cell, cell.saving) for cell in self.result.cells if cell.saving is not None]

    @property
    def inside(self) -> np.ndarray:
        return np.flatnonzero(self.cells.cell != NO_CELL)

    def by_cell(self, values: Floats) -> Floats:
        """Σ values of the rows of each sufficient cell."""
        return float_sums_by(self.cells.cell[self.inside], values[self.inside], len(self.cells.level))

    def drifts(self) -> Floats:
        """The true drift of each sufficient cell."""
        control = self.rows.control
        return self.by_cell(self.made.expected * control) / self.by_cell(self.made.true_credit * control)


def run(random: Random, nations: int, tell: Callable[[], None]) -> list[Table]:
    """So many nations of 9 to 98 authorities, with few or many tasks; the kinds of lot in turn."""
    found = Found()
    for number in range(nations):
        place = number % len(LOTS)
        authorities, tasks = int(random.integers(9, 99)), float(random.choice([600, 1_500, 4_000]))
        one = Examined.of(nation(random, authorities, tasks, LOTS[place]), Sufficiency())
        if one.result.adjusted is not None:
            count_total(found, one, one.result.adjusted, LOT_NAMES[place])
            count_cells(found, one)
        tell()
    return _tables(found, nations)


def count_total(found: Found, one: Examined, total: Saving, lot: str) -> None:
    truth, here = (float(one.by_cell(values).sum()) for values in (one.made.saving, one.made.saving_here))
    number = len(one.rows.authorities)
    for name in (ALL, lot, COUNTS[(number >= 20) + (number >= 50)]):
        found.totals[name].add(holds(total.low_ms, truth, total.high_ms))
    found.others[REALISED].add(holds(total.low_ms, here, total.high_ms))
    net = treated_net(one.made.sums, one.made.errors)
    found.others[UNADJUSTED].add(holds(net.low_ms, float(one.made.saving.sum()), net.high_ms))
    independent = _independent(one) + total.variance_baselines
    for name, variance in ((EXACT_BASELINES, total.variance_tasks), (INDEPENDENT, independent)):
        found.others[name].add(abs(total.saving_ms - truth) <= NORMAL * sqrt(variance))
    found.baseline_share.append(total.variance_baselines / (total.variance_tasks + total.variance_baselines))


def count_cells(found: Found, one: Examined) -> None:
    truths = zip(one.by_cell(one.made.saving).tolist(), one.drifts().tolist(), strict=True)
    for (cell, saving), level, truth in zip(one.sufficient, one.cells.level, truths, strict=True):
        size = next(name for least, name in reversed(SIZES) if cell.control.tasks >= least)
        for place in (PLACES[int(level >= ACROSS_AUTHORITIES)], EVERYWHERE):
            found.cells[place, size].add(cell, saving, *truth)


def _independent(one: Examined) -> float:
    """The tasks' part of the variance if every task were its own cluster: Σ of squared residuals, without a."""
    made, index = one.made, one.inside
    cell = one.cells.cell[index]
    contrast = Adjustment.of(one.rows, index, cell, one.cells.cluster[index]).contrast
    control, n = one.rows.control[index], made.sums.n_credit[index]
    rho = contrast.effort[:, TREATED] / np.maximum(contrast.per[:, TREATED], 1)
    ratio = np.where(control, contrast.d[cell], rho[cell])
    weight = np.where(control, contrast.scale[cell], 1.0)
    centre = ratio * made.sums.credit_ms[index] / np.maximum(n, 1)
    squares = made.credited_squares[index] - 2 * centre * made.credited_effort[index] + n * centre**2
    return float((weight**2 * (squares + made.other_squares[index])).sum())


def _tables(found: Found, nations: int) -> list[Table]:
    totals = Table(
        f"The total: share of {nations:,} nations whose true saving the 95 % interval holds",
        ("", "covered, %", "nations"),
    )
    totals.rows = [(name, one.percent, one.runs) for name, one in found.totals.items()]
    none = nations - found.totals[ALL].runs
    totals.rows.append(("no sufficient control: no adjusted figure", None, none))
    others = Table("Beside it: what other intervals hold", ("", "covered, %", "nations"))
    others.rows = [(name, one.percent, one.runs) for name, one in found.others.items()]
    columns = ("cell", "control tasks", "saving covered, %", "truth above, %", "truth below, %", "drift covered, %")
    cells = Table("Cells, each with its own interval", (*columns, f"d off by over {FAR}, %", "cells"))
    for place in (EVERYWHERE, *PLACES):
        for _, size in SIZES:
            of = found.cells[place, size]
            parts = (of.saving, of.above, of.below, of.drift, of.far)
            cells.rows.append((place, size, *(part.percent for part in parts), of.saving.runs))
    shares = np.array(found.baseline_share or [0.0])
    part = Table("The baselines' share of the variance", ("", "%"))
    part.rows = [
        (name, round(100 * float(np.quantile(shares, q)), 1))
        for name, q in (("median", 0.5), ("95th percentile", 0.95), ("most", 1.0))
    ]
    return [totals, cells, others, part]
