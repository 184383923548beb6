"""Collectors that die, freeze, come and go: whoever comes next goes on, and nothing shows it."""

import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from services.runtime.processes import Child
from tests.faults.collector import STEPS
from tests.faults.scenario import Scenarios
from tests.faults.world import World, until


def has_ended(child: Child) -> bool:
    return child.exit_code is not None


@pytest.mark.parametrize("step", STEPS)
def test_kill_9_at_every_step_of_the_path(scenario: Scenarios, step: str) -> None:
    with scenario(f"kill -9 before and after {step}", 4_000) as running:
        running.send()
        for moment in ("before", "after"):
            doomed = running.world.collector(
                f"doomed-{moment}", wait=False, FAULT_KILL=f"{moment}:{step}:2", COLLECTOR_FLUSH_ROWS="400"
            )
            until(partial(has_ended, doomed), 60, "death")
            assert doomed.exit_code == -signal.SIGKILL
        died = time.monotonic()
        running.world.collector("heir")
        running.over(times=2, since=died)


def test_a_frozen_collector_wakes_up_when_another_has_taken_over(scenario: Scenarios) -> None:
    with scenario("SIGSTOP beyond the session timeout, SIGCONT", 20_000, rate=1_500) as running:
        world = running.world
        zombie = world.collector("zombie", COLLECTOR_FLUSH_ROWS="200")
        running.send()
        for _ in range(2):
            running.has_stored(0.1)
            zombie.send_signal(signal.SIGSTOP)
            world.collector("second")
            time.sleep(2)
            zombie.send_signal(signal.SIGCONT)
            running.over()
            world.collectors["second"].stop()


def test_three_collectors_come_and_go_at_random(scenario: Scenarios) -> None:
    chance = random.Random(3)
    with scenario("three collectors started and ended at random", 24_000, authorities=4, rate=1_000) as running:
        world = running.world
        running.send()
        for round_number in range(9):
            name = f"c{round_number % 3}"
            if name in world.collectors:
                if chance.random() < 0.5:
                    world.collectors[name].kill()
                else:
                    world.collectors[name].stop()
            world.collector(name, wait=False, COLLECTOR_FLUSH_ROWS="500")
            time.sleep(chance.uniform(0.5, 3))
            running.times += 1
        running.over(times=0)


def test_the_wall_clock_jumps(scenario: Scenarios) -> None:
    with scenario("clock jumps of an hour and a day", 24_000, rate=1_200) as running:
        running.world.collector("hour", FAULT_CLOCK="3600")
        running.world.collector("day", FAULT_CLOCK="86400")
        running.send()
        running.sent()
        running.over(times=4)


def test_a_baseline_is_published_between_a_crash_and_the_replay(scenario: Scenarios) -> None:
    with scenario("baselines published between crash and replay", 8_000) as running:
        world = running.world
        running.send()
        for percent in (90, 110):
            doomed = world.collector(
                f"doomed-{percent}", wait=False, FAULT_KILL="before:commit:2", COLLECTOR_FLUSH_ROWS="500"
            )
            until(partial(has_ended, doomed), 60, "death")
            world.publish(percent)
        died = time.monotonic()
        world.collector("heir")
        running.over(times=2, since=died)
        running.sent()
        running.over(times=0)
        world.restate(running.cvrs)


@pytest.fixture
def new_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """One in which nothing was sent yet: a new group reads every log from its beginning."""
    request.getfixturevalue("kafka_jars")
    with World(tmp_path) as started:
        yield started


def test_two_versions_side_by_side_on_the_same_partitions(scenario: Scenarios, new_world: World) -> None:
    with scenario("two versions read the same partitions", 20_000, among=new_world) as running:
        world = running.world
        world.collector("second", FAULT_RULES="2", COLLECTOR_GROUP_ID="second-version")
        world.collector("third", FAULT_RULES="3", COLLECTOR_GROUP_ID="third-version")
        running.send()
        running.sent()
        running.over(times=1)
        until(lambda: world.lag("second") + world.lag("third") == 0, 60, "both at the end")


def test_a_restatement_races_corrections(scenario: Scenarios) -> None:
    with scenario("restatement races corrections", 20_000, rate=2_000) as running:
        world = running.world
        world.collector("a", COLLECTOR_FLUSH_ROWS="500")
        world.collector("b", COLLECTOR_FLUSH_ROWS="500")
        running.send()
        for number, percent in enumerate((95, 105, 100)):
            running.has_stored(0.2 + 0.2 * number)
            world.publish(percent)
            world.restate(running.cvrs)
            running.times += 1
        running.sent()
        running.over(times=0)
        world.restate(running.cvrs)
        stale = "SELECT count() FROM stale_measurements WHERE authority IN {a:Array(String)}"
        assert world.rows(stale, a=list(running.cvrs)) == [(0,)]
