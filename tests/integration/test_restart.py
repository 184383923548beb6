"""A second start on the same folder goes on: the same totals, a new log number, the registry published again."""

from collections.abc import Callable
from typing import Any

from services.cli.demo import case_systems
from services.cli.producer import Sender
from tests.integration.conftest import AUTHORITY, Running
from tests.integration.test_outages import to_two_authorities

_TOTALS = "SELECT authority, count(), sum(saved_ms) FROM task_measurements GROUP BY authority ORDER BY authority"


def _send(running: Running, seed: int) -> None:
    with Sender(running.stack.kafka_settings()) as sender:
        for message in to_two_authorities(case_systems.messages(3_000, seed, case_systems.Sent())):
            sender.send(*message)
    assert running.stack.drain()


def test_a_second_start_goes_on(start_stack: Callable[..., Running]) -> None:
    first = start_stack()
    _send(first, 1)
    totals = first.rows(_TOTALS)
    records = first.value("SELECT count() FROM dispositions")
    assert totals
    first.stack.stop()

    second = start_stack()
    assert second.rows(_TOTALS) == totals
    logs: list[tuple[Any, ...]] = second.rows(
        "SELECT log_no FROM logs WHERE topic LIKE {name:String} ORDER BY 1", name=f"%{AUTHORITY}"
    )
    assert logs == [(1,), (2,)]
    # The embedded broker forgot its log; what comes now is measured against the baselines that were published again.
    _send(second, 1)
    assert second.rows(_TOTALS) == totals
    assert second.value("SELECT count() FROM dispositions") == 2 * records
    _send(second, 2)
    assert second.value("SELECT countIf(status = 'measured' AND log_no = 2) FROM task_measurements") > 0


def test_a_collector_that_starts_again_on_the_same_log_halts_nothing(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    _send(running, 1)
    totals = running.rows(_TOTALS)
    running.stack.collector_processes[0].stop()
    running.stack.collector_processes.clear()
    running.stack.metrics.clear()
    collector = running.stack.start_collector(1)  # ready: no partition is halted
    _send(running, 2)
    assert running.value("SELECT count() FROM task_measurements WHERE offset > 0") > 0
    assert len(running.rows(_TOTALS)) == len(totals)
    assert collector.exit_code is None
