"""The adjusted saving: what the treated tasks would have cost without AI, as the control shows it, less what they cost.

In a cell k, with control C and treated T (section 4 of the design):

    B = Σ mu (mu: the credit of a task, 0 where it earns none),  Y = Σ effort of control,  E = Σ effort of treated
    d_k = Y_C/B_C,   R_k = B_T/B_C,   rho_k = E_T/B_T
    S   = Σ_k (d_k·B_Tk - E_Tk)                                   = net + Σ_k (d_k - 1)·B_Tk

    psi_g = Σ_k { a_Ck·R_k·Σ_{i in C_k, g} (y_i - d_k·mu_i)  -  a_Tk·Σ_{i in T_k, g} (e_i - rho_k·mu_i) }
    w_b   = Σ_k d_k·(n_Tkb - R_k·n_Ckb),   a = sqrt(G/(G - 1)) per cell and arm,   n_kb: tasks credited with baseline b
    Var   = Σ_g psi_g²  +  Σ_sources ( Σ_b |w_b|·SE_b )²
    interval = S ± t_{0.975}(G_min - 1)·sqrt(Var)                 G_min: the fewest clusters of any cell and arm

S estimates the expected saving of the treated tasks, given how many there are of each kind. It rests on the control being
drawn by lot, not on the baseline being right: with one baseline in a cell that baseline cancels (w_b = 0), and so does the
drift that control and treated share. Sums per cell, arm and cluster are all it takes, since d and rho are constant within
a cell. Effort without credit (abandoned, escalated, induced) is in Y and E with mu = 0.

**Cells.** A cell is sufficient with 200 control tasks and 30 clusters in each arm; what is not, is pooled upwards:

    authority × task type × complexity,  authority × task type                  g: case or team, a token of the authority
    task type × complexity,  task type   over all authorities that are left     g: the authority

Over authorities each may have drifted its own way, so there the authority is the cluster, and the *effective* number of
authorities is asked for, 8 in each arm (`services.domain.effect.sufficiency`).
What is left over is *insufficient*: its net is shown apart with its own interval, which knows nothing of drift, and is
never added into this one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.domain.arrays import Codes
from services.domain.clusters.codes import combined
from services.domain.clusters.contrast import CONTROL, TREATED, Contrast
from services.domain.clusters.intervals import interval
from services.domain.clusters.pooling import NO_CELL
from services.domain.effect.adjustment import Adjustment
from services.domain.effect.arms import ArmSums, Rows
from services.domain.effect.baseline_errors import BaselineError, Credited
from services.domain.effect.drift import Drift
from services.domain.effect.net import NetCells, NetInterval
from services.domain.effect.sufficiency import LEVELS, Cells, Level, Sufficiency


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of a cell: tasks, clusters, Σ credit (B) and Σ effort (Y of the control, E of the treated), milliseconds."""

    tasks: int
    clusters: int
    credit_ms: int
    effort_ms: int


@dataclass(frozen=True, slots=True)
class Saving:
    """S with its 95 % interval, milliseconds, and its variance in two parts, milliseconds². `low_ms` and `high_ms` are
    `None` where there are under two clusters; `clusters_min` is the fewest of any cell and arm."""

    saving_ms: float
    low_ms: float | None
    high_ms: float | None
    variance_tasks: float
    variance_baselines: float
    clusters_min: int


@dataclass(frozen=True, slots=True)
class CellResult:
    """One cell. `authority` and `complexity` are `None` where they are pooled. The interval is of this cell alone: intervals
    of cells do not add up. An insufficient cell is named as specifically as can be; it has a drift for information, and
    no saving. `baselines`: the versions that the figure rests on, for its grade; none where the cell has only one, since that
    cancels. `members`: the (authority, task type, complexity) that are in it."""

    level: Level
    authority: str | None
    task_type: str
    complexity: str | None
    control: Arm
    treated: Arm
    drift: Drift | None
    saving: Saving | None
    baselines: frozenset[str]
    members: frozenset[tuple[str, str, str]]

    @property
    def verdict(self) -> Literal["sufficient", "insufficient"]:
        """Whether there is enough control for an adjusted saving."""
        return "insufficient" if self.saving is None else "sufficient"

    @property
    def net_ms(self) -> int:
        """Credit - effort of the treated: the saving if the baseline still held."""
        return self.treated.credit_ms - self.treated.effort_ms


@dataclass(frozen=True, slots=True)
class AdjustedSaving:
    """The adjusted saving of the sufficient cells, and Σ (d - 1)·credit, by which it differs from their net; `None` where
    there is none. And beside it `insufficient`, the unadjusted
    net of the treated tasks in all other cells: shown apart, never added into the interval."""

    adjusted: Saving | None
    correction: Saving | None
    cells: tuple[CellResult, ...]
    insufficient: NetInterval

    @property
    def headline(self) -> Literal["adjusted", "net"]:
        """The estimator of the headline: adjusted where a sufficient control exists, net elsewhere."""
        return "net" if self.adjusted is None else "adjusted"

    @property
    def baselines(self) -> frozenset[str]:
        """The baseline versions that the adjusted saving rests on: those that do not cancel in its cells."""
        return frozenset().union(*(cell.baselines for cell in self.cells if cell.saving is not None))


