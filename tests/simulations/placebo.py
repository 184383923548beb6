"""The placebo on the real log: nobody used AI, so the "AI" half of a split by lot must save nothing.

**Which truth.** The tasks are a fixed set and the lot is all that is left to chance. With factor f on the "AI" half the
true saving of task type k is (1 - f)·D_k·B_Tk: D_k = Σ effort / Σ baseline of *all* later tasks of the type, B_Tk the credit
of those drawn as treated. It is the expected saving of the treated tasks, given how many there are of each kind: zero for
f = 1. It is not (1 - f)·Σ effort of exactly the tasks that were drawn (`REALISED`): what is particular to these
the interval counts with a factor f, as a part of E, and not with 1, so with halves of equal size and f < 1 it is a little
narrow for that. For f = 1 the two are the same.

That the set is fixed costs nothing: the difference of two random halves of N fixed values varies as much as that of two
independent samples of N/2 (Neyman 1923), the correction for a finite population cancels.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from services.domain.arrays import Codes, Floats, Integers, Mask
from services.domain.clusters.codes import combined, sums_by
from services.domain.effect.adjusted import AdjustedSaving, adjusted_saving
from services.domain.effect.arms import ArmSums
from services.domain.effect.sufficiency import Sufficiency
from tests.simulations.real_log import LaterTasks
from tests.simulations.report import Coverage, holds

Random = np.random.Generator
FACTORS: Final = (80, 90, 100, 110)
"""Per cent of the counted time that "AI" takes."""
TOTAL: Final = "total"
REALISED: Final = "total, against the saving of exactly these tasks"


def times(values: Integers, percent: int) -> Integers:
    """Rounded half up, as an import of a hypothetical copy does."""
    return (values * percent * 2 + 100) // 200


@dataclass(frozen=True)
class Splittable:
    """Sums per (task type, unit that is drawn, cluster), shape (m,): effort at each factor."""

    tasks: LaterTasks
    task_type: Codes
    unit: Codes
    cluster: Codes
    n: Integers
    credit_ms: Integers
    effort_ms: dict[int, Integers]

    @classmethod
    def of(cls, tasks: LaterTasks, unit: Codes, cluster: Codes | None = None) -> "Splittable":
        """`unit` and `cluster` of each task; the cluster is the unit that is drawn, unless something else is said."""
        cluster = unit if cluster is None else cluster
        row = combined(tasks.task_type, unit, cluster)
        _, first = np.unique(row, return_index=True)
        counted = tasks.counted_ms
        return cls(
            tasks,
            tasks.task_type[first],
            unit[first],
            cluster[first],
            np.bincount(row).astype(np.int64),
            sums_by(row, tasks.credit_ms, len(first)),
            {percent: sums_by(row, times(counted, percent), len(first)) for percent in FACTORS},
        )

    def drawn(self, random: Random) -> Mask:
        """Half of the units as control: for each row, whether it is."""
        units = int(self.unit.max()) + 1
        control = np.zeros(units, dtype=np.bool_)
        control[random.permutation(units)[: units // 2]] = True
        return control[self.unit]

    def sums(self, control: Mask, percent: int) -> ArmSums:
        same = np.zeros_like(self.task_type)
        return ArmSums(
            authority=same,
            task_type=self.task_type,
            complexity=same,
            role=np.where(control, "control", "treated"),
            cluster=self.cluster,
            baseline=self.task_type,
            n=self.n,
            n_credit=self.n,
            effort_ms=np.where(control, self.effort_ms[100], self.effort_ms[percent]),
            credit_ms=self.credit_ms,
        )

    @property
    def drift(self) -> Floats:
        """D_k of each task type, of all later tasks."""
        kinds = len(self.tasks.names)
        return sums_by(self.task_type, self.effort_ms[100], kinds) / sums_by(self.task_type, self.credit_ms, kinds)


@dataclass
class Found:
    """Of many splits: how often the true saving was covered, by factor and what; estimates and truths of the total, ms."""

    covered: dict[tuple[int, str], Coverage] = field(default_factory=lambda: defaultdict(Coverage))
    sufficient: dict[str, Coverage] = field(default_factory=lambda: defaultdict(Coverage))
    totals: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, split: Splittable, control: Mask, percent: int, result: AdjustedSaving) -> None:
        """One split, with the "AI" half at so many per cent."""
        truth = 0.0
        kinds = []
        for cell in result.cells:
            kind = int(cell.task_type)
            name = split.tasks.names[kind]
            self.sufficient[name].add(cell.saving is not None)
            if cell.saving is not None:
                saved = (1 - percent / 100) * float(split.drift[kind]) * cell.treated.credit_ms
                self.covered[percent, name].add(holds(cell.saving.low_ms, saved, cell.saving.high_ms))
                truth += saved
                kinds.append(kind)
        total = result.adjusted
        if total is not None:
            here = ~control & np.isin(split.task_type, kinds)
            realised = int((split.effort_ms[100] - split.effort_ms[percent])[here].sum())
            self.covered[percent, TOTAL].add(holds(total.low_ms, truth, total.high_ms))
            self.covered[percent, REALISED].add(holds(total.low_ms, realised, total.high_ms))
            self.totals[percent].append((total.saving_ms, truth))


def splits(
    random: Random,
    split: Splittable,
    runs: int,
    asked: Sufficiency,
    tell: Callable[[], None],
    factors: Sequence[int] = FACTORS,
) -> Found:
    """So many splits by lot, each with every factor."""
    found = Found()
    for _ in range(runs):
        control = split.drawn(random)
        for percent in factors:
            found.add(split, control, percent, adjusted_saving(split.sums(control, percent), split.tasks.errors, asked))
        tell()
    return found
