"""A nation of many measurements, made in ClickHouse from a seeded recipe: how long rollups, figures and every query of the dashboards
take. `python -m tests.bench.scale --tasks 10000000`."""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import monotonic, sleep
from typing import Any

import psutil
from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from services.cli.demo import case_systems, offices
from services.cli.stack import Stack
from services.domain.rollups.rolling import rolled
from services.domain.rollups.tables import Unit
from services.progress.figures.clickhouse import FigureStore
from services.progress.figures.flags import count_flags
from services.progress.figures.publishing import Figures
from services.progress.figures.scenarios import publish_scenarios
from services.progress.rollups.clickhouse import RollupStore
from services.progress.rollups.publishing import Rollups
from services.reports.clickhouse import ReportStore
from services.reports.progress import progress
from services.runtime.clickhouse import connect
from services.runtime.clock import now_ms

DASHBOARDS = Path(__file__).parents[2] / "deploy/grafana/dashboards/en"
CHUNK = 2_000_000
DAYS = 730
REPEATS = 15
UNITS = 200
NOTHING = {f"FRIGJORT_PROGRESS_{what}_INTERVAL_SECONDS": "0" for what in ("ROLLUP", "FIGURE", "SEAL")}
INSERT = """
INSERT INTO measurements (authority, task, revision, kind, log_no, partition, offset, rules, generation, broker_time, day, started_at,
    completed_at, task_type, complexity, time_basis, assistance, assignment, arm, origin, outcome, work, audience, cluster, cluster_kind,
    active_ms, review_ms, rework_ms, status, counted_active_ms, effort_ms, credit_ms, saved_ms, baseline, baseline_version,
    baseline_level, grade)
WITH
    (salt -> cityHash64(number, salt, {seed:UInt32}) / 18446744073709551616.) AS chance,
    (salt -> cityHash64(intDiv(number, 3), salt, {seed:UInt32}) / 18446744073709551616.) AS of_case,
    {authorities:Array(String)}[1 + toUInt32(length({authorities:Array(String)}) * pow(of_case(1), 2))] AS whose,
    1 + toUInt32(7.999 * pow(chance(2), 0.97)) AS k,
    toUInt32(least(toFloat64({days:UInt32} - 1), floor({days:UInt32} * of_case(3) + 20 * chance(4)))) AS past,
    today() - past AS completed_day,
    chance(5) < 0.05 AS held_out,
    NOT held_out AND chance(6) < 0.15 + 0.6 * (1 - past / {days:UInt32}) AS with_ai,
    {means:Array(Float64)}[k] AS mean,
    {effects:Array(Float64)}[k] AS effect,
    sqrt(-2 * log(chance(7) + 1e-12)) * cos(2 * pi() * chance(8)) AS noise,
    toInt64(mean * exp(0.7 * noise - 0.245) * if(with_ai, effect, 1)) AS all_ms,
    if(with_ai, intDiv(all_ms, 12), 0) AS checked_ms,
    if(chance(9) < 0.04, 300000, 0) AS redone_ms,
    chance(10) < 0.01 AS given_up,
    k = 8 AS without_baseline
SELECT whose, concat('t-', toString(number)), 1, 1, 1, 0, number, 1, {generation:UInt64},
    toDateTime64(completed_day, 3, 'UTC') + 43200, completed_day, toDateTime64(completed_day, 3, 'UTC') + 36000,
    toDateTime64(completed_day, 3, 'UTC') + 43200, {types:Array(String)}[k], {complexities:Array(String)}[k], 'measured',
    if(with_ai, ['draft', 'suggestion', 'decision_support'][1 + number % 3], 'none'), if(held_out, 'random', 'eligible'),
    if(held_out, 'control', ''), 'pre_existing', if(given_up, 'abandoned', 'completed'),
    if(number % 3 = 0, 'administrative', 'core'), ['citizen', 'business', 'internal'][1 + number % 3],
    concat('c-', toString(intDiv(number, 3))), 'case', all_ms - checked_ms, checked_ms, redone_ms,
    if(without_baseline, 'unmeasured', 'measured'), all_ms - checked_ms, all_ms + redone_ms,
    if(without_baseline OR given_up, NULL, toInt64(mean)),
    if(without_baseline, NULL, if(given_up, 0, toInt64(mean)) - all_ms - redone_ms),
    if(without_baseline, '', {names:Array(String)}[k]), if(without_baseline, 0, 1), if(without_baseline, '', 'nation'),
    if(without_baseline, '', 'C')
FROM numbers({first:UInt64}, {count:UInt64})
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of several runs."""

    name: str
    seconds: list[float]

    def cells(self) -> tuple[str, str, str]:
        """Name, median and 95th percentile in milliseconds."""
        p95 = quantiles(self.seconds, n=20, method="inclusive")[-1] if len(self.seconds) > 1 else self.seconds[0]
        return self.name, f"{1000 * median(self.seconds):,.0f}", f"{1000 * p95:,.0f}"


