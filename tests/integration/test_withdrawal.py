"""A baseline is withdrawn while collectors run: what comes afterwards is measured without it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic, sleep
from urllib.request import urlopen

from typer.testing import CliRunner

from contracts import topics
from contracts.events import COMPLETED
from contracts.reading import STRUCTURED
from services.cli.demo import case_systems, offices
from services.cli.main import app
from services.cli.producer import Sender
from tests.integration.conftest import AUTHORITY, Running, on_embedded
from tests.integration.test_outside import cloud_event, state

RUN = CliRunner()
SERIES = "nation/27.35.04/low"


def measured(running: Running, task: str) -> tuple[str, int | None]:
    """The status and credit (ms) of a task that is sent now."""
    event = cloud_event(COMPLETED, state(task, 1), f"{task}-1")
    attributes = {**event.get_attributes(), "time": "2026-03-02T08:10:00Z"}
    value = json.dumps({**attributes, "data": event.get_data()}).encode()
    with Sender(running.stack.kafka_settings()) as sender:
        sender.send(topics.tasks_topic(AUTHORITY), task.encode(), value, (("content-type", STRUCTURED.encode()),))
    assert running.stack.drain()
    ((status, credit),) = running.rows(
        "SELECT status, credit_ms FROM task_measurements WHERE task = {task:String}", task=task
    )
    return status, credit


def withdraw(running: Running, *arguments: str) -> str:
    options = ("--reason", "wrong-source", "--by", "method-office", "--json", "--data", str(running.stack.data))
    result = RUN.invoke(app, ["baseline", "withdraw", *arguments, *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def followed(running: Running, generation: int, seconds: float = 20.0) -> bool:
    """Whether the collector has applied the generation in time, by its own metrics."""
    deadline = monotonic() + seconds
    wanted = f"frigjort_collector_baseline_generation {generation}.0"
    while monotonic() < deadline:
        with urlopen(running.ready["metrics"][0], timeout=5) as response:
            if wanted in response.read().decode().splitlines():
                return True
        sleep(0.2)
    return False


@on_embedded
def test_a_withdrawn_baseline_is_not_measured_against(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    registry = running.stack.registry()
    nation = next(b for b in case_systems.baselines() if b["baseline"] == SERIES)
    own = {**nation, "baseline": "own/27.35.04/low", "level": "authority", "authority": AUTHORITY, "mean_ms": 1_500_000}
    offices.publish(registry, [own], datetime.now(UTC))
    assert followed(running, registry.store.generation())
    assert measured(running, "t-own") == ("measured", 1_500_000)

    assert json.loads(withdraw(running, "own/27.35.04/low", "1"))["withdrawn_now"] is True
    assert followed(running, registry.store.generation())
    assert measured(running, "t-nation") == ("measured", 1_080_000)

    withdraw(running, SERIES, "1")
    assert followed(running, registry.store.generation())
    assert measured(running, "t-none") == ("unmeasured", None)

    assert json.loads(withdraw(running, SERIES, "1"))["withdrawn_now"] is False
    options = ("--state", "withdrawn", "--json", "--data", str(running.stack.data))
    listed = RUN.invoke(app, ["baseline", "list", *options])
    withdrawn = {entry["baseline"] for entry in json.loads(listed.stdout)}
    assert withdrawn == {SERIES, "own/27.35.04/low"}
    assert measured(running, "t-own-again")[0] == "unmeasured"
    assert running.rows("SELECT credit_ms FROM task_measurements WHERE task = 't-own'") == [(1_500_000,)]
