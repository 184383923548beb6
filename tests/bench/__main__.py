"""`make bench`: rounds of all contenders in turn; a table of medians and ratios, then the same as JSON."""

import argparse
import json
from dataclasses import asdict
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.bench.harness import Run, run, valid_messages
from tests.bench.steady import steady

_CONTENDERS = ("collector", "batch", "naive", "bare")


def main() -> None:
    """Runs and prints."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=200_000, help="events of the fast contenders")
    arguments.add_argument("--naive-events", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--steady-seconds", type=int, default=30)
    asked = arguments.parse_args()
    console = Console(stderr=True)
    messages = valid_messages(round(asked.events * 1.1))[: asked.events]
    runs: list[Run] = []
    for number in range(asked.rounds):
        for contender in _CONTENDERS:
            share = messages[: asked.naive_events] if contender == "naive" else messages
            runs.append(run(contender, share))
            console.print(
                f"round {number + 1} {contender}: {runs[-1].per_second:,.0f} events/s, {runs[-1].cpu_per_million:.1f} CPU-s/M"
            )
    calm = steady(messages[: 2_000 * asked.steady_seconds])
    _print(runs, console)
    console.print(calm)
    print(json.dumps({"contenders": _medians(runs), "steady": asdict(calm)}))


def _medians(runs: list[Run]) -> dict[str, dict[str, float | None]]:
    result: dict[str, dict[str, float | None]] = {}
    for contender in _CONTENDERS:
        own = [r for r in runs if r.contender == contender]
        ours = [r for r in runs if r.contender == "collector"]
        cost = median(r.cpu_per_million for r in own)
        result[contender] = {
            "events_per_second": median(r.per_second for r in own),
            "cpu_seconds_per_million": cost,
            "own_cpu_seconds_per_million": median(r.own_per_million for r in own),
            "cpu_ratio_to_collector": cost / median(r.cpu_per_million for r in ours),
            "share_of_inserts_below_1000_rows": median(r.small for r in own if r.small is not None)
            if contender == "collector"
            else None,
        }
    return result


def _print(runs: list[Run], console: Console) -> None:
    table = Table(title="Collector and peers, medians; CPU with the ClickHouse endpoint's share")
    for name in ("contender", "events/s", "CPU-s per million", "of it its own", "CPU ratio to the collector"):
        table.add_column(name, justify="left" if name == "contender" else "right")
    for contender, m in _medians(runs).items():
        numbers = (
            m["events_per_second"] or 0,
            m["cpu_seconds_per_million"] or 0,
            m["own_cpu_seconds_per_million"] or 0,
        )
        table.add_row(
            contender,
            f"{numbers[0]:,.0f}",
            f"{numbers[1]:.1f}",
            f"{numbers[2]:.1f}",
            f"{m['cpu_ratio_to_collector']:.2f}",
        )
    console.print(table)


main()