@contextmanager
def nation(tasks: int, seed: int) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="frigjort-scale-") as folder:
        stack = Stack(Path(folder), collectors=0, prepare=_register, environment=NOTHING)
        try:
            stack.start()
            client = connect(stack.clickhouse_settings())
            for first in range(0, tasks, CHUNK):
                _insert(client, first, min(CHUNK, tasks - first), seed)
                print(f"\r{min(first + CHUNK, tasks):,} of {tasks:,} measurements", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            yield stack
        finally:
            stack.stop()


def _register(registry: Any) -> None:
    now = datetime.now(UTC)
    registry.add_authorities(
        [{"authority": a.cvr, "name": a.name, "sector": a.sector} for a in case_systems.authorities()], now
    )
    offices.publish(registry, case_systems.baselines(), now)


def _insert(client: Client, first: int, count: int, seed: int) -> None:
    kinds = [*case_systems.KINDS, case_systems.UNMEASURED_KIND]
    ((generation,),) = client.query(
        "SELECT greatest((SELECT max(generation) FROM baseline_versions), (SELECT max(generation) FROM authority_versions))"
    ).result_rows
    client.command(
        INSERT,
        parameters={
            "seed": seed,
            "first": first,
            "count": count,
            "days": DAYS,
            "generation": generation,
            "authorities": [authority.cvr for authority in case_systems.authorities()],
            "means": [kind.mean_minutes * 60_000 for kind in kinds],
            "effects": [kind.with_ai for kind in kinds],
            "types": [kind.task_type for kind in kinds],
            "complexities": [kind.complexity for kind in kinds],
            "names": [f"nation/{kind.task_type.partition(':')[2]}/{kind.complexity}" for kind in kinds],
        },
    )


def measured(stack: Stack, seed: int) -> dict[str, Any]:
    """Everything that is asked for, in order."""
    settings = stack.clickhouse_settings().model_copy(update={"timeout_seconds": 3_600.0})
    client = connect(settings)
    store = RollupStore(client)
    rollups = Rollups(store, 1, now_ms)
    found: dict[str, Any] = {}
    found["first_sweep_seconds"], done = _timed(rollups.sweep)
    found["units"] = done.published
    _settle(client)
    found["sweep"] = Timing("sweep of all units, nothing changed", [_timed(rollups.sweep)[0] for _ in range(3)])
    found["units_copied"], found["largest"] = _units(store, seed)
    sleep(2.2)
    figures = Figures(FigureStore(client))
    found["figures_seconds"], found["figures"] = _timed(figures.look)
    found["memory_mib"] = psutil.Process().memory_info().rss / 2**20
    publish_scenarios(client, figures.at_ms)
    found["flags_seconds"], _ = _timed(lambda: count_flags(client))
    found["tables"] = client.query(
        "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'frigjort' "
        "AND table IN ('measurements', 'progress_daily', 'progress_clusters', 'figures') GROUP BY table ORDER BY table"
    ).result_rows
    found["queries"] = list(_queries(stack))
    return found


def _settle(client: Client) -> None:
    """Merges are over, or have had ten minutes."""
    for _ in range(600):
        if client.query("SELECT count() FROM system.merges").result_rows == [(0,)]:
            return
        sleep(1)


def _units(store: RollupStore, seed: int) -> tuple[Timing, Timing]:
    """Units drawn at random, and those of the largest authority, copied and computed."""
    rows = store.rows("SELECT toString(authority), day, n FROM current_heads ORDER BY authority, day")
    sizes: dict[str, int] = {}
    for authority, _, n in rows:
        sizes[authority] = sizes.get(authority, 0) + n
    largest = max(sizes, key=lambda authority: sizes[authority])
    chance = Random(seed)
    some = chance.sample(rows, min(UNITS, len(rows)))
    of_largest = chance.sample([row for row in rows if row[0] == largest], 50)
    return (
        Timing("a unit, copied and computed", [_unit(store, row) for row in some]),
        Timing(
            f"a unit of the largest authority ({sizes[largest]:,} tasks)", [_unit(store, row) for row in of_largest]
        ),
    )


def _unit(store: RollupStore, row: tuple[Any, ...]) -> float:
    unit = Unit(row[0], row[1])
    return _timed(lambda: rolled(store.copy([unit]), [unit]))[0]


def _queries(stack: Stack) -> Iterator[Timing]:
    """Every statement of every dashboard, as the auditor."""
    keys = json.loads((stack.data / "stack.json").read_text())["auditor"]
    login = {"user": keys["user"], "password": keys["password"], "timeout_seconds": 600.0}
    auditor = connect(type(stack.clickhouse_settings())(url=stack.clickhouse_settings().url, **login))
    largest = case_systems.authorities()[0].cvr
    for file in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                if "rawSql" in target:
                    sql = re.sub(r"\$__dateFilter\((\w+)\)", r"\1 >= today() - 730 AND \1 <= today()", target["rawSql"])
                    sql = sql.replace("${authority}", largest)
                    times = [_timed(lambda sql=sql: auditor.query(sql))[0] for _ in range(REPEATS)]
                    yield Timing(f"{file.stem.removeprefix('frigjort-')}: {panel['title']}", times)
    reports = ReportStore(auditor)
    yield Timing("report progress", [_timed(lambda: progress(reports, datetime.now(UTC)))[0] for _ in range(REPEATS)])


def _timed(work: Any) -> tuple[float, Any]:
    begun = monotonic()
    result = work()
    return monotonic() - begun, result


def _show(tasks: int, found: dict[str, Any]) -> None:
    console = Console(width=110)
    console.print(
        f"{tasks:,} measurements; {found['units']:,} units published for the first time in {found['first_sweep_seconds']:.0f} s; "
        f"{found['figures']:,} figures in {found['figures_seconds']:.1f} s, {found['memory_mib']:,.0f} MiB; "
        f"flags counted in {found['flags_seconds']:.1f} s"
    )
    for table, rows, size in found["tables"]:
        console.print(f"{table}: {rows:,} rows, {size / rows:.1f} bytes a row, {size / tasks:.1f} a task")
    shown = Table("what", "median, ms", "95th percentile, ms")
    slowest = sorted(found["queries"], key=lambda timing: -median(timing.seconds))
    for timing in (found["sweep"], found["units_copied"], found["largest"], *slowest):
        shown.add_row(*timing.cells())
    console.print(shown)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tasks", type=int, default=10_000_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with nation(given.tasks, given.seed) as running:
        _show(given.tasks, measured(running, given.seed))
