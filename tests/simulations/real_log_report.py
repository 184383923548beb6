"""What is shown of the real log: the placebo, what a cap on raw times does, the unadjusted net, splits by worker."""

from collections.abc import Callable
from typing import Final

import numpy as np

from services.domain.clusters.codes import numbered
from services.domain.effect.adjusted import treated_net
from services.domain.effect.arms import ArmSums
from services.domain.effect.drift import drift_by_authority
from services.domain.effect.sufficiency import Sufficiency
from services.domain.units import hours
from tests.simulations.placebo import FACTORS, REALISED, TOTAL, Random, Splittable, splits, times
from tests.simulations.real_log import LaterTasks, later_workers
from tests.simulations.report import Coverage, Table, Value, holds

CAPS: Final = (15, 30, 60, 120, 240, None)
FEW_WORKERS: Final = Sufficiency(control_tasks=200, clusters=10)
"""The rule asks for 30 clusters in each arm; the log has 53 workers in all."""
FAILS_EVERY, FAILS_TIMES = 50, 30


def placebo(random: Random, tasks: LaterTasks, runs: int, tell: Callable[[], None]) -> list[Table]:
    """Splits by case."""
    split = Splittable.of(tasks, tasks.case)
    found = splits(random, split, runs, Sufficiency(), tell)
    covered = Table(
        f"Placebo: share of {runs:,} splits by case whose interval holds the true saving, %",
        ("", *(f"times {percent / 100:g}" for percent in FACTORS), "sufficient, %"),
    )
    for name in (*tasks.names, TOTAL, REALISED):
        sufficient = found.sufficient[name].percent if name in tasks.names else None
        covered.rows.append((name, *(found.covered[percent, name].percent for percent in FACTORS), sufficient))
    means = Table("Its total, hours, mean over the splits", ("times", "adjusted saving", "true saving"))
    for percent in FACTORS:
        saved, truth = (round(hours(float(part)), 1) for part in np.mean(found.totals[percent], axis=0))
        means.rows.append((f"{percent / 100:g}", saved, truth))
    return [covered, means, unadjusted(random, split, runs), _drifts(split)]


def unadjusted(random: Random, split: Splittable, runs: int) -> Table:
    """The net of the unchanged half, without control."""
    zero, nets = Coverage(), []
    for _ in range(runs):
        net = treated_net(split.sums(split.drawn(random), 100), split.tasks.errors)
        zero.add(holds(net.low_ms, 0, net.high_ms))
        nets.append(net.net_ms)
    table = Table("Unadjusted net of the unchanged half", ("", "value"))
    table.rows = [("holds zero, % of the splits", zero.percent), ("hours, mean", round(hours(float(np.mean(nets))), 1))]
    return table


def _drifts(split: Splittable) -> Table:
    """All later tasks of each type, as control."""
    everything = np.ones(len(split.cluster), dtype=np.bool_)
    sums = split.sums(everything, 100)
    kinds = ArmSums(**{name: getattr(sums, name) for name in sums.__slots__} | {"authority": split.task_type})
    table = Table(
        "Drift of the later tasks against their baselines", ("task type", "tasks", "cases", "d", "low", "high", "alarm")
    )
    for kind, drift in drift_by_authority(kinds, split.tasks.errors).items():
        low, high = (None if end is None else round(end, 3) for end in (drift.low, drift.high))
        tasks = int(split.n[split.task_type == int(kind)].sum())
        row: tuple[Value, ...] = (split.tasks.names[int(kind)], tasks, drift.clusters, round(drift.ratio, 3), low, high)
        table.rows.append((*row, "yes" if drift.alarm else "no"))
    return table


def capped(tasks: LaterTasks) -> Table:
    """What is left of a true effect when raw times are multiplied and then capped: computed of all later tasks, no lot."""
    table = Table(
        "A cap on raw times after the effect: saving that shows, % of the capped effort without AI",
        ("cap, minutes", "capped, %", *(f"times {p / 100:g}" for p in FACTORS if p != 100), "times 0.8, but fails"),
    )
    fails = np.arange(len(tasks.raw_ms)) % FAILS_EVERY == 0
    failing = np.where(fails, tasks.raw_ms * FAILS_TIMES, times(tasks.raw_ms, 80))
    for minutes in CAPS:
        cap = int(tasks.raw_ms.max()) * FAILS_TIMES if minutes is None else minutes * 60_000
        without = int(np.minimum(tasks.raw_ms, cap).sum())
        with_ai = [times(tasks.raw_ms, percent) for percent in FACTORS if percent != 100]
        shown = (round(100 * (1 - int(np.minimum(effort, cap).sum()) / without), 1) for effort in (*with_ai, failing))
        table.rows.append(
            ("none" if minutes is None else minutes, round(100 * float((tasks.raw_ms > cap).mean()), 1), *shown)
        )
    return table


def by_worker(random: Random, tasks: LaterTasks, runs: int, tell: Callable[[], None]) -> Table:
    """Splits by who completed the task, without those that the log does not say it of: clustered by worker, as it has to
    be, and by case, as if the case had been drawn."""
    names = np.array(later_workers())
    known = np.flatnonzero(names != "")
    tasks = LaterTasks(tasks.names, tasks.caps_ms, tasks.means_ms, tasks.errors, *(
        column[known] for column in (tasks.task_type, tasks.case, tasks.raw_ms)))  # fmt: skip
    workers, worker = numbered(names[known])
    right, wrong = (
        splits(random, Splittable.of(tasks, worker, cluster), runs, FEW_WORKERS, tell, (100,))
        for cluster in (worker, tasks.case)
    )
    table = Table(
        f"Splits by worker: zero covered, % of {runs:,} (asked for: {FEW_WORKERS.clusters} clusters in each arm)",
        ("", "clustered by worker", "sufficient, %", "workers", "clustered by case"),
    )
    for kind, name in enumerate(tasks.names):
        clusters = len(np.unique(worker[tasks.task_type == kind]))
        own, others = right.covered[100, name].percent, wrong.covered[100, name].percent
        table.rows.append((name, own, right.sufficient[name].percent, clusters, others))
    own, others = right.covered[100, TOTAL].percent, wrong.covered[100, TOTAL].percent
    table.rows.append((TOTAL, own, None, len(workers), others))
    return table
