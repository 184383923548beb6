"""`make simulate`: does an interval hold the truth as often as it says? Tables, or JSON; the seed is printed.

make simulate ARGS='nations --runs 2000 --seed 1'    nations that are made up, with a known saving
make simulate ARGS='placebo --runs 2000 --seed 1'    the real log, split by lot: nothing may be saved
make simulate ARGS='authorities --runs 300'          how many authorities make an honest cell when pooled
make simulate ARGS='balance --seed 20260402'         how often the balance test rejects a true lot
make simulate ARGS='staggered --seed 20260401'       authorities that introduced AI one after the other
"""

import argparse
import json
import random as chance
import sys
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console

from tests.simulations import authorities, balance, coverage, real_log, real_log_report, staggered
from tests.simulations.report import Table


def progress(name: str, steps: int) -> Callable[[], None]:
    """Says on standard error how far it is, twenty times in all."""
    begun, done = time.monotonic(), 0

    def tell() -> None:
        nonlocal done
        done += 1
        if done % max(1, steps // 20) == 0:
            print(f"{name}: {done:,} of {steps:,}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)

    return tell


def nations(seed: int, runs: int) -> list[Table]:
    return coverage.run(np.random.default_rng(seed), runs, progress("nations", runs))


def pooled(seed: int, runs: int) -> list[Table]:
    steps = runs * len(authorities.NUMBERS) * len(authorities.UNEQUAL)
    return authorities.run(np.random.default_rng(seed), runs, progress("authorities", steps))


def lots(seed: int, runs: int) -> list[Table]:
    return balance.run(seed, runs, progress("balance", len(balance.LOTS)))


def introductions(seed: int, runs: int) -> list[Table]:
    return staggered.run(seed, runs, progress("staggered", len(staggered.SIZES) * len(staggered.WORLDS)))


def on_the_real_log(seed: int, runs: int) -> list[Table]:
    if not real_log.LOG.exists():
        raise SystemExit(f"{real_log.LOG} is not there: the placebo needs the real log")
    random, tasks = np.random.default_rng(seed), real_log.later_tasks()
    tables = real_log_report.placebo(random, tasks, runs, progress("placebo", runs))
    by_worker = real_log_report.by_worker(random, tasks, runs, progress("by worker", 2 * runs))
    return [*tables, real_log_report.capped(tasks), by_worker]


SIMULATIONS = {
    "nations": (nations, 2_000),
    "placebo": (on_the_real_log, 2_000),
    "authorities": (pooled, 300),
    "balance": (lots, 2_000),
    "staggered": (introductions, 2_000),
}


def main() -> None:
    """Runs what is asked for, or everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", choices=[*SIMULATIONS, []], help="default: all")
    parser.add_argument("--runs", type=int, help="default: 2,000; 300 of each kind for authorities")
    parser.add_argument("--seed", type=int, default=chance.SystemRandom().randrange(1_000_000))
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", file=sys.stderr)
    found: dict[str, list[Table]] = {}
    for name in asked.which or SIMULATIONS:
        simulation, usual = SIMULATIONS[name]
        found[name] = simulation(asked.seed, asked.runs or usual)
    if asked.json:
        print(
            json.dumps({"seed": asked.seed} | {name: [t.as_json() for t in tables] for name, tables in found.items()})
        )
    else:
        console = Console()
        console.print(f"seed {asked.seed}")
        for table in (table for tables in found.values() for table in tables):
            table.show(console)


if __name__ == "__main__":
    main()
