"""From a copy of the tasks of some units to their rows, runs and digests. Pure: a unit comes out the same whatever stands beside
it in the copy, and in whatever order.

    run = Σ mark of its tasks, modulo 2^64                mark = sipHash64(task, version), and version determines content
    effort = active + review + rework of tasks with a credit + effort of the abandoned, escalated, induced      where measured
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.domain.arrays import Integers, Mask
from services.domain.rollups.tables import CLUSTERS, DAILY, Layout, Rows, Unit, digest, rows_of
from services.domain.tables import equals, integers, roles

_UNIT: Final = ("authority", "day")
_BLANK: Final = " "


@dataclass(frozen=True, slots=True)
class Rolled:
    """A unit as its copy has it: `n` tasks under `run`, the rows of both tables with their unit and run, and their digest."""

    unit: Unit
    run: int
    n: int
    daily: pa.Table
    clusters: pa.Table
    rows: bytes


def rolled(tasks: pa.Table, units: Collection[Unit]) -> list[Rolled]:
    """Each of these units, in order, from the rows of the view `unit_tasks`. A unit without tasks is empty: run 0, no rows.
    Raises `ValueError` for tasks of other units."""
    runs = _runs(tasks)
    if foreign := runs.keys() - set(units):
        raise ValueError(f"tasks of units that were not asked for: {sorted(foreign)[:3]}")
    parts = _with_parts(tasks)
    measured = equals(parts, "status", "measured") & ~equals(parts, "role", "comparison")
    daily = _by_unit(DAILY, _summed(DAILY, parts), runs)
    clusters = _by_unit(CLUSTERS, _summed(CLUSTERS, _by_cluster(parts.filter(pa.array(measured)))), runs)
    found = []
    for unit in sorted(units):
        run, n = runs.get(unit, (0, 0))
        days, days_rows = daily.get(unit) or _nothing(DAILY)
        sums, sums_rows = clusters.get(unit) or _nothing(CLUSTERS)
        found.append(Rolled(unit, run, n, days, sums, digest(unit, run, days_rows, sums_rows)))
    return found


def _runs(tasks: pa.Table) -> dict[Unit, tuple[int, int]]:
    """Run and number of tasks of each unit."""
    sums = tasks.group_by(_UNIT, use_threads=False).aggregate([("mark", "sum"), ("mark", "count")])
    columns = [sums.column(name).to_pylist() for name in (*_UNIT, "mark_sum", "mark_count")]
    return {Unit(authority, day): (run, n) for authority, day, run, n in zip(*columns, strict=True)}


def _with_parts(tasks: pa.Table) -> pa.Table:
    """The tasks with every amount of both layouts, and their role."""
    credit, credited = integers(tasks, "credit_ms")
    effort, active = integers(tasks, "effort_ms")[0], integers(tasks, "counted_active_ms")[0]
    review, rework = integers(tasks, "review_ms")[0], integers(tasks, "rework_ms")[0]
    uncredited = equals(tasks, "status", "measured") & ~credited
    causes = {
        "abandoned": uncredited & equals(tasks, "outcome", "abandoned"),
        "escalated": uncredited & equals(tasks, "outcome", "escalated"),
        "induced": uncredited & equals(tasks, "outcome", "completed"),
    }
    amounts: dict[str, Integers | Mask] = {
        "n": np.ones(tasks.num_rows, dtype=np.int64),
        "n_credit": credited,
        "n_capped": integers(tasks, "capped")[0] > 0,
        "n_reworked": rework > 0,
        **{f"n_{cause}": where for cause, where in causes.items()},
        "effort_ms": effort,
        "credit_ms": credit,
        "saved_ms": integers(tasks, "saved_ms")[0],
        "gross_ms": np.where(credited, credit - active, 0),
        "active_ms": np.where(credited, active, 0),
        "review_ms": np.where(credited, review, 0),
        "rework_ms": np.where(credited, rework, 0),
        **{f"{cause}_ms": np.where(where, effort, 0) for cause, where in causes.items()},
    }
    summed = {name: pa.array(values.astype(np.int64)) for name, values in amounts.items()}
    kept = {name: tasks.column(name) for name in (*_UNIT, *DAILY.keys, "cluster", "study", "task")}
    return pa.table({**kept, **summed, "role": roles(tasks), "credited": pa.array(credited)})


def _by_cluster(parts: pa.Table) -> pa.Table:
    """A task without a cluster is its own, with a blank before its name; a task without a credit has no baseline."""
    cluster, credited = parts.column("cluster"), parts.column("credited")
    own = pc.binary_join_element_wise("", parts.column("task"), _BLANK)
    replaced = {
        "cluster": pc.if_else(pc.equal(cluster, ""), own, cluster),
        "baseline": pc.if_else(credited, parts.column("baseline"), ""),
        "baseline_version": pc.if_else(credited, parts.column("baseline_version"), pa.scalar(0, pa.uint32())),
    }
    return pa.table({name: replaced.get(name, parts.column(name)) for name in parts.column_names})


def _summed(layout: Layout, parts: pa.Table) -> pa.Table:
    """The amounts by unit and keys, in order of them."""
    keys = [*_UNIT, *layout.keys, *layout.follows]
    sums = parts.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in layout.amounts])
    columns = {name: sums.column(name) for name in keys} | {n: sums.column(f"{n}_sum") for n in layout.amounts}
    return pa.table(columns).sort_by([(name, "ascending") for name in keys])


def _by_unit(layout: Layout, sums: pa.Table, runs: Mapping[Unit, tuple[int, int]]) -> dict[Unit, tuple[pa.Table, Rows]]:
    """The rows of each unit as they are stored, and for the digest; `sums` is in order of units."""
    columns = [sums.column(name).to_pylist() for name in _UNIT]
    units = list(map(Unit, *columns))
    run = pa.array([runs[unit][0] for unit in units], pa.uint64())
    stored = {"authority": sums.column("authority"), "day": sums.column("day"), "run": run}
    stored |= {name: sums.column(name).cast(_type_of(name)) for name in layout.columns}
    table, rows = pa.table(stored), rows_of(layout, sums)
    first: dict[Unit, int] = {}
    for place, unit in enumerate(units):
        first.setdefault(unit, place)
    bounds = [*first.values(), sums.num_rows]
    return {
        unit: (table.slice(begin, end - begin), rows[begin:end])
        for unit, (begin, end) in zip(first, pairwise(bounds), strict=True)
    }


def _type_of(name: str) -> pa.DataType:
    if name == "baseline_version":
        return pa.uint32()
    return pa.int64() if name.endswith("_ms") else pa.uint64() if name.startswith("n") else pa.string()


@cache
def _nothing(layout: Layout) -> tuple[pa.Table, Rows]:
    """The rows of a unit without any."""
    kinds = {"authority": pa.string(), "day": pa.date32(), "run": pa.uint64()}
    return pa.schema({**kinds, **{name: _type_of(name) for name in layout.columns}}).empty_table(), ()


def batches(sizes: Mapping[Unit, int], most_units: int, most_tasks: int) -> Iterator[Sequence[Unit]]:
    """The units in order, in batches of at most so many units and tasks; a larger unit is a batch of its own."""
    batch: list[Unit] = []
    tasks = 0
    for unit in sorted(sizes):
        if batch and (len(batch) == most_units or tasks + sizes[unit] > most_tasks):
            yield batch
            batch, tasks = [], 0
        batch.append(unit)
        tasks += sizes[unit]
    if batch:
        yield batch
