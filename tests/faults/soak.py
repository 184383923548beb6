"""`python -m tests.faults.soak --minutes 60`: all faults at random under load, and a reader that polls all through it.

It prints its seed. Afterwards nothing may be lost, doubled or wrong; every polled total is the model's fold of exactly the
coordinates that were visible in the same query. The report is JSON on standard output, progress goes to standard error.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from threading import Event, Thread
from typing import Any

from contracts import topics
from services.baselines.kafka import RegistryKafka
from tests.faults.polls import Polls
from tests.faults.random_faults import STEADY, Mischief
from tests.faults.scenario import Scenario
from tests.faults.verdict import Verdict, read_back, verdict
from tests.faults.world import World, until
from tests.reference.registry import Registry

RECOVERY_SECONDS = 180.0
JUDGED_TOGETHER = 3
"""Authorities: some questions read all that is stored, and what is held of the answers is 1 GB for each million events."""


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def resident_mib(pid: int) -> float:
    """Resident memory of a process, MiB; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


class Soak:
    """One run."""

    def __init__(self, world: World, seed: int, events: int, minutes: float) -> None:
        self.seconds = minutes * 60
        self.chance = random.Random(seed)
        few = max(2_000, events // 200)
        self.main = Scenario(world, "soak", world.new_authorities(8, 2), events, seed, self._rate(events))
        self.watched = Scenario(world, "watched", world.new_authorities(1, 2), few, seed + 1, self._rate(few))
        self.world = world
        self.mischief = Mischief(world, self.chance, cvrs=[*self.watched.cvrs, *self.main.cvrs])
        self.polls = Polls(world, self.watched.cvrs[0])
        self.recovered: dict[str, list[float]] = defaultdict(list)
        self.memory: list[tuple[float, float]] = []
        self._over = Event()

    def _rate(self, events: int) -> int:
        """Events a second, so that all are sent when nine tenths of the time are over."""
        return int(events / (self.seconds * 0.9)) + 1

    def run(self) -> dict[str, Any]:
        """Loads, breaks, mends, and judges."""
        self.mischief.begin()
        begun = time.monotonic()
        self.main.send()
        self.watched.send()
        watcher = Thread(target=self._watch, args=(begun,), daemon=True)
        watcher.start()
        while time.monotonic() - begun < self.seconds:
            self._one_fault(begun)
        say("no more faults: all that was sent is to be stored")
        self.main.sent()
        self.watched.sent()
        for scenario in (self.main, self.watched):
            ends = scenario.ends()
            until(lambda scenario=scenario, ends=ends: scenario.reached(ends), 600, "everything stored", 1.0)  # type: ignore[misc]
        self._over.set()
        watcher.join()
        return self._judge(time.monotonic() - begun)

    def _one_fault(self, begun: float) -> None:
        name, fault = self.chance.choice(sorted(self.mischief.all.items()))
        fault()
        ended = time.monotonic()
        ends = self.main.ends()
        until(lambda: self.main.reached(ends), RECOVERY_SECONDS, f"recovery from: {name}", 0.5)
        self.recovered[name].append(time.monotonic() - ended)
        say(
            f"{ended - begun:6.0f} s  {name}: recovered in {self.recovered[name][-1]:.1f} s, {sum(ends.values())} events"
        )
        time.sleep(self.chance.uniform(0, 4))

    def _watch(self, begun: float) -> None:
        while not self._over.wait(10):
            self.memory.append((time.monotonic() - begun, resident_mib(self.world.collectors[STEADY].pid)))
            self.polls.poll()

    def _judge(self, seconds: float) -> dict[str, Any]:
        say("restating, then comparing everything with the reference model")
        cvrs = [*self.watched.cvrs, *self.main.cvrs]
        self.world.restate(cvrs)
        registry = Registry(RegistryKafka(self.world.kafka).told())
        checked, wrong_polls = self.polls.wrong(read_back(self.world, self.watched.cvrs, self.watched.ends()), registry)
        ends = {**self.main.ends(), **self.watched.ends()}
        verdicts: list[Verdict] = []
        for first in range(0, len(cvrs), JUDGED_TOGETHER):
            some = cvrs[first : first + JUDGED_TOGETHER]
            own = {place: end for place, end in ends.items() if topics.authority_of(place[0]) in some}
            verdicts.append(verdict(self.world, some, own))
            say(f"{', '.join(some)}: {verdicts[-1]}")
        stale = self.world.rows("SELECT count() FROM stale_measurements WHERE authority IN {a:Array(String)}", a=cvrs)[
            0
        ][0]
        return {
            "seconds": round(seconds),
            "events": sum(v.records for v in verdicts),
            "lost": sum(v.lost for v in verdicts),
            "doubled": sum(v.doubled for v in verdicts),
            "wrong": sum(sum(v.wrong.values()) for v in verdicts),
            "not_reconciled": [v.reconciled for v in verdicts if v.reconciled],
            "stale_measurements": stale,
            "polls": checked,
            "wrong_polls": wrong_polls,
            "examples": [line for v in verdicts for line in v.examples][:20],
            "faults": {
                name: {"times": len(t), "median_s": round(statistics.median(t), 1), "worst_s": round(max(t), 1)}
                for name, t in sorted(self.recovered.items())
            },
            "collector_resident_mib": self._memory(),
        }

    def _memory(self) -> list[dict[str, float]]:
        """Least, median and most of the steady collector, for each sixth of the run."""
        sixth = max(1, len(self.memory) // 6)
        found = []
        for first in range(0, len(self.memory) - sixth + 1, sixth):
            sizes = [size for _, size in self.memory[first : first + sixth]]
            figures = {"least": min(sizes), "median": statistics.median(sizes), "most": max(sizes)}
            found.append({"from_s": self.memory[first][0], **figures})
        return [{name: round(value) for name, value in each.items()} for each in found]


def main() -> int:
    """Runs it; 0 only when all is right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--events", type=int, default=0, help="default: 1,400 a second")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--keep", type=Path, help="folder for data and logs, kept afterwards")
    given = parser.parse_args()
    events = given.events or int(given.minutes * 60 * 1_400)
    say(f"seed {given.seed}: {events} events in {given.minutes:g} minutes")
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        with World(folder, nodes=3) as world:
            report = {"seed": given.seed, **Soak(world, given.seed, events, given.minutes).run()}
    print(json.dumps(report, indent=1))
    wrong = report["lost"] or report["doubled"] or report["wrong"] or report["wrong_polls"] or report["not_reconciled"]
    return 1 if wrong or report["stale_measurements"] else 0


if __name__ == "__main__":
    sys.exit(main())
