"""The brake on a real stack: a flood stops its partition and no other, no restart leaks, and a mended collector goes on."""

from collections.abc import Callable
from urllib.request import urlopen

import pytest

from contracts import topics
from tests.integration.conftest import AUTHORITY, OTHER, Running, on_kafka
from tests.integration.flood import dead_letters, event, launch, problems, send, until

RUN = 50
GOOD, FLOOD = 200, 400
_STATES = "SELECT authority, count() FROM task_measurements GROUP BY authority ORDER BY authority"
_HELD = "SELECT count(), countIf(accepted = 0), max(offset) FROM dispositions WHERE topic = {topic:String}"


def stream(authority: str, **fault: object) -> list[tuple[str, bytes, bytes]]:
    """Good ones, then a flood that begins with a handful whose fault is another, then good ones."""
    good = [event(authority, f"t-{number}") for number in range(GOOD)]
    handful = [event(authority, f"h-{number}", active_ms=-1) for number in range(5)]
    flood = [event(authority, f"f-{number}", **fault) for number in range(5, FLOOD)]
    return [*good, *handful, *flood, *(event(authority, f"u-{number}") for number in range(GOOD))]


def held(running: Running) -> tuple[int, ...]:
    """Records of the flooded topic, how many are rejected, and the last offset."""
    return running.rows(_HELD, topic=topics.tasks_topic(AUTHORITY))[0]


@on_kafka  # what the collector does then is the same on both
@pytest.mark.timeout(300)
def test_a_flood_stops_its_partition_and_no_other(start_stack: Callable[..., Running]) -> None:
    running = start_stack(environment={"FRIGJORT_COLLECTOR_BRAKE_RUN_RECORDS": str(RUN)})
    url = running.stack.metrics[0]
    assert problems(url) == []
    send(running, [*stream(AUTHORITY, unknown=1), *(event(OTHER, f"t-{number}") for number in range(300))])
    until(lambda: problems(url))
    (problem,) = problems(url)
    assert f"{topics.tasks_topic(AUTHORITY)}/0 is halted" in problem
    assert f"{RUN} records in a row" in problem
    assert f"unknown_field at data.* ({RUN - 5} times" in problem
    assert "remove the field" in problem
    until(lambda: running.rows(_STATES) == [(AUTHORITY, GOOD), (OTHER, 300)])
    stored = (GOOD + RUN - 1, RUN - 1, GOOD + RUN - 2)
    assert held(running) == stored
    until(
        lambda: 'frigjort_collector_brake_engaged{partition="0",topic="frigjort.tasks.v1.10000009"} 1.0' in metrics(url)
    )
    send(running, [event(OTHER, f"v-{number}") for number in range(100)])
    until(lambda: running.rows(_STATES)[1] == (OTHER, 400))

    _restart_and_kill(running)
    assert held(running) == stored
    assert len(dead_letters(running)) == RUN - 1

    _, url = launch(running, 5, FRIGJORT_COLLECTOR_BRAKE_RUN_RECORDS="0")
    until(lambda: problems(url) == [])
    assert running.stack.drain(60)
    assert problems(url) == []
    assert held(running) == (2 * GOOD + FLOOD, FLOOD, 2 * GOOD + FLOOD - 1)
    assert running.rows(_STATES) == [(AUTHORITY, 2 * GOOD), (OTHER, 400)]
    letters = dead_letters(running)
    assert len(letters) == len(set(letters)) == FLOOD
    assert "frigjort_collector_brake_engaged{" not in metrics(url)


def _halted(url: str) -> bool:
    return any("is halted" in problem for problem in problems(url))


def _restart_and_kill(running: Running) -> None:
    """A collector that ends in order, one that is killed, a second one that joins: none lets one rejection more through."""
    for number in (1, 2):
        child, url = launch(running, number)
        until(lambda url=url: _halted(url))
        if number == 2:
            child.kill()
            running.stack.collector_processes.clear()
    _, first = launch(running, 3)
    until(lambda: _halted(first))
    _, second = running.stack.launch_collector(4)  # each gets one of the two partitions
    until(
        lambda: sorted((_halted(url), problems(url) == []) for url in (first, second)) == [(False, True), (True, False)]
    )


@on_kafka  # what the collector does then is the same on both
@pytest.mark.timeout(300)
def test_with_corrected_rules_it_goes_on_by_itself(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    _, url = launch(running, 1, "tests.integration.yesterday", FRIGJORT_COLLECTOR_BRAKE_RUN_RECORDS=str(RUN))
    send(running, stream(AUTHORITY, complexity="high"))
    until(lambda: problems(url) and "invalid_value at data.complexity" in problems(url)[0])
    assert held(running)[:2] == (GOOD + RUN - 1, RUN - 1)
    _, url = launch(running, 2)
    until(lambda: problems(url) == [])
    assert running.stack.drain(60)
    assert problems(url) == []
    # What yesterday's rules rejected stays so until it is redriven; the rest of the flood is accepted where it stands.
    assert held(running) == (2 * GOOD + FLOOD, RUN - 1, 2 * GOOD + FLOOD - 1)
    assert running.rows(_STATES) == [(AUTHORITY, 2 * GOOD + FLOOD - RUN + 1)]


def metrics(url: str) -> str:
    with urlopen(f"{url}/metrics", timeout=5) as response:
        return str(response.read().decode())