def adjusted_saving(sums: ArmSums, errors: Iterable[BaselineError], asked: Sufficiency | None = None) -> AdjustedSaving:
    """The adjusted saving of the group that these sums describe, in any order of rows.

    `errors`: what is known of each baseline version that gave credit. Raises `ValueError` where sums contradict each
    other, hold tasks that are neither treated nor control, or name a baseline that nothing is known of.
    """
    rows = Rows.of(sums, errors)
    found = Cells.of(rows, asked or Sufficiency())
    inside, rest = np.flatnonzero(found.cell != NO_CELL), np.flatnonzero(found.cell == NO_CELL)
    sufficient = Adjustment.of(rows, inside, found.cell[inside], found.cluster[inside])
    finest = combined(rows.authority[rest], rows.task_type[rest], rows.complexity[rest])
    insufficient = Adjustment.of(rows, rest, finest, rows.cluster[rest])
    each = _savings(sufficient, np.arange(sufficient.cells), sufficient.cells)
    one = np.zeros(sufficient.cells, dtype=np.intp)
    members = (_members(rows, inside, found.cell[inside]), _members(rows, rest, finest))
    return AdjustedSaving(
        adjusted=_savings(sufficient, one, 1)[0] if sufficient.cells else None,
        correction=_correction(sufficient) if sufficient.cells else None,
        cells=(
            *_results(rows, sufficient, [LEVELS[level] for level in found.level], each, members[0]),
            *_results(rows, insufficient, [LEVELS[0]] * insufficient.cells, [None] * insufficient.cells, members[1]),
        ),
        insufficient=_net(rows, rest[~rows.control[rest]]),
    )


def treated_net(sums: ArmSums, errors: Iterable[BaselineError]) -> NetInterval:
    """The unadjusted net of all treated tasks, whatever control there is. Its interval does not cover drift."""
    rows = Rows.of(sums, errors)
    return _net(rows, np.flatnonzero(~rows.control))


def _savings(cells: Adjustment, group: Codes, groups: int) -> list[Saving]:
    """The saving of each group of cells."""
    saving, of_tasks, fewest = cells.contrast.savings(group, groups)
    of_baselines = cells.baseline_variances(group, groups)
    return [
        Saving(one, *interval(one, tasks + baselines, clusters), tasks, baselines, clusters)
        for one, tasks, baselines, clusters in zip(
            saving.tolist(), of_tasks.tolist(), of_baselines.tolist(), fewest.tolist(), strict=True
        )
    ]


def _correction(cells: Adjustment) -> Saving:
    """Σ (d - 1)·credit of all cells."""
    one = np.zeros(cells.cells, dtype=np.intp)
    (correction,), (of_tasks,), (fewest,) = (column.tolist() for column in cells.contrast.corrections(one, 1))
    of_baselines = float(cells.baseline_variances(one, 1, of_correction=True)[0])
    return Saving(correction, *interval(correction, of_tasks + of_baselines, fewest), of_tasks, of_baselines, fewest)


def _members(rows: Rows, index: Codes, cell: Codes) -> list[frozenset[tuple[str, str, str]]]:
    """What is in each cell, in the order of the cells."""
    found: dict[int, set[tuple[str, str, str]]] = {}
    keys = np.unique(np.stack([cell, rows.authority[index], rows.task_type[index], rows.complexity[index]]), axis=1)
    for number, authority, task_type, complexity in keys.T.tolist():
        names = str(rows.authorities[authority]), str(rows.task_types[task_type]), str(rows.complexities[complexity])
        found.setdefault(number, set()).add(names)
    return [frozenset(found[number]) for number in sorted(found)]


def _results(
    rows: Rows,
    cells: Adjustment,
    levels: Sequence[Level],
    savings: Sequence[Saving | None],
    members: Sequence[frozenset[tuple[str, str, str]]],
) -> list[CellResult]:
    return [
        CellResult(
            level=level,
            authority=str(rows.authorities[rows.authority[row]]) if "authority" in level else None,
            task_type=str(rows.task_types[rows.task_type[row]]),
            complexity=str(rows.complexities[rows.complexity[row]]) if "complexity" in level else None,
            control=_arm(cells.contrast, cell, CONTROL),
            treated=_arm(cells.contrast, cell, TREATED),
            drift=cells.drift[cell],
            saving=saving,
            baselines=cells.baselines(cell),
            members=within,
        )
        for cell, (row, level, saving, within) in enumerate(zip(cells.row, levels, savings, members, strict=True))
    ]


def _arm(contrast: Contrast, cell: int, arm: int) -> Arm:
    columns = (contrast.tasks, contrast.clusters, contrast.per, contrast.effort)
    return Arm(*(int(column[cell, arm]) for column in columns))


def _net(rows: Rows, index: Codes) -> NetInterval:
    """The unadjusted net of the treated rows at `index`."""
    cells = NetCells.of(
        rows.authority[index], rows.task_type[index], rows.complexity[index], rows.cluster[index], rows.credit_ms[index]
    )
    used = Credited.of(rows.authority[index], rows.baseline[index], rows.n_credit[index])
    return cells.interval(rows.effort_ms[index], used.uses(rows.errors, rows.authorities))
