"""How many authorities must be pooled for an honest interval? Coverage of cells over authorities, by how many there are, and
by their effective number: the smaller of the two arms'."""

from collections.abc import Callable
from typing import Final

import numpy as np

from services.domain.clusters.codes import effective_by
from services.domain.effect.sufficiency import Sufficiency
from tests.simulations.coverage import Examined
from tests.simulations.nations import LOTS, Random, nation
from tests.simulations.report import Coverage, Table, holds

NUMBERS: Final = (7, 9, 12, 15, 20, 30, 50, 98)
UNEQUAL: Final = {0.3: "about equal", 1.0: "unequal", 1.5: "very unequal"}
"""Sigma of the log of an authority's size: at 1.5 the largest of 50 does as much as 30 median ones."""
EFFECTIVE: Final = (1, 2, 4, 6, 8, 10, 15, 20, 30, 50)
ONLY_POOLED: Final = Sufficiency(control_tasks=200, clusters=10**9, effective_authorities=1)
TASKS: Final = 800.0


def run(random: Random, nations: int, tell: Callable[[], None]) -> list[Table]:
    """So many nations of each number and inequality; no cell is sufficient within an authority."""
    by_number = {(number, unequal): Coverage() for number in NUMBERS for unequal in UNEQUAL}
    by_effective = {least: Coverage() for least in EFFECTIVE}
    for (number, unequal), of_number in by_number.items():
        for place in range(nations):
            made = nation(random, number, TASKS, LOTS[place % len(LOTS)], unequal)
            one = Examined.of(made, ONLY_POOLED)
            for (_, saving), truth, effective in zip(
                one.sufficient, one.by_cell(made.saving).tolist(), _effective(one), strict=True
            ):
                covered = holds(saving.low_ms, truth, saving.high_ms)
                of_number.add(covered)
                by_effective[max(least for least in EFFECTIVE if least <= effective)].add(covered)
            tell()
    return _tables(by_number, by_effective)


def _effective(one: Examined) -> list[float]:
    """The effective number of authorities of each cell, in the arm where it is smaller."""
    rows, cells = one.rows, len(one.cells.level)
    arms = (one.inside[rows.control[one.inside] == control] for control in (True, False))
    numbers = [effective_by(one.cells.cell[arm], rows.authority[arm], rows.credit_ms[arm], cells) for arm in arms]
    return [float(least) for least in np.minimum(*numbers)]


def _tables(by_number: dict[tuple[int, float], Coverage], by_effective: dict[int, Coverage]) -> list[Table]:
    title = "Cells over authorities: true saving covered, %, by"
    numbers = Table(f"{title} how many there are and how unequal", ("authorities", *UNEQUAL.values(), "cells"))
    for number in NUMBERS:
        row = [by_number[number, unequal] for unequal in UNEQUAL]
        numbers.rows.append((str(number), *(one.percent for one in row), sum(one.runs for one in row)))
    effective = Table(f"{title} their effective number", ("from", "covered, %", "cells"))
    effective.rows = [(str(least), one.percent, one.runs) for least, one in by_effective.items()]
    return [numbers, effective]
